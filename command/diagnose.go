package command

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
)

// diagnosis is one run of caddy webhooks diagnose.
type diagnosis struct {
	in        io.Reader
	out       io.Writer
	secrets   []string
	tenant    string
	publicURL string
	json      bool
	file      string
}

func diagnoseCommand() *cobra.Command {
	d := new(diagnosis)
	cmd := &cobra.Command{
		Use:   "diagnose --secret S [--secret S]...|--tenant @FILE [--public-url URL] [--json] FILE|-",
		Short: "Finds out how a captured webhook was signed",
		Long: `Reads a raw HTTP request out of a file or the standard input, and searches for
how it was signed with one of the secrets: by a built-in provider, or else by any
combination of hash, encoding, prefix, key and content that a provider of your
own can have. What it finds it prints for your Caddyfile, the provider's name
first. It prints neither secrets nor signatures.

A captured request is old, so the time that it states is shown but not checked;
and it does not say whether it came by https or http, so both are tried. A
request without Content-Length has the rest of the file as its body.

Exit codes: 0 found, 1 not found, 2 the command could not be carried out.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringArrayVar(&d.secrets, "secret", nil, "Key, or public key, with which it may be signed (@FILE reads it from a file)")
	cmd.Flags().StringVar(&d.tenant, "tenant", "", "A tenant's JSON, as @FILE, whose secrets and public keys are tried, too")
	cmd.Flags().StringVar(&d.publicURL, "public-url", "", "URL under which the provider knows the endpoint")
	cmd.Flags().BoolVar(&d.json, "json", false, "Print the outcome as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d.in, d.out, d.file = cmd.InOrStdin(), cmd.OutOrStdout(), args[0]
		return run(d.run)(cmd, args)
	}
	return cmd
}

func (d *diagnosis) run() (int, error) {
	input := diagnose.Input{PublicURL: d.publicURL}
	for _, text := range d.secrets {
		secret, err := value(text)
		if err != nil {
			return exitUsage, err
		}
		if strings.TrimSpace(secret) == "" {
			return exitUsage, errors.New("--secret is empty")
		}
		input.Secrets = append(input.Secrets, secret)
	}
	if d.tenant != "" {
		keys, err := keysOfTenant(d.tenant)
		if err != nil {
			return exitUsage, err
		}
		input.Secrets = append(input.Secrets, keys...)
	}
	if u, err := url.Parse(d.publicURL); d.publicURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return exitUsage, fmt.Errorf("--public-url is no URL such as https://hooks.example.com/path: %q", d.publicURL)
	}
	captured, err := readCapture(d.file, d.in)
	if err != nil {
		return exitUsage, err
	}
	request := &diagnose.Request{
		Method: captured.Method, URL: captured.target(""), Header: captured.Header, Body: captured.body, Received: time.Now(),
	}
	found, err := diagnose.Find(request, &input)
	if err != nil {
		return exitUsage, err
	}
	if err := d.print(found, captured.note()); err != nil {
		return exitUsage, err
	}
	if found.Finding == nil {
		return exitNo, nil
	}
	return 0, nil
}

// outcome is what the command prints with --json.
type outcome struct {
	Found     bool     `json:"found"`
	Provider  string   `json:"provider,omitempty"`
	Builtin   bool     `json:"builtin,omitempty"`
	Also      []string `json:"also,omitempty"`
	Handshake bool     `json:"handshake,omitempty"`
	Change    string   `json:"change,omitempty"`
	Notes     []string `json:"notes,omitempty"`
	Caddyfile string   `json:"caddyfile,omitempty"`
}

// print writes the outcome.
func (d *diagnosis) print(found *diagnose.Diagnosis, note string) error {
	o := outcome{Notes: found.Notes()}
	if note != "" {
		o.Notes = append(o.Notes, note)
	}
	if f := found.Finding; f != nil {
		o.Found, o.Provider, o.Builtin, o.Also, o.Handshake, o.Change = true, f.Provider, f.Builtin, f.Also, f.Handshake, f.Change
		o.Caddyfile = found.Caddyfile()
	}
	if d.json {
		return writeJSON(d.out, o, "")
	}
	if !o.Found {
		fmt.Fprintln(d.out, "not found")
	} else {
		fmt.Fprintln(d.out, o.Provider)
	}
	for _, note := range o.Notes {
		fmt.Fprintln(d.out, "- "+note)
	}
	if o.Found {
		fmt.Fprint(d.out, "\n"+o.Caddyfile)
	}
	return nil
}
