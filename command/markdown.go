package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// writeMarkdown describes all providers in one document.
func writeMarkdown(out io.Writer) error {
	found, err := all()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "# Providers\n\n"+
		"<!-- Made by go generate from verify/providers; changes belong there. -->\n\n"+
		"%d providers are built in. `caddy webhooks providers NAME` shows one of them.\n\n"+
		"The last column is the best evidence that there is for a description: sdk (the provider's own library runs in\n"+
		"interop/ against it), source (the code of the provider's library or server was read), docs (its documentation\n"+
		"was), vector (a signature that it has published verifies), third-party (others describe it, or receive it).\n"+
		"`caddy webhooks providers --evidence` lists what was read, and when.\n\n"+
		"| provider | scheme | credentials | signed | event | delivery id | handshake | tolerance | evidence |\n"+
		"|---|---|---|---|---|---|---|---|---|\n", len(found))
	for _, d := range found {
		fmt.Fprintf(out, "| [%s](#%s) | %s | %s | %s | %s | %s | %s | %s | %s |\n", d.spec.Name, d.spec.Name, d.scheme(),
			d.credentials(), d.provider.Coverage(), code(sourceNames(d.spec.Event)), code(sourceNames(d.spec.ID)),
			d.handshake(), d.tolerance(), d.spec.Proof())
	}
	for _, d := range found {
		if err := d.writeMarkdown(out); err != nil {
			return err
		}
	}
	return nil
}

// writeMarkdown is a provider's own section.
func (d *description) writeMarkdown(out io.Writer) error {
	fmt.Fprintf(out, "\n## %s\n\n[%s](%s). %s\n\n", d.spec.Name, d.spec.Title, d.spec.Docs, d.spec.Note)
	for _, row := range d.rows() {
		fmt.Fprintf(out, "- %s: %s\n", row[0], row[1])
	}
	for _, category := range d.spec.Categories {
		fmt.Fprintf(out, "\nCategory `%s`: %s\n", category.Name, categoryText(&category))
	}
	if len(d.spec.Events) > 0 {
		fmt.Fprintf(out, "\nEvents: %s\n", code(d.spec.Events))
	}
	for _, group := range []struct {
		title string
		paths []string
	}{{"Personal data", d.spec.Personal}, {"Secrets in the payload", d.spec.Secrets}} {
		if len(group.paths) > 0 {
			fmt.Fprintf(out, "\n%s: %s\n", group.title, code(group.paths))
		}
	}
	_, err := fmt.Fprintf(out, "\n```caddyfile\n%s```\n", d.caddyfile())
	return err
}

// code sets names in code font.
func code(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// categoryText says which events are in a category.
func categoryText(c *verify.Category) string {
	text := code(c.Events)
	switch {
	case c.When == "":
		return text
	case len(c.Events) == 0:
		return "all for which `" + c.When + "`"
	default:
		return text + ", for which `" + c.When + "`"
	}
}
