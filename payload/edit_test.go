package payload_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

func TestSet(t *testing.T) {
	tests := []struct{ name, document, path, value, want string }{
		{"a member", `{"a":1,"b":38.90}`, "a", `2`, `{"a":2,"b":38.90}`},
		{"white space stays", " { \"a\" : 1 ,\n\t\"b\" : 1.10 } \n", "a", `"x"`, " { \"a\" : \"x\" ,\n\t\"b\" : 1.10 } \n"},
		{"nested", `{"a": {"b" : 1 } , "c":1e2}`, "a.b", `[1]`, `{"a": {"b" : [1] } , "c":1e2}`},
		{"a new member", `{"a":1}`, "b", `2`, `{"a":1,"b":2}`},
		{"a new member of an empty object", `{ }`, "a", `1`, `{ "a":1}`},
		{"new objects on the way", `{}`, "a.b.c", `1`, `{"a":{"b":{"c":1}}}`},
		{"in place of null", `{"a":null}`, "a.b", `1`, `{"a":{"b":1}}`},
		{"at the top in place of null", `null`, "a", `1`, `{"a":1}`},
		{"an element", `{"a":[1, 2 ,3]}`, "a.1", `9`, `{"a":[1, 9 ,3]}`},
		{"one more element", `{"a":[1, 2]}`, "a.2", `9`, `{"a":[1, 2,9]}`},
		{"the first element", `{"a":[]}`, "a.0", `9`, `{"a":[9]}`},
		{"a member of a new element", `{"a":[]}`, "a.0.b", `9`, `{"a":[{"b":9}]}`},
		{"every element", `{"a":[{"b":1}, {"c":2}]}`, "a.*.b", `3`, `{"a":[{"b":3}, {"c":2,"b":3}]}`},
		{"every element itself", `[1, 2]`, "*", `0`, `[0, 0]`},
		{"every element of none", `{"a":[]}`, "a.*.b", `3`, `{"a":[]}`},
		{"every element of every element", `[[1,2],[3]]`, "*.*", `0`, `[[0,0],[0]]`},
		{"every member", `{"a":{"x":{"b":1}, "y":{"c":2}}}`, "a.*.b", `3`, `{"a":{"x":{"b":3}, "y":{"c":2,"b":3}}}`},
		{"every member itself", `{"a":1, "*":2}`, "*", `0`, `{"a":0, "*":0}`},
		{"every member of none", `{"a":{}}`, "a.*.b", `3`, `{"a":{}}`},
		{"every member of every element", `[{"x":1,"y":2},[3]]`, "*.*", `0`, `[{"x":0,"y":0},[0]]`},
		{"every member inside a string", `{"n":"{\"x\":1,\"y\":2}"}`, "n.*", `0`, `{"n":"{\"x\":0,\"y\":0}"}`},
		{"every one of what is missing", `{"a":{}}`, "a.b.*.c", `3`, `{"a":{}}`},
		{"every one of null", `{"a":null}`, "a.*", `3`, `{"a":null}`},
		{"inside a string", `{"n":"{\"door\": \"left\", \"x\": 1.10}"}`, "n.door", `"right"`, `{"n":"{\"door\": \"right\", \"x\": 1.10}"}`},
		{"inside a string in a string", `{"n":"{\"m\":\"[1]\"}"}`, "n.m.0", `2`, `{"n":"{\"m\":\"[2]\"}"}`},
		{"an escaped name", `{"t\u0079pe":1}`, "type", `2`, `{"t\u0079pe":2}`},
		{"a name with a dot", `{"a.b":1}`, `a\.b`, `2`, `{"a.b":2}`},
		{"a name that needs escapes", `{}`, "a\"b\n", `1`, `{"a\"b\n":1}`},
		{"digits as a name", `{"0":1}`, "0", `2`, `{"0":2}`},
		{"case matters", `{"ID":1}`, "id", `2`, `{"ID":1,"id":2}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := strings.Clone(test.document)
			document := []byte(test.document)
			got, err := payload.Set(document, mustPath(t, test.path), []byte(test.value))
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
			if string(document) != before {
				t.Errorf("the document became %s", document)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	tests := []struct{ name, document, path string }{
		{"inside a number", `{"a":1}`, "a.b"},
		{"inside a boolean", `{"a":true}`, "a.b"},
		{"inside text", `{"a":"text"}`, "a.b"},
		{"inside a number in a string", `{"a":"1"}`, "a.b"},
		{"inside a string with two documents", `{"a":"{}{}"}`, "a.b"},
		{"beyond the end", `{"a":[1]}`, "a.2"},
		{"a name in an array", `{"a":[1]}`, "a.b"},
		{"every one of a number", `{"a":1}`, "a.*"},
		{"duplicate names in a member", `{"x":{"a":1,"\u0061":2}}`, "*.a"},
		{"an index with a leading zero", `{"a":[1]}`, "a.00"},
		{"a negative index", `{"a":[1]}`, "a.-1"},
		{"a scalar at the top", `1`, "a"},
		{"empty", ``, "a"},
		{"not JSON", `text`, "a"},
		{"cut short", `{"a":1`, "a"},
		{"duplicate names", `{"a":1,"a":2}`, "a"},
		{"duplicate names on the way", `{"a":{"b":1},"a":{"b":2}}`, "a.b"},
		{"duplicate names in an element", `[{"a":1,"\u0061":2}]`, "*.a"},
		{"duplicate names in a string", `{"a":"{\"b\":1,\"b\":2}"}`, "a.b"},
		{"invalid UTF-8", "{\"a\":1,\"b\":\"\xff\"}", "a"},
		{"trailing data", `{"a":1}x`, "a"},
		{"a second document", `{"a":1}{"a":2}`, "a"},
		{"trailing data after an array", `[1]]`, "0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := payload.Set([]byte(test.document), mustPath(t, test.path), []byte("9")); err == nil {
				t.Errorf("it became %s", got)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	tests := []struct{ name, document, path, want string }{
		{"the first", `{"a":1, "b":2.0}`, "a", `{"b":2.0}`},
		{"the middle", `{"a":1, "b":2, "c":3}`, "b", `{"a":1, "c":3}`},
		{"the last", `{"a":1.10, "b":2 }`, "b", `{"a":1.10 }`},
		{"the only", `{ "a" : 1 }`, "a", `{  }`},
		{"nested", `{"a":{"b":1,"c":2}}`, "a.b", `{"a":{"c":2}}`},
		{"an element", `[1,2,3]`, "1", `[1,3]`},
		{"the only element", `{"a":[1]}`, "a.0", `{"a":[]}`},
		{"every element", `{"a":[1, 2, 3]}`, "a.*", `{"a":[]}`},
		{"in every element", `[{"a":1,"b":2},{"b":3},4]`, "*.a", `[{"b":2},{"b":3},4]`},
		{"every member", `{"a": {"x":1, "y":2} }`, "a.*", `{"a": {} }`},
		{"in every member", `{"c1":{"a":1,"b":2},"c2":{"b":3},"c3":4}`, "*.a", `{"c1":{"b":2},"c2":{"b":3},"c3":4}`},
		{"in every member of every element", `[{"x":{"a":1}},{"y":{"a":2}}]`, "*.*.a", `[{"x":{}},{"y":{}}]`},
		{"every one of a number", `{"a": 1}`, "a.*", `{"a": 1}`},
		{"inside a string", `{"n":"{\"a\":1,\"b\":2}"}`, "n.a", `{"n":"{\"b\":2}"}`},
		{"an absent member", `{"a": 1}`, "b", `{"a": 1}`},
		{"below an absent member", `{"a": 1}`, "b.c", `{"a": 1}`},
		{"below a scalar", `{"a": 1}`, "a.b", `{"a": 1}`},
		{"below null", `{"a": null}`, "a.b", `{"a": null}`},
		{"below text", `{"a": "x\u0041"}`, "a.b", `{"a": "x\u0041"}`},
		{"an absent member in a string", `{"n": "{ \u0022a\u0022: 1}"}`, "n.b", `{"n": "{ \u0022a\u0022: 1}"}`},
		{"an absent element", `[1]`, "1", `[1]`},
		{"a name in an array", `[1]`, "a", `[1]`},
		{"another case", `{"A":1}`, "a", `{"A":1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := payload.Delete([]byte(test.document), mustPath(t, test.path))
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
		})
	}
	for _, document := range []string{``, `text`, `{"a":1`, `{"a":1,"a":2}`, `{"a":1}x`} {
		if got, err := payload.Delete([]byte(document), mustPath(t, "a")); err == nil {
			t.Errorf("%q became %q", document, got)
		}
	}
}

