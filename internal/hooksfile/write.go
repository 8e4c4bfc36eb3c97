package hooksfile

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Where webhook listens by default, and where it is to listen behind Caddy.
const (
	frontPort = "9000"
	backPort  = "9001"
)

// plainID is an id that can stand in a path and in a Caddyfile as it is.
var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Write writes a Caddyfile for hooks. It returns how many of them are closed, because they
// have no equivalent.
func Write(out io.Writer, hooks []Hook) (closed int, err error) {
	var global, site bytes.Buffer
	for i := range hooks {
		hook := &hooks[i]
		if !plainID.MatchString(hook.ID) {
			closed++
			comment(&site, fmt.Sprintf("The hook %q is left out, so it is answered with 404: its id cannot stand in a path here.", hook.ID))
			site.WriteByte('\n')
			continue
		}
		made, err := convert(hook)
		if err != nil {
			closed++
			comment(&site, fmt.Sprintf("%s: nothing is let through, because its rule has no equivalent here: %s.", hook.ID, err))
			fmt.Fprintf(&site, "\trespond /hooks/%s 501\n\n", hook.ID)
			continue
		}
		for _, line := range made.definition {
			fmt.Fprintf(&global, "\t\t%s\n", line)
		}
		made.write(&site, hook)
	}
	fmt.Fprintf(out, "# Made of the hooks of adnanh/webhook by caddy webhooks import. Read the comments before you load it.\n"+
		"#\n# Caddy lets through what the rules let through. Webhook still runs the commands, at a port that only Caddy reaches:\n"+
		"#\n#\twebhook -hooks hooks.json -ip 127.0.0.1 -port %s\n#\n"+
		"# Its rules can stay, unless a comment says otherwise: it checks once more. Set the variables {env.…} to the secrets that stand in hooks.json.\n", backPort)
	if global.Len() > 0 {
		fmt.Fprintf(out, "{\n\twebhooks {\n%s\t}\n}\n\n", global.String())
	}
	_, err = fmt.Fprintf(out, "# The port of webhook; with the name of a host here Caddy gets a certificate for it.\nhttp://:%s {\n%s\trespond 404\n}\n",
		frontPort, site.String())
	return closed, err
}

// write writes the directive of a hook.
func (e *endpoint) write(out *bytes.Buffer, hook *Hook) {
	comment(out, fmt.Sprintf("%s runs %q", hook.ID, hook.Command))
	for _, note := range e.notes {
		comment(out, note)
	}
	if len(hook.AsJSON) > 0 || hook.MediaType != "" {
		comment(out, "Rules read the payload as it came: parse-parameters-as-json and incoming-payload-content-type have no part in it.")
	}
	fmt.Fprintf(out, "\thandle_webhook /hooks/%s %s {\n", hook.ID, e.provider)
	for _, line := range e.credential {
		fmt.Fprintf(out, "\t\t%s\n", line)
	}
	if len(e.sources) > 0 {
		fmt.Fprintf(out, "\t\tsources %s\n", strings.Join(e.sources, " "))
	}
	if methods := e.methods(hook); len(methods) > 0 {
		fmt.Fprintf(out, "\t\tmethods %s\n", strings.Join(methods, " "))
	}
	proxy := "webhook_proxy 127.0.0.1:" + backPort
	if e.when == "" {
		fmt.Fprintf(out, "\t\totherwise {\n\t\t\t%s\n\t\t}\n\t}\n\n", proxy)
		return
	}
	mismatch := hook.Mismatch
	if mismatch < 200 || mismatch > 599 {
		mismatch = http.StatusOK
	}
	fmt.Fprintf(out, "\t\ton when `%s` {\n\t\t\t%s\n\t\t}\n\t\totherwise {\n\t\t\trespond \"Hook rules were not satisfied.\" %d\n\t\t}\n\t}\n\n",
		e.when, proxy, mismatch)
}

// methods are those that a hook takes. Webhook takes all where none is said, but a request
// that is signed has a body.
func (e *endpoint) methods(hook *Hook) []string {
	methods := make([]string, 0, len(hook.Methods))
	for _, method := range hook.Methods {
		if method = strings.ToUpper(strings.TrimSpace(method)); headerName.MatchString(method) {
			methods = append(methods, method)
		}
	}
	if len(methods) == 0 && slices.Contains(e.credential, "unverified") {
		return []string{http.MethodGet, http.MethodPost}
	}
	return methods
}

// comment writes a comment of one line, whatever is in the text.
func comment(out *bytes.Buffer, text string) {
	fmt.Fprintf(out, "\t# %s\n", strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text))
}
