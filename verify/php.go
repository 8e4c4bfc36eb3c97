package verify

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// phpSerialize writes a form without its signature as PHP's serialize writes
// an array of strings that is sorted by key. Of a field that was sent twice the
// app may read another value than was signed, so it is an error.
func (p *Provider) phpSerialize(form url.Values) (string, error) {
	names := make([]string, 0, len(form))
	for name := range form {
		holdsSignature := func(f field) bool { return f.kind == formField && f.name == name }
		if !slices.ContainsFunc(p.signature.from, holdsSignature) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out strings.Builder
	text := func(s string) { out.WriteString("s:" + strconv.Itoa(len(s)) + `:"` + s + `";`) }
	out.WriteString("a:" + strconv.Itoa(len(names)) + ":{")
	for _, name := range names {
		value, _, err := single("form."+name, form[name])
		if err != nil {
			return "", err
		}
		text(name)
		text(value)
	}
	out.WriteString("}")
	return out.String(), nil
}
