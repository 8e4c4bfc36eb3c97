package payload_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// mistakes are documents that are no JSON, with the wanted names a, b.c and d.
// Beyond a mistake that hides where values end, they are not found.
var mistakes = []struct {
	name, document string
	found          string // the wanted names that stand in what can be read
}{
	{"half a surrogate pair", `{"x":"\ud83d","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"the other half", `{"x":"\ude00 ","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"two first halves", `{"x":"\ud83d\ud83d","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"half a pair before an escape", `{"x":"\ud83d\n","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"half a pair at the end", `{"a":1,"b":{"c":2},"d":3,"x":"\ud83d"}`, "a b.c d"},
	{"a stray byte", "{\"x\":\"caf\xe9\",\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"a stray byte before the quote", "{\"x\":\"\xe2\x82\",\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"a stray byte in a name", "{\"\xe9\":0,\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"a control character", "{\"x\":\"a\x08b\",\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"a line break", "{\"x\":\"a\nb\",\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"NUL", "{\"x\":\"a\x00b\",\"a\":1,\"b\":{\"c\":2},\"d\":3}", "a b.c d"},
	{"no such escape", `{"x":"\x41\'","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"not hexadecimal", `{"x":"\u00zz","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"a short escape", `{"x":"\u00","a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"NaN", `{"x":NaN,"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"NaN on the way", `{"a":1,"b":{"x":NaN,"c":2},"d":3}`, "a b.c d"},
	{"Infinity", `{"x":[-Infinity,+Infinity],"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"None and True", `{"x":None,"y":True,"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"nul", `{"x":nul,"y":falsch,"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"leading zero", `{"x":007,"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"half a number", `{"x":1.,"y":.5,"z":1e,"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"comma after the last member", `{"a":1,"b":{"c":2,},"d":3,}`, "a b.c d"},
	{"comma after the last element", `{"x":[1,2,],"y":[{"z":[1,],},],"a":1,"b":{"c":2},"d":3}`, "a b.c d"},
	{"text behind the end", `{"a":1,"b":{"c":2},"d":3} trailing`, "a b.c d"},
	{"a second document", `{"a":1,"b":{"c":2},"d":3}{"a":9}`, "a b.c d"},
	{"cut off", `{"a":1,"b":{"c":2},"d":`, "a b.c"},
	{"cut off in a text", `{"a":1,"b":{"c":2},"x":"text`, "a b.c"},
	{"cut off in an object", `{"a":1,"b":{"c":2`, "a b.c"},
	{"cut off behind an escape", `{"a":1,"x":"\`, "a"},
	{"a comment", `{"a":1,/* */"b":{"c":2},"d":3}`, "a"},
	{"quotes of the wrong kind", `{"a":1,'b':{"c":2},"d":3}`, "a"},
	{"no comma", `{"a":1 "b":{"c":2},"d":3}`, "a"},
	{"no colon", `{"a":1,"b" {"c":2},"d":3}`, "a"},
	{"two commas", `{"a":1,,"b":{"c":2},"d":3}`, "a"},
	{"no value", `{"a":1,"b":,"d":3}`, "a"},
	{"the wrong end", `{"a":1,"x":[1},"b":{"c":2},"d":3}`, "a"},
	{"no document", `hello`, ""},
	{"not even that", `}`, ""},
	{"too deep", `{"a":1,"x":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `,"b":{"c":2},"d":3}`, "a"},
}

var wantedNames = []struct {
	path, value string
}{{"a", "1"}, {"b.c", "2"}, {"d", "3"}}

// Where the sender vouches for every byte, what stands in plain sight is found
// in spite of a mistake elsewhere, and nothing is said to be absent that may be
// there. Where he does not, nothing is found.
func TestMistakes(t *testing.T) {
	for _, test := range mistakes {
		t.Run(test.name, func(t *testing.T) {
			for _, first := range []bool{false, true} { // read once before it was trusted
				var finder payload.Finder
				trusted, other := payload.New([]byte(test.document), jsonType, ""), payload.New([]byte(test.document), jsonType, "")
				if first {
					_, _ = trusted.Span(&finder, finder.Add(mustPath(t, "b.c"), false))
				}
				trusted.Trust()
				for _, wanted := range wantedNames {
					slot := finder.Add(mustPath(t, wanted.path), false)
					want := strings.Contains(" "+test.found+" ", " "+wanted.path+" ")
					span, err := trusted.Span(&finder, slot)
					if want && (err != nil || string(span.Of(trusted.Document())) != wanted.value) {
						t.Errorf("%s: %q, %v; want it found", wanted.path, span.Of(trusted.Document()), err)
					}
					if !want && err == nil {
						t.Errorf("%s is said to be absent, or %q", wanted.path, span.Of(trusted.Document()))
					}
					value, err := trusted.Follow(&finder, payload.NewPathChain(mustPath(t, wanted.path)))
					if want != (err == nil && value == int(wanted.value[0]-'0')) {
						t.Errorf("%s: an expression sees %v, %v; want it found: %t", wanted.path, value, err, want)
					}
					if span, err := other.Span(&finder, slot); err == nil {
						t.Errorf("%s: found at %v though nobody vouches for the document", wanted.path, span)
					}
				}
				if complete := test.found == "a b.c d"; complete != (trusted.Failure() == nil) {
					t.Errorf("the failure is %v; want one unless all was read", trusted.Failure())
				}
				if _, err := trusted.Value(); (err == nil) != (test.found == "a b.c d") && test.name != "cut off" {
					t.Errorf("the whole value: %v", err)
				}
			}
			if payload.New([]byte(test.document), jsonType, "").CheckJSON() == nil {
				t.Error("taken for JSON")
			}
		})
	}
}

// What is no value is nil to expressions, and what is no character is replaced.
func TestLooseValues(t *testing.T) {
	const document = "{\"half\":\"a\\ud83d\\n\\ud83d\\ude00\",\"byte\":\"caf\xe9\",\"escape\":\"\\q\\u12\",\"nan\":NaN,\"inf\":-Infinity,\"zero\":007," +
		"\"word\":truely,\"list\":[1,\"\\ude00\",{\"x\":NaN,},],\"text\":\"plain\",\"number\":1.5,\"no\":null,\"yes\":true}"
	want := map[string]any{
		"half": "a\ufffd\n\U0001f600", "byte": "caf\ufffd", "escape": "q\ufffd12", "nan": nil, "inf": nil, "zero": nil, "word": nil,
		"list": []any{1, "\ufffd", map[string]any{"x": nil}}, "text": "plain", "number": 1.5, "no": nil, "yes": true,
	}
	body := payload.New([]byte(document), jsonType, "")
	body.Trust()
	if got, err := body.Value(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the whole value is %#v, %v; want %#v", got, err, want)
	}
	var finder payload.Finder
	for name, value := range want {
		if got, err := body.Follow(&finder, payload.NewPathChain(payload.Path{name})); err != nil || !reflect.DeepEqual(got, value) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, value)
		}
	}
}

// A name twice and a variant of a signed name stay what they are.
func TestLooseReadingRefuses(t *testing.T) {
	var finder payload.Finder
	slot := finder.Add(mustPath(t, "id"), true)
	for document, want := range map[string]error{
		`{"x":NaN,"id":1,"id":2,"y":`: nil,
		`{"x":NaN,"ID":1,"id":2}`:     payload.ErrCaseVariant,
		``:                            payload.ErrNotJSON,
		" \n":                         payload.ErrNotJSON,
	} {
		body := payload.New([]byte(document), jsonType, "")
		body.Trust()
		if _, err := body.Span(&finder, slot); !errors.Is(err, want) {
			t.Errorf("%q: %v; want %v", document, err, want)
		}
	}
	body := payload.New([]byte(`{"x":NaN,"id":1,"id":2}`), jsonType, "")
	body.Trust()
	_, _ = body.Span(&finder, finder.Add(mustPath(t, "none"), false))
	if _, err := body.Span(&finder, slot); !errors.Is(err, payload.ErrDuplicateName) {
		t.Errorf("a name that stands twice: %v", err)
	}
}

// A byte order mark is not part of the document, and part of the body.
func TestByteOrderMark(t *testing.T) {
	const marked = "\ufeff" + `{"a":[7]}`
	for _, trusted := range []bool{false, true} {
		body := payload.New([]byte(marked), jsonType, "")
		if trusted {
			body.Trust()
		}
		var finder payload.Finder
		span, err := body.Span(&finder, finder.Add(mustPath(t, "a.0"), false))
		if err != nil || string(span.Of(body.Document())) != "7" || !body.Marked() || string(body.Bytes()) != marked {
			t.Errorf("found %q, %v in %q", span.Of(body.Document()), err, body.Bytes())
		}
		if value, err := body.Value(); err != nil || !reflect.DeepEqual(value, map[string]any{"a": []any{7}}) {
			t.Errorf("the value is %v, %v", value, err)
		}
	}
	for _, document := range []string{"\ufeff\ufeff{}", " \ufeff{}", "\xff\xfe{\x00}\x00", "\ufeff"} {
		if value, err := payload.New([]byte(document), jsonType, "").Value(); err == nil && value != nil {
			t.Errorf("%q is %v", document, value)
		}
	}
}

// What a payload must be where the operator wants JSON.
func TestCheckJSON(t *testing.T) {
	const formType, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"
	for _, test := range []struct {
		contentType, field, body string
		json                     bool
	}{
		{jsonType, "", `{"a":[1,2,{"b":"\ud83d\ude00"}],"c":null}` + "\r\n", true},
		{"", "", `[]`, true},
		{"text/plain", "", `"text"`, true},
		{jsonType, "", `{"a":1,"a":2}`, true},
		{jsonType, "", ``, false},
		{jsonType, "", ` `, false},
		{jsonType, "", "\ufeff{}", false},
		{"text/xml", "", `<a/>`, false},
		{formType, "", `a=1`, false},
		{formType, "payload", `payload=%7B%22a%22%3A1%7D`, true},
		{formType, "payload", `payload=%7B%22a%22%3A1`, false},
		{formType, "payload", `a=1`, false},
		{formType, "payload", `payload=1&payload=2`, false},
		{parts, "", "--B--", false},
		{parts, "payload", "--B--", false},
	} {
		if err := payload.New([]byte(test.body), test.contentType, test.field).CheckJSON(); (err == nil) != test.json {
			t.Errorf("%s %q: %v; want JSON %t", test.contentType, test.body, err, test.json)
		}
	}
}
