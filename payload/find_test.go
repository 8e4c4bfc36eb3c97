package payload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// mustPath reads a path that the test knows to be right.
func mustPath(t testing.TB, text string) payload.Path {
	t.Helper()
	path, err := payload.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// find returns the text of each path as it stands in the document, or "-"
// where it is absent. Paths that begin with an exclamation mark are signed.
func find(t testing.TB, document string, paths ...string) ([]string, error) {
	t.Helper()
	var finder payload.Finder
	var slots []int
	for _, path := range paths {
		text, signed := strings.CutPrefix(path, "!")
		slots = append(slots, finder.Add(mustPath(t, text), signed))
	}
	spans, err := finder.Find([]byte(document))
	if err != nil {
		return nil, err
	}
	var values []string
	for _, slot := range slots {
		if !spans[slot].Found() {
			values = append(values, "-")
			continue
		}
		values = append(values, string(spans[slot].Of([]byte(document))))
	}
	return values, nil
}

func TestFind(t *testing.T) {
	tests := []struct {
		name     string
		document string
		paths    []string
		want     []string
	}{
		{"nothing wanted", `{"a":1}`, nil, nil},
		{"nested objects", `{"x":{"y":{"z":"deep"}},"z":"flat"}`, []string{"x.y.z", "z", "x.y"}, []string{`"deep"`, `"flat"`, `{"z":"deep"}`}},
		{"array index", `{"a":[10,{"b":20},[30]]}`, []string{"a.0", "a.1.b", "a.2.0"}, []string{"10", "20", "30"}},
		{"index with a leading zero", `{"a":[10,11]}`, []string{"a.00", "a.01", "a.-1", "a.+1"}, []string{"-", "-", "-", "-"}},
		{"index too large for an array", `{"a":[10,11]}`, []string{"a.2", "a.4294967296", "a.99999999999999999999"}, []string{"-", "-", "-"}},
		{"digits as a name", `{"a":{"0":"name","00":"other"}}`, []string{"a.0", "a.00"}, []string{`"name"`, `"other"`}},
		{"array at the top", `[{"a":1},{"a":2}]`, []string{"1.a"}, []string{"2"}},
		{"object and children", `{"a": {"b": [1, {"c": 2}], "d": 3}, "e": 4}`, []string{"a", "a.b", "a.b.1.c", "a.d", "e"}, []string{`{"b": [1, {"c": 2}], "d": 3}`, `[1, {"c": 2}]`, "2", "3", "4"}},
		{"children before the object", `{"a":{"b":1}}`, []string{"a.b", "a"}, []string{"1", `{"b":1}`}},
		{"children of a scalar", `{"a":1,"b":"x"}`, []string{"a", "a.b", "b.0"}, []string{"1", "-", "-"}},
		{"absent", `{"a":{"b":1}}`, []string{"b", "a.c", "a.b.c"}, []string{"-", "-", "-"}},
		{"null", `{"a":null}`, []string{"a", "a.b"}, []string{"null", "-"}},
		{"the same path twice", `{"a":1}`, []string{"a", "a"}, []string{"1", "1"}},
		{"numbers as written", `{"a":1130,"b":38.90,"c":12345678901234567890,"d":1e2,"e":-0,"f":1E400}`, []string{"a", "b", "c", "d", "e", "f"}, []string{"1130", "38.90", "12345678901234567890", "1e2", "-0", "1E400"}},
		{"escapes in names", `{"t\u0079pe":"\u0041","a\/b":1}`, []string{"type", "a/b"}, []string{`"\u0041"`, "1"}},
		{"dots in names", `{"a.b":1,"a":{"b":2}}`, []string{`a\.b`, "a.b"}, []string{"1", "2"}},
		{"white space", " \t\r\n{ \"a\" : \n 1 } \n", []string{"a"}, []string{"1"}},
		{"white space before a nested object", `{"a" :   { "b" :  "x" } , "c" : [ 1 , 2 ]}`, []string{"a", "a.b", "c.1"}, []string{`{ "b" :  "x" }`, `"x"`, "2"}},
		{"scalar at the top", `"text"`, []string{"a"}, []string{"-"}},
		{"empty values", `{"a":"","b":{},"c":[]}`, []string{"a", "b", "c"}, []string{`""`, "{}", "[]"}},
		{"case variant of a name that is not signed", `{"ID":1}`, []string{"id"}, []string{"-"}},
		{"case variant elsewhere", `{"job":{"ID":1},"id":2}`, []string{"!id"}, []string{"2"}},
		{"names outside ASCII", `{"größe":1,"\ud83d\ude00":2}`, []string{"größe", "😀"}, []string{"1", "2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := find(t, test.document, test.paths...)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, " ; ") != strings.Join(test.want, " ; ") {
				t.Errorf("found %q; want %q", got, test.want)
			}
		})
	}
}

