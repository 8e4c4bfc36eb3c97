package payload_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// tree is a document as another reader sees it, with all that stands in it.
type tree struct {
	kind     jsontext.Kind
	text     string // of a scalar
	names    []string
	children []*tree
}

// parse reads a document with jsontext.
func parse(document []byte) (*tree, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(document), jsontext.AllowDuplicateNames(true))
	whole, err := parseValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more")
	}
	return whole, nil
}

func parseValue(dec *jsontext.Decoder) (*tree, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	value := &tree{kind: token.Kind()}
	if value.kind != '{' && value.kind != '[' {
		value.text = token.String()
		return value, nil
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		if value.kind == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			value.names = append(value.names, name.String())
		}
		child, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		value.children = append(value.children, child)
	}
	_, err = dec.ReadToken()
	return value, err
}

// at follows a path, and reports whether a name on it stands twice.
func (v *tree) at(path payload.Path) (found *tree, double bool) {
	for _, part := range path {
		var next []*tree
		switch v.kind {
		case '{':
			for i, name := range v.names {
				if name == part {
					next = append(next, v.children[i])
				}
			}
		case '[':
			if i, err := strconv.Atoi(part); err == nil && strconv.Itoa(i) == part && i >= 0 && i < len(v.children) {
				next = append(next, v.children[i])
			}
		}
		if len(next) != 1 {
			return nil, len(next) > 1
		}
		v = next[0]
	}
	return v, false
}

// hasVariant reports whether a name beside the path, or in its place, differs
// in case only from one of it.
func (v *tree) hasVariant(path payload.Path) bool {
	for i, part := range path {
		object, _ := v.at(path[:i])
		if object == nil {
			return false
		}
		for _, name := range object.names {
			if name != part && strings.EqualFold(name, part) {
				return true
			}
		}
	}
	return false
}

// Another strict reader agrees on what a document is, what stands at a path,
// which names stand twice, and which are variants of signed ones.
func FuzzScan(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), "id", false)
		f.Add([]byte(seed), "job.items.1", true)
		f.Add([]byte(seed), "0.0", false)
	}
	for _, text := range []string{
		`"\ud83d\ude00é€𝄞\u0000\b\f\n\r\t\/\\\""`, `-0.10e+01`, `-`, `1.`, `1e`, `tru`, `"\u12"`, `"\ud800\u0041"`,
		`[1,[2,[3,{"a":[{}]}]],"` + strings.Repeat("x", 150) + `"]`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
		strings.Repeat(`{"a":[`, 70) + strings.Repeat(`]}`, 70), `{"id":1,"x":[],"id":{}}`, `{"job":{"items":1,"items":2}}`,
	} {
		f.Add([]byte(text), "job.items", true)
		f.Add([]byte(text), "a.0.a.0", false)
	}
	f.Fuzz(compare)
}

// compare reads a document with this package and with jsontext.
func compare(t *testing.T, document []byte, text string, signed bool) {
	want, wantErr := parse(document)
	decoded, decodeErr := payload.Decode(document)
	// A name that stands twice is seen before what is wrong behind it.
	strict := jsontext.NewDecoder(bytes.NewReader(document)).SkipValue()
	switch double := errors.Is(decodeErr, payload.ErrDuplicateName); {
	case double && strict == nil, !double && (decodeErr == nil) != (strict == nil && wantErr == nil):
		t.Fatalf("Decode(%q) = %#v, %v; the reference says %v, %v", document, decoded, decodeErr, strict, wantErr)
	}
	path, err := payload.ParsePath(text)
	if err != nil {
		path, signed = payload.Path{"id"}, false
	}
	var finder payload.Finder
	slot := finder.Add(path, signed)
	spans, err := finder.Find(document)
	if wantErr != nil {
		if err == nil {
			t.Fatalf("%q was accepted; the reference says %v", document, wantErr)
		}
		return
	}
	value, double := want.at(path)
	variant := signed && want.hasVariant(path)
	if err != nil {
		if !(errors.Is(err, payload.ErrDuplicateName) && double) && !(errors.Is(err, payload.ErrCaseVariant) && (variant || double)) {
			t.Fatalf("%q in %q: %v; the reference finds nothing wrong", text, document, err)
		}
		return
	}
	if double || variant {
		t.Fatalf("%q in %q was accepted, but stands twice: %t, or has a variant: %t", text, document, double, variant)
	}
	if spans[slot].Found() != (value != nil) {
		t.Fatalf("%q in %q: found %t, the reference %t", text, document, spans[slot].Found(), value != nil)
	}
	if value == nil {
		return
	}
	raw := spans[slot].Of(document)
	if got, err := parse(raw); err != nil || !same(got, value) {
		t.Fatalf("%q in %q is %q: %v", text, document, raw, err)
	}
	if got, ok := payload.Text(raw); ok && got != value.text {
		t.Fatalf("%q in %q is %q as text; want %q", text, document, got, value.text)
	}
}

func same(a, b *tree) bool {
	if a.kind != b.kind || a.text != b.text || len(a.children) != len(b.children) || strings.Join(a.names, "\x00") != strings.Join(b.names, "\x00") {
		return false
	}
	for i := range a.children {
		if !same(a.children[i], b.children[i]) {
			return false
		}
	}
	return true
}
