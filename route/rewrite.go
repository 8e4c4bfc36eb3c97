package route

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Rewrite says how a webhook is changed before it goes on.
type Rewrite struct {
	// An expression whose result, as JSON, is the new payload.
	Body string `json:"body,omitempty"`

	// Request headers to set. A header whose expression is nil is removed.
	Headers []Header `json:"headers,omitempty"`

	// An expression for the new path and query.
	URI string `json:"uri,omitempty"`
}

// Header is a request header that an expression computes.
type Header struct {
	// The name of the header.
	Name string `json:"name,omitempty"`

	// The expression for its value.
	Value string `json:"value,omitempty"`
}

// Rewriter is a Rewrite ready for use, by many goroutines.
type Rewriter struct {
	body, uri *Value
	headers   []headerValue
}

type headerValue struct {
	name  string
	value *Value
}

// Outcome is what a rewrite made of an event.
type Outcome struct {
	Body    []byte       // the new payload; nil: unchanged
	Headers []HeaderEdit // in their order
	URI     string       // the new path and query; empty: unchanged
}

// HeaderEdit is a header to set, or to remove where Value is nil.
type HeaderEdit struct {
	Name  string
	Value *string
}

// NewRewriter compiles the expressions of a Rewrite.
func NewRewriter(rewrite *Rewrite) (*Rewriter, error) {
	var r Rewriter
	var err error
	if rewrite.Body != "" {
		if r.body, err = CompileValue(rewrite.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	if rewrite.URI != "" {
		if r.uri, err = CompileValue(rewrite.URI); err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
	}
	for _, header := range rewrite.Headers {
		value, err := CompileValue(header.Value)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", header.Name, err)
		}
		r.headers = append(r.headers, headerValue{header.Name, value})
	}
	if r.body == nil && r.uri == nil && r.headers == nil {
		return nil, errors.New("nothing to rewrite: write body, header or uri")
	}
	return &r, nil
}

// Apply computes all that is to change, from the event as it is before.
func (r *Rewriter) Apply(e *Event) (*Outcome, error) {
	out := new(Outcome)
	var err error
	if r.body != nil {
		if out.Body, err = r.body.document(e); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	if r.uri != nil {
		if out.URI, err = r.uri.requestURI(e); err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
	}
	for _, header := range r.headers {
		edit, err := header.edit(e)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", header.name, err)
		}
		out.Headers = append(out.Headers, edit)
	}
	return out, nil
}

func (v *Value) document(e *Event) ([]byte, error) {
	result, err := v.run(e)
	if err != nil {
		return nil, err
	}
	return payload.Encode(result)
}

func (h headerValue) edit(e *Event) (HeaderEdit, error) {
	result, err := h.value.run(e)
	if err != nil || result == nil {
		return HeaderEdit{Name: h.name}, err
	}
	text, err := Text(result)
	text = HeaderText(text)
	return HeaderEdit{Name: h.name, Value: &text}, err
}

// requestURI evaluates an expression for a path and query. Values out of a
// payload must not climb out of the path the operator wrote.
func (v *Value) requestURI(e *Event) (string, error) {
	text, err := v.text(e)
	if err != nil {
		return "", err
	}
	parsed, err := url.ParseRequestURI(text)
	if err != nil || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return "", errors.New("the result is not a path that begins with a single slash")
	}
	if slices.ContainsFunc(strings.Split(parsed.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return "", errors.New("the result contains a dot segment; use escape() for values out of the payload")
	}
	return text, nil
}

// HeaderText makes text fit for the value of a header: what is not printable
// ASCII is percent-encoded, so that no line can be added.
func HeaderText(text string) string {
	plain := func(c byte) bool { return ' ' <= c && c <= '~' }
	safe := true
	for i := range len(text) {
		safe = safe && plain(text[i])
	}
	if safe {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) && c != '%' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
