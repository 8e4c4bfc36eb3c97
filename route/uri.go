package route

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// uriValue is an expression for a new path and query.
type uriValue struct {
	Value
	bare      []string // values that stand in the path as they come
	mayQuery  bool     // the operator writes a query
	isWritten bool     // the operator writes some of it, so it is no URI that came as a whole
}

// compileURI compiles the expression of a new path and query. No value may stand in
// the query as it came.
func compileURI(source string) (*uriValue, error) {
	value, err := CompileValue(source)
	if err != nil {
		return nil, err
	}
	w := uriWalk{variables: make(map[string]variable)}
	w.visit(value.tree)
	if len(w.inQuery) > 0 {
		return nil, fmt.Errorf("%s stands in the query as it came, so that & in it adds a parameter; "+
			"write escape(%[1]s), or the whole query as in \"/path?\" + escapeQuery({name: %[1]s})", w.inQuery[0])
	}
	return &uriValue{Value: *value, bare: w.inPath, mayQuery: w.hasQuery, isWritten: w.isWritten}, nil
}

// BareInPath are values of the webhook that uri puts into the path without
// escape(). One that is the whole URI, and the request's own path, are none.
func (r *Rewriter) BareInPath() []string {
	if r.uri == nil || !r.uri.isWritten {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.uri.bare), func(name string) bool { return name == "path" })
}

// requestURI evaluates the expression. Values out of a payload must not climb out
// of the path the operator wrote, nor begin a query.
func (v *uriValue) requestURI(e *Event) (string, error) {
	text, err := v.text(e)
	if err != nil {
		return "", err
	}
	text = percentEncoded(text, mayStand)
	parsed, err := url.ParseRequestURI(text)
	if err != nil || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return "", payload.Fault("the result is not a path that begins with a single slash")
	}
	if slices.ContainsFunc(strings.Split(parsed.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return "", payload.Fault("the result contains a dot segment, such as a value .. out of the payload")
	}
	raw, _, _ := strings.Cut(text, "?")
	if strings.Contains(raw, "//") {
		return "", payload.Fault("the result contains an empty segment, such as an empty value out of the payload")
	}
	if v.isWritten && len(v.bare) > 0 && strings.Count(text, "?") > marks(v.mayQuery) {
		return "", payload.Faultf("%s contains a question mark, which would begin a query; write escape(%[1]s)", strings.Join(v.bare, " or "))
	}
	return text, nil
}

// marks is how many question marks there are where values have none.
func marks(hasQuery bool) int {
	if hasQuery {
		return 1
	}
	return 0
}

// mayStand reports whether a byte may stand in a URI at all. A number sign may not:
// what follows it would be no part of what is sent.
func mayStand(c byte) bool { return ' ' < c && c <= '~' && strings.IndexByte("\"#<>\\^`{|}", c) < 0 }
