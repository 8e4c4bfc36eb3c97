package inspect

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Redacted stands where something was that must not be seen.
const Redacted = "[redacted]"

// What is kept of one request at most.
const (
	maxBody    = 64 << 10 // bytes of a payload
	maxHeaders = 100      // lines
	maxValue   = 1024     // bytes of a line
)

// Redactor makes requests fit to be shown.
type Redactor struct {
	Credentials verify.Credentials
	Bodies      bool           // payloads are kept
	Paths       []payload.Path // of values that are left out
}

// telling are parts of the names of headers that hold credentials, though the
// verifier does not read them.
var telling = []string{"auth", "cookie", "credential", "hmac", "jwt", "key", "passw", "secret", "sig", "token"}

// Headers returns the headers of a request in the order of their names.
func (r *Redactor) Headers(header http.Header) []Header {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines []Header
	for _, name := range names {
		for _, value := range header[name] {
			if len(lines) == maxHeaders {
				return append(lines, Header{Name: "…", Value: "more headers are left out"})
			}
			if r.secret(name) {
				value = Redacted
			}
			lines = append(lines, Header{Name: shorten(name), Value: shorten(value)})
		}
	}
	return lines
}

func (r *Redactor) secret(name string) bool {
	lower := strings.ToLower(name)
	return r.Credentials.HoldHeader(http.CanonicalHeaderKey(name)) ||
		slices.ContainsFunc(telling, func(part string) bool { return strings.Contains(lower, part) })
}

// shorten bounds a text, at the end of a character.
func shorten(text string) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= maxValue {
		return text
	}
	end := maxValue
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

const tooLong = "it is longer than 64 KiB"

// Shorten returns a payload out of which nothing is left out, if it is not too
// long.
func Shorten(document []byte) Text {
	if len(document) > maxBody {
		return Text{Omitted: tooLong}
	}
	return Text{Content: string(document)}
}

// Body returns a payload without the values that must not be seen. One in
// which they cannot be found for sure is left out.
func (r *Redactor) Body(document []byte) Text {
	switch {
	case !r.Bodies:
		return Text{}
	case len(document) == 0:
		return Text{Omitted: "there is no JSON"}
	case len(document) > maxBody:
		return Text{Omitted: tooLong}
	}
	if _, err := payload.Decode(document); err != nil {
		return Text{Omitted: "it is not strict JSON"}
	}
	for _, path := range slices.Concat(r.Credentials.Paths, r.Paths) {
		var err error
		if document, err = payload.Replace(document, path, []byte(`"`+Redacted+`"`)); err != nil {
			return Text{Omitted: "a value in it could not be left out"}
		}
	}
	return Text{Content: string(document)}
}
