package verify

import (
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Bodies are read in UTF-8, of which US-ASCII is a part, and JSON has no other
// character set. What is declared as something else may have those that differ
// from it beyond ASCII only: every reader finds the same fields.
var (
	charsets      = []string{"utf-8", "utf8", "us-ascii", "ascii"}
	asciiCharsets = append(slices.Clip(charsets), "iso-8859-1", "iso-8859-15", "latin1", "windows-1252")
)

// checkCharset refuses a body that is declared in another character set than
// the one in which it is read here. An app that believes the declaration, as
// many web frameworks do, would find other values in it than those that were
// verified: in UTF-7 a text can hold quotes that nobody else sees.
//
// Before the body is there, it depends on the type whether an app could take
// it for JSON or a form; then, also on how the body begins.
func checkCharset(r *Request) error {
	lines := r.Header["Content-Type"]
	if len(lines) > 1 {
		return refuse(BadEncoding, "Content-Type was sent %d times; an app may go by another one", len(lines))
	}
	if len(lines) == 0 || !strings.ContainsAny(lines[0], ";, \t") {
		return nil
	}
	media, known := payload.MediaType(lines[0]), asciiCharsets
	switch {
	case media == "" || strings.Contains(media, "json"):
		known = charsets
	case payload.IsOtherType(media) && (r.Body == nil || !r.Body.LooksLikeJSON()):
		return nil
	}
	if foreign := foreignCharset(lines[0], known); foreign != "" {
		return refuse(BadEncoding, "Content-Type declares %.60q; the body is read as UTF-8", foreign)
	}
	return nil
}

// foreignCharset returns the first parameter of a content type, and what
// follows, that declares another character set than the known ones. Wherever
// the parameter's name stands, some reader may take what follows for its value.
func foreignCharset(contentType string, known []string) string {
	const name = "charset"
	for at := 0; at+len(name) <= len(contentType); at++ {
		if contentType[at]|0x20 != 'c' || !strings.EqualFold(contentType[at:at+len(name)], name) {
			continue
		}
		value := parameterValue(contentType[at+len(name):])
		if !slices.ContainsFunc(known, func(set string) bool { return strings.EqualFold(set, value) }) {
			return contentType[at:]
		}
	}
	return ""
}

// parameterValue returns the value of a parameter, of which text is what stands
// behind its name. It is empty if that is not understood by every reader.
func parameterValue(text string) string {
	value, ok := strings.CutPrefix(strings.TrimLeft(text, " \t"), "=")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(value, ";,"); end >= 0 {
		value = value[:end]
	}
	value = strings.Trim(value, " \t")
	if quote := value[:min(1, len(value))]; quote == `"` || quote == "'" {
		if value, ok = strings.CutSuffix(value[1:], quote); !ok {
			return ""
		}
	}
	return value
}