func TestRename(t *testing.T) {
	tests := []struct{ name, document, from, to, want string }{
		{"in place", `{"a": 1.10, "b":2}`, "a", "c", `{"c": 1.10, "b":2}`},
		{"nested, in place", `{"a":{"b":1}}`, "a.b", "a.c", `{"a":{"c":1}}`},
		{"to itself", `{"a":1}`, "a", "a", `{"a":1}`},
		{"escaped name", `{"t\u0079pe":1}`, "type", "kind", `{"kind":1}`},
		{"in every element", `[{"a":1},{"b":2}]`, "*.a", "*.c", `[{"c":1},{"b":2}]`},
		{"in every member", `{"x":{"a":1},"y":{"b":2}}`, "*.a", "*.c", `{"x":{"c":1},"y":{"b":2}}`},
		{"upwards", `{"a":{"b":1.10,"c":2}}`, "a.b", "d", `{"a":{"c":2},"d":1.10}`},
		{"downwards", `{"a":1,"b":2}`, "a", "c.d", `{"b":2,"c":{"d":1}}`},
		{"into a string", `{"a":1,"n":"{}"}`, "a", "n.b", `{"n":"{\"b\":1}"}`},
		{"below itself", `{"a":{"x":1}}`, "a", "a.b", `{"a":{"b":{"x":1}}}`},
		{"out of a string", `{"n":"{\"a\":1}"}`, "n.a", "b", `{"n":"{}","b":1}`},
		{"an absent member", `{"a": 1}`, "b", "c", `{"a": 1}`},
		{"an absent member elsewhere", `{"a": 1}`, "b.c", "d", `{"a": 1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := payload.Rename([]byte(test.document), mustPath(t, test.from), mustPath(t, test.to))
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
		})
	}
	for _, test := range []struct{ name, document, from, to string }{
		{"to a name that exists", `{"a":1,"b":2}`, "a", "b"},
		{"to a path that exists", `{"a":1,"b":{"c":2}}`, "a", "b.c"},
		{"into a scalar", `{"a":1,"b":2}`, "a", "b.c"},
		{"every element elsewhere", `{"a":[{"b":1}]}`, "a.*.b", "c"},
		{"to every element", `{"a":1,"b":[{}]}`, "a", "b.*.c"},
		{"every member", `{"a":{"x":1,"y":2}}`, "a.*", "a.c"},
		{"to every member", `{"a":{"x":1}}`, "a.x", "a.*"},
		{"not JSON", `text`, "a", "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := payload.Rename([]byte(test.document), mustPath(t, test.from), mustPath(t, test.to)); err == nil {
				t.Errorf("it became %s", got)
			}
		})
	}
}

func TestElements(t *testing.T) {
	elements, err := payload.Elements([]byte(` [ 1.10 , {"a" : 1},"x", [ ] ,null] `))
	var got []string
	for _, element := range elements {
		got = append(got, string(element))
	}
	if want := []string{"1.10", `{"a" : 1}`, `"x"`, "[ ]", "null"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if elements, err := payload.Elements([]byte("[]")); err != nil || len(elements) != 0 {
		t.Errorf("%q, %v; want none", elements, err)
	}
	for _, document := range []string{``, `{}`, `"[]"`, `null`, `[1`, `[1,]`, `[{"a":}]`, `[1}`} {
		if elements, err := payload.Elements([]byte(document)); err == nil {
			t.Errorf("%q has the elements %q", document, elements)
		}
	}
}

// put sets a value in what reference decoded. It knows neither stars nor
// documents inside strings.
func put(whole any, path payload.Path, value any) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch v := whole.(type) {
	case nil:
		inner, ok := put(nil, path[1:], value)
		return map[string]any{path[0]: inner}, ok
	case map[string]any:
		inner, ok := put(v[path[0]], path[1:], value)
		v[path[0]] = inner
		return v, ok
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || strconv.Itoa(i) != path[0] || i < 0 || i > len(v) {
			return nil, false
		}
		if i == len(v) {
			v = append(v, nil)
		}
		inner, ok := put(v[i], path[1:], value)
		v[i] = inner
		return v, ok
	}
	return nil, false
}

// Set does what it would do to decoded values, and leaves the rest as it is.
func FuzzSet(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), "id", []byte(`38.90`))
		f.Add([]byte(seed), "job.items.0.sku", []byte(`{"a":[]}`))
	}
	f.Add([]byte(`{"n":"{\"a\":1}"}`), "n.a", []byte(`2`))
	f.Add([]byte(`[{"a":1},{}]`), "*.a", []byte(`2`))
	f.Add([]byte(` { "a" : null } `), "a.b.c", []byte(`"x"`))
	f.Fuzz(func(t *testing.T, document []byte, text string, value []byte) {
		path, err := payload.ParsePath(text)
		whole, wholeErr := reference(document)
		wanted, valueErr := reference(value)
		_, decodeErr := payload.Decode(document)
		if errors.Is(decodeErr, payload.ErrDuplicateName) {
			return // the reference does not see that the path's own names stand once
		}
		if _, err := payload.Decode(value); err != nil || valueErr != nil {
			return
		}
		if err != nil {
			return
		}
		before := bytes.Clone(document)
		got, err := payload.Set(document, path, bytes.TrimSpace(value))
		if !bytes.Equal(before, document) {
			t.Fatalf("the document became %q", document)
		}
		if err != nil {
			return
		}
		if decodeErr != nil || wholeErr != nil {
			t.Fatalf("%q was edited, but is no document: %v", document, decodeErr)
		}
		if _, err := payload.Decode(got); err != nil {
			t.Fatalf("%q at %q became %q: %v", document, text, got, err)
		}
		if slices.Contains(path, payload.Every) || throughText(whole, path) {
			return
		}
		want, ok := put(whole, path, wanted)
		result, err := reference(got)
		if !ok || err != nil || !reflect.DeepEqual(result, want) {
			t.Fatalf("%q at %q became %q; want %v", document, text, got, want)
		}
	})
}

// throughText reports whether a path leads into a string.
func throughText(whole any, path payload.Path) bool {
	for i := range path {
		value, ok := walk(whole, path[:i])
		if _, isText := value.(string); ok && isText {
			return true
		}
	}
	return false
}
