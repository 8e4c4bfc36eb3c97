package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// seeds are documents on which readers of JSON disagree.
var seeds = []string{
	`{"id":"a","created_at":1,"job":{"items":[{"sku":"x"},38.90]}}`,
	`{"id":1,"id":2}`, `{"id":1,"id": id6:2}`, `{"ID":1,"id":2}`, `{"t\u0079pe":1}`, `{"id":"\ud800"}`, "{\"id\":\"\xff\"}", "\ufeff{}",
	`{"id":1}x`, `[[[[]]]]`, `12345678901234567890`, `1e400`, `{"a.b":{"0":[null,true]}}`, `{"":{"":1}}`, `-0`, ` {} `,
}

// reference decodes with the standard library and keeps numbers as written.
func reference(document []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	_, err := dec.Token()
	if err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return value, nil
}

// walk follows a path through what reference decoded.
func walk(value any, path payload.Path) (any, bool) {
	for _, part := range path {
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[part]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || strconv.Itoa(i) != part || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// Whatever Find accepts is JSON for everybody, and what it finds is what
// another reader finds.
func FuzzFind(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), "id", "job.items.0.sku", true)
		f.Add([]byte(seed), `a\.b.0.1`, "id", false)
		f.Add([]byte(seed), "0.0.0", "job", true)
	}
	f.Fuzz(func(t *testing.T, document []byte, first, second string, signed bool) {
		var finder payload.Finder
		var paths []payload.Path
		var slots []int
		for _, text := range []string{first, second} {
			if path, err := payload.ParsePath(text); err == nil {
				paths = append(paths, path)
				slots = append(slots, finder.Add(path, signed))
			}
		}
		before := slices.Clone(document)
		spans, err := finder.Find(document)
		if !bytes.Equal(document, before) {
			t.Fatalf("Find changed the document to %q", document)
		}
		if err != nil {
			return
		}
		if !json.Valid(document) {
			t.Fatalf("accepted, but not valid JSON: %q", document)
		}
		whole, err := reference(document)
		if err != nil {
			t.Fatalf("accepted, but the reference says %v: %q", err, document)
		}
		for i, path := range paths {
			want, present := walk(whole, path)
			span := spans[slots[i]]
			if span.Found() != present {
				t.Fatalf("%s in %q: found %t, the reference %t", path, document, span.Found(), present)
			}
			if !present {
				continue
			}
			got, err := reference(span.Of(document))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s in %q: found %q, the reference %v", path, document, span.Of(document), want)
			}
			sameText(t, span.Of(document), want)
		}
	})
}

// sameText compares Text with the reference's value.
func sameText(t *testing.T, raw []byte, want any) {
	t.Helper()
	text, ok := payload.Text(raw)
	switch want := want.(type) {
	case string:
		if !ok || text != want {
			t.Fatalf("Text(%q) = %q, %t; want %q", raw, text, ok, want)
		}
	case json.Number:
		if !ok || text != want.String() {
			t.Fatalf("Text(%q) = %q, %t; want %q", raw, text, ok, want)
		}
	case nil, map[string]any, []any:
		if ok {
			t.Fatalf("Text(%q) = %q; want none", raw, text)
		}
	}
}

// sameValue compares what Decode made with the reference's value.
func sameValue(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for name := range want {
			if value, ok := object[name]; !ok || !sameValue(value, want[name]) {
				return false
			}
		}
		return true
	case []any:
		array, ok := got.([]any)
		return ok && slices.EqualFunc(array, want, sameValue)
	case json.Number:
		return sameNumber(got, want)
	default:
		return got == want
	}
}

func sameNumber(got any, want json.Number) bool {
	switch got := got.(type) {
	case int:
		// The one spelling that Itoa does not give back is minus zero.
		return strconv.Itoa(got) == want.String() || want.String() == "-0" && got == 0
	case float64:
		reference, err := want.Float64()
		return err == nil && got == reference && strings.ContainsAny(want.String(), ".eE")
	case json.Number:
		return got == want
	default:
		return false
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, err := payload.Decode(document)
		_, findErr := new(payload.Finder).Find(document)
		// What follows a doubled name is not looked at any more.
		doubled := errors.Is(err, payload.ErrDuplicateName)
		if !doubled && (err == nil) != (findErr == nil) {
			t.Fatalf("Decode: %v, but Find: %v: %q", err, findErr, document)
		}
		if err != nil {
			return
		}
		want, err := reference(document)
		if err != nil || !sameValue(got, want) {
			t.Fatalf("Decode(%q) = %#v; the reference %#v, %v", document, got, want, err)
		}
		encoded, err := payload.Encode(got)
		if err != nil {
			t.Fatalf("Encode(%#v): %v", got, err)
		}
		if _, err := payload.Decode(encoded); err != nil {
			t.Fatalf("%q became %#v, then %q: %v", document, got, encoded, err)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{`a`, `a.b.0`, `a\.b`, `a\\.b`, `\`, `..`, "\xff", `größe`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := payload.ParsePath(text)
		if err != nil {
			return
		}
		again, err := payload.ParsePath(path.String())
		if err != nil || !slices.Equal(again, path) {
			t.Fatalf("%q is %q, written %q, read as %q (%v)", text, []string(path), path, []string(again), err)
		}
	})
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{`payload=%7B%22a%22%3A1%7D`, `a=1&a=2`, `payload=1&payload=2`, `a=%zz`, `a=1;b`, `{"a":1}`, ` [`, ``, `=`, `payload=%ff`} {
		f.Add([]byte(seed), "payload")
	}
	f.Fuzz(func(t *testing.T, raw []byte, field string) {
		body := payload.New(raw, "application/x-www-form-urlencoded", field)
		value, err := body.Value()
		if !bytes.Equal(body.Bytes(), raw) {
			t.Fatal("the body was changed")
		}
		if !body.IsForm() {
			// It begins as JSON does, so it is read as JSON.
			_, want := payload.Decode(raw)
			if (err == nil) != (want == nil) {
				t.Fatalf("Value: %v, but Decode: %v: %q", err, want, raw)
			}
			return
		}
		form, formErr := url.ParseQuery(string(raw))
		if formErr != nil {
			if err == nil {
				t.Fatalf("a broken form became %#v: %q", value, raw)
			}
			return
		}
		if values := form[field]; field != "" && len(values) == 1 {
			if got := string(body.Document()); got != values[0] {
				t.Fatalf("the document is %q; want %q", got, values[0])
			}
			if strings.TrimSpace(values[0]) != "" {
				return
			}
		}
		fields, ok := value.(map[string]any)
		if err != nil || !ok || len(fields) != len(form) {
			t.Fatalf("Value() = %#v, %v; want the fields of %v", value, err, form)
		}
		for name, values := range form {
			switch got := fields[name].(type) {
			case string:
				ok = len(values) == 1 && got == values[0]
			case []any:
				ok = slices.EqualFunc(got, values, func(a any, b string) bool { return a == b })
			default:
				ok = false
			}
			if !ok {
				t.Fatalf("field %q is %#v; want %q", name, fields[name], values)
			}
		}
	})
}
