package command

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sending is a webhook on its way, and what there is to say of it.
type sending struct {
	spec    *verify.Spec
	config  *verify.Config
	to      string       // the URL, before a credential was put into it
	event   *route.Event // nil if it cannot be read
	request *http.Request
	body    []byte
}

// isCredential reports whether a header of the request holds a credential.
func isCredential(config *verify.Config, spec *verify.Spec, name string) bool {
	for _, token := range config.TokenHeaders {
		if http.CanonicalHeaderKey(token.Name) == name {
			return true
		}
	}
	if name == "Authorization" {
		return true
	}
	if spec.Token == nil {
		return false
	}
	header, ok := strings.CutPrefix(spec.Token.From, "header.")
	return ok && http.CanonicalHeaderKey(header) == name
}

// printRequest shows what is sent, without tokens and passwords.
func (s *sending) printRequest(out io.Writer) {
	fmt.Fprintf(out, "> %s %s\n", s.request.Method, hide(s.request.URL.String(), s.config, s.spec))
	for _, name := range slices.Sorted(maps.Keys(s.request.Header)) {
		for _, value := range s.request.Header[name] {
			if isCredential(s.config, s.spec, name) {
				value = "(not shown)"
			}
			fmt.Fprintf(out, "> %s: %s\n", name, value)
		}
	}
	fmt.Fprintf(out, "\n%s\n\n", hide(strings.TrimRight(string(s.body), "\n"), s.config, s.spec))
}

// hide replaces tokens that a provider sends in the body.
func hide(body string, config *verify.Config, spec *verify.Spec) string {
	tokens := config.Tokens
	if spec.Scheme == "token" {
		tokens = slices.Concat(tokens, config.Secrets)
	}
	for _, token := range tokens {
		body = strings.ReplaceAll(body, token, "(not shown)")
	}
	return body
}

// printResponse shows what was sent in a line, and then what was answered.
func (s *sending) printResponse(out io.Writer, r *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	what := s.spec.Name
	if s.event != nil {
		what = strings.TrimSpace(strings.Join([]string{what, s.event.Name, s.event.ID}, " "))
	}
	fmt.Fprintf(out, "%s to %s\n\n%s %s\n", printable(what), hide(s.to, s.config, s.spec), r.Proto, printable(r.Status))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", printable(name), printable(value))
		}
	}
	if len(body) > 0 {
		_, err = fmt.Fprintf(out, "\n%s\n", printableLines(string(bytes.TrimRight(body, "\n"))))
	}
	return err
}