func TestFindRefuses(t *testing.T) {
	tests := []struct{ name, document string }{
		{"empty", ""},
		{"white space only", " \n"},
		{"second value", `{"id":1}{"id":2}`},
		{"second value on its own line", "{\"id\":1}\n{\"id\":2}\n"},
		{"trailing garbage", `{"id":1}x`},
		{"trailing comma", `{"id":1,}`},
		{"trailing comma in an array", `{"id":[1,]}`},
		{"trailing NUL", "{\"id\":1}\x00"},
		{"unterminated object", `{"id":1`},
		{"unterminated string", `{"id":"1`},
		{"missing value", `{"id":}`},
		{"missing colon", `{"id" 1}`},
		{"byte order mark", "\ufeff{\"id\":1}"},
		{"UTF-16", "{\x00\"\x00i\x00d\x00\"\x00:\x001\x00}\x00"},
		{"NaN", `{"id":NaN}`},
		{"Infinity", `{"id":-Infinity}`},
		{"leading zero", `{"id":01}`},
		{"leading plus", `{"id":+1}`},
		{"bare fraction", `{"id":.5}`},
		{"bare point", `{"id":5.}`},
		{"hexadecimal", `{"id":0x10}`},
		{"line comment", "{\"id\":1} // no"},
		{"block comment", `{/* no */"id":1}`},
		{"single quotes", `{'id':1}`},
		{"bare name", `{id:1}`},
		{"raw control character", "{\"id\":\"a\nb\"}"},
		{"raw NUL in a string", "{\"id\":\"a\x00b\"}"},
		{"unknown escape", `{"id":"\x41"}`},
		{"invalid UTF-8 in a wanted value", "{\"id\":\"\xff\"}"},
		{"invalid UTF-8 in another value", "{\"id\":1,\"x\":\"\xff\"}"},
		{"invalid UTF-8 in a name", "{\"id\":1,\"\xff\":2}"},
		{"overlong UTF-8", "{\"id\":\"\xc0\xaf\"}"},
		{"surrogate in UTF-8", "{\"id\":\"\xed\xa0\x80\"}"},
		{"lone high surrogate", `{"id":"\ud800"}`},
		{"lone low surrogate", `{"id":"\udc00"}`},
		{"surrogates in the wrong order", `{"id":"\udc00\ud800"}`},
		{"lone surrogate in a name", `{"id":1,"\ud800":2}`},
		{"lone surrogate elsewhere", `{"id":1,"x":["\ud800"]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := find(t, test.document, "id"); err == nil {
				t.Errorf("Find accepted it, found %q", got)
			}
			if got, err := payload.Decode([]byte(test.document)); err == nil {
				t.Errorf("Decode accepted it as %#v", got)
			}
		})
	}
	if _, err := find(t, "", "id"); !errors.Is(err, payload.ErrNotJSON) {
		t.Errorf("the error for an empty document is %v; want ErrNotJSON", err)
	}
}

// Errors go to logs, where the payload must not go.
func TestFindErrorsHoldNoPayload(t *testing.T) {
	const secret = "Ada Lovelace"
	documents := []string{
		`{"id":"` + secret + `"}x`,
		`{"id":"` + secret + `","id":2}`,
		`{"name":"` + secret + "\xff" + `"}`,
		`{"name":"` + secret,
	}
	for _, document := range documents {
		_, err := find(t, document, "id")
		if err == nil {
			t.Errorf("%q was accepted", document)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats the payload: %v", err)
		}
	}
}

func TestDuplicateNames(t *testing.T) {
	tests := []struct {
		name     string
		document string
		used     bool // by one of the paths below
	}{
		{"first good", `{"id":"good","id":"evil"}`, true},
		{"same value", `{"id":1,"id":1}`, true},
		{"escaped", `{"type":1,"t\u0079pe":2}`, true},
		{"far apart", `{"id":1,"x":{"y":1},"z":[1,2,3],"id":2}`, true},
		{"on the way", `{"job":{"a":1},"job":{"b":2}}`, true},
		{"on the way, of other kinds", `{"job":1,"job":{"a":2}}`, true},
		{"at the end of the way", `{"job":{"a":1,"x":0,"a":2}}`, true},
		{"three times", `{"id":1,"id":2,"id":3}`, true},
		{"in the element", `{"list":[{"a":1,"a":2}]}`, true},
		{"null first", `{"id":null,"id":1}`, true},
		{"in another element", `{"list":[{},{"a":1,"a":2}]}`, false},
		{"beside what is wanted", `{"id":1,"x":1,"x":2}`, false},
		{"beside the way", `{"job":{"x":1,"x":2,"a":3}}`, false},
		{"inside a wanted value", `{"id":{"a":1,"a":2}}`, false},
		{"the same name elsewhere", `{"x":{"id":1,"id":2}}`, false},
		{"empty name", `{"":1,"":2}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := find(t, test.document, "id", "type", "job.a", "list.0.a")
			if refused := errors.Is(err, payload.ErrDuplicateName); refused != test.used || err != nil && !refused {
				t.Errorf("Find: %v; want ErrDuplicateName: %t", err, test.used)
			}
			if _, err := payload.Decode([]byte(test.document)); !errors.Is(err, payload.ErrDuplicateName) {
				t.Errorf("Decode: %v; want ErrDuplicateName", err)
			}
		})
	}
}

// Errors say where a document is wrong.
func TestFindErrors(t *testing.T) {
	tests := []struct{ document, want string }{
		{`{"id":1,"x":2,"id":3}`, "duplicate object member name at byte 14"},
		{`{"id":tru}`, "not valid JSON at byte 6: it should be a value"},
		{`{"x":[1 2]}`, "not valid JSON at byte 8: it should be a comma or the end of the object or array"},
		{`{"id":[1 2]}`, "not valid JSON at byte 9: it should be a comma or the end of the object or array"},
		{`{"id" 1}`, "not valid JSON at byte 6: it should be a colon"},
		{`{"x":"\ud800"}`, "not valid JSON at byte 6: it is half of a surrogate pair"},
		{"{\"x\":\"\xff\"}", "not valid JSON at byte 6: it is not UTF-8"},
		{"\ufeff{}", "not valid JSON at byte 0: it should be a value"},
		{`{"id":1`, "not valid JSON: it ends too early"},
		{`{"id":1}x`, "data after the end of the JSON value"},
		{`{"ID":1}`, `a name differs from a signed one in case only: "ID"`},
	}
	for _, test := range tests {
		if _, err := find(t, test.document, "!id"); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v; want %s", test.document, err, test.want)
		}
	}
}

func TestFindCaseVariants(t *testing.T) {
	tests := []struct {
		name     string
		document string
		paths    []string
		refused  bool
	}{
		{"beside the name", `{"id":1,"ID":2}`, []string{"!id"}, true},
		{"before the name", `{"Id":2,"id":1}`, []string{"!id"}, true},
		{"instead of the name", `{"ID":2}`, []string{"!id"}, true},
		{"of an outer name", `{"job":{"id":1},"Job":{"id":2}}`, []string{"!job.id"}, true},
		{"of an inner name", `{"job":{"id":1,"iD":2}}`, []string{"!job.id"}, true},
		{"in an array", `{"jobs":[{"id":1,"ID":2}]}`, []string{"!jobs.0.id"}, true},
		{"in another element of an array", `{"jobs":[{"id":1},{"ID":2}]}`, []string{"!jobs.0.id"}, false},
		{"inside a wanted object", `{"job":{"id":1,"ID":2}}`, []string{"job", "!job.id"}, true},
		{"escaped", `{"id":1,"\u0049D":2}`, []string{"!id"}, true},
		{"long s for s", `{"status":1,"ſtatus":2}`, []string{"!status"}, true},
		{"escaped long s", `{"status":1,"\u017ftatus":2}`, []string{"!status"}, true},
		{"Kelvin sign for k", `{"key":1,"\u212aey":2}`, []string{"!key"}, true},
		{"signed and then unsigned", `{"id":1,"ID":2}`, []string{"!id", "id"}, true},
		{"unsigned and then signed", `{"id":1,"ID":2}`, []string{"id", "!id"}, true},
		{"variant that is read for something else", `{"id":1,"ID":2}`, []string{"!id", "ID"}, true},
		{"two signed names", `{"id":1,"ID":2}`, []string{"!id", "!ID"}, false},
		{"unsigned", `{"id":1,"ID":2}`, []string{"id"}, false},
		{"at another depth", `{"id":1,"job":{"ID":2}}`, []string{"!id"}, false},
		{"prefix only", `{"id":1,"IDs":2}`, []string{"!id"}, false},
		{"below a signed object", `{"job":{"a":1,"A":2}}`, []string{"!job"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := find(t, test.document, test.paths...)
			if refused := errors.Is(err, payload.ErrCaseVariant); refused != test.refused {
				t.Errorf("error %v; want ErrCaseVariant: %t", err, test.refused)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	nest := func(open, inner, end string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(end, depth)
	}
	tests := []struct {
		name     string
		document string
		refused  bool
	}{
		{"arrays, 9,999", nest("[", "", "]", 9999), false},
		{"arrays, 10,000", nest("[", "", "]", 10000), false},
		{"arrays, 10,001", nest("[", "", "]", 10001), true},
		{"arrays, 200,000", nest("[", "", "]", 200000), true},
		{"objects, 9,999", nest(`{"a":`, "1", "}", 9999), false},
		{"objects, 10,001", nest(`{"a":`, "1", "}", 10001), true},
		{"below a wanted value, 9,999", `{"id":` + nest("[", "", "]", 9998) + "}", false},
		{"below a wanted value, 10,001", `{"id":` + nest("[", "", "]", 10000) + "}", true},
		{"below a wanted child, 10,001", `{"a":{"b":` + nest("[", "", "]", 9999) + "}}", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := find(t, test.document, "id", "a", "a.b"); (err != nil) != test.refused {
				t.Errorf("Find: %v; want refused: %t", err, test.refused)
			}
			if _, err := payload.Decode([]byte(test.document)); (err != nil) != test.refused {
				t.Errorf("Decode: %v; want refused: %t", err, test.refused)
			}
		})
	}
}

// A Finder is filled while a configuration loads and then used by all
// requests at once.
func TestFindConcurrently(t *testing.T) {
	var finder payload.Finder
	slot := finder.Add(mustPath(t, "a.b"), true)
	done := make(chan string)
	for range 8 {
		go func() {
			document := []byte(`{"a":{"b":"x"}}`)
			spans, err := finder.Find(document)
			if err != nil {
				done <- err.Error()
				return
			}
			done <- string(spans[slot].Of(document))
		}()
	}
	for range 8 {
		if got := <-done; got != `"x"` {
			t.Errorf("found %s", got)
		}
	}
}
