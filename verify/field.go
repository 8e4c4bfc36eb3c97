package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// fieldKind is the part of a request that a field reads.
type fieldKind int

const (
	literalText fieldKind = iota
	wholeBody
	bodyPath
	headerField
	queryField
	formField
	requestMethod
	requestPath
	requestURL
	statedTimestamp
	deliveryID
	secretKey
)

// field names one value of a request.
type field struct {
	kind fieldKind
	name string // of a header, query parameter or form field; literal text
	path payload.Path
	slot int // of a body path in the finder
}

// plainFields are the fields that consist of a single word.
var plainFields = map[string]fieldKind{
	"body":      wholeBody,
	"method":    requestMethod,
	"path":      requestPath,
	"url":       requestURL,
	"timestamp": statedTimestamp,
	"id":        deliveryID,
	"key":       secretKey,
}

// caddyPrefixes maps the long names of Caddy's placeholders, which the
// Caddyfile adapter puts in place of the short ones, to the short ones.
var caddyPrefixes = strings.NewReplacer(
	"http.request.uri.query.", "query.",
	"http.request.uri.path", "path",
	"http.request.header.", "header.",
	"http.request.method", "method",
	"http.request.body", "body",
)

// parseField reads a field's name, such as header.X-Event or body.type.
func parseField(text string) (field, error) {
	text = caddyPrefixes.Replace(text)
	if kind, ok := plainFields[text]; ok {
		return field{kind: kind}, nil
	}
	root, name, _ := strings.Cut(text, ".")
	if name == "" {
		return field{}, fmt.Errorf("unknown field %q; fields are header.NAME, query.NAME, form.NAME, "+
			"body.PATH, body, timestamp, id, method, path and url", text)
	}
	switch root {
	case "header":
		return field{kind: headerField, name: http.CanonicalHeaderKey(name)}, nil
	case "query":
		return field{kind: queryField, name: name}, nil
	case "form":
		return field{kind: formField, name: name}, nil
	case "body":
		path, err := payload.ParsePath(name)
		return field{kind: bodyPath, path: path}, err
	default:
		return field{}, fmt.Errorf("unknown field %q; a field begins with header., query., form. or body.", text)
	}
}

// isField reports whether text is meant as a field rather than a fixed name.
func isField(text string) bool {
	root, name, dotted := strings.Cut(text, ".")
	return dotted && name != "" && slices.Contains([]string{"header", "query", "form", "body"}, root)
}

// prepare asks the finder for what the field reads out of the body.
func (f *field) prepare(finder *payload.Finder, signed bool) {
	if f.kind == bodyPath {
		f.slot = finder.Add(f.path, signed)
	}
}

// text returns the field's value exactly as it was sent. A header or parameter
// that was sent twice is ambiguous, which is an error, as is a body that
// cannot be read.
func (f *field) text(r *Request) (value string, present bool, err error) {
	switch f.kind {
	case literalText:
		return f.name, true, nil
	case bodyPath:
		span, err := r.span(f.slot)
		if err != nil || !span.Found() {
			return "", false, err
		}
		value, present = payload.Text(span.Of(r.Body.Document()))
		return value, present, nil
	case headerField:
		return single(f.name, r.Header[f.name])
	case queryField:
		return single(f.name, r.URL.Query()[f.name])
	case formField:
		form, err := r.Body.Form()
		if err != nil {
			return "", false, err
		}
		return single(f.name, form[f.name])
	case requestMethod:
		return r.Method, true, nil
	case requestPath:
		return r.URL.Path, true, nil
	case requestURL:
		return r.URL.String(), true, nil
	default:
		return "", false, nil
	}
}

// single returns the only value of a list.
func single(name string, values []string) (string, bool, error) {
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, fmt.Errorf("%s was sent %d times", name, len(values))
	}
}
