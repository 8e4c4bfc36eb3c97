package route_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// apply makes the outcome of a rewrite.
func apply(t *testing.T, e *route.Event, rewrite route.Rewrite) (*route.Outcome, error) {
	t.Helper()
	r, err := route.NewRewriter(&rewrite)
	if err != nil {
		t.Fatal(err)
	}
	return r.Apply(e)
}

func TestRewriteBody(t *testing.T) {
	tests := []struct{ source, want string }{
		{`body.nested`, `{"a":{"b":1}}`},
		{`{order: body.id, total: body.total}`, `{"order":9007199254740993,"total":38.9}`},
		{`{big: body.big}`, `{"big":12345678901234567890}`},
		{`{text: body.type, html: "<a&b>"}`, `{"html":"<a&b>","text":"order.paid"}`},
		{`map(body.list, {{name: .sku}})`, `[{"name":"x"},{"name":"y"}]`},
		{`nil`, `null`},
		{`"text"`, `"text"`},
		{`{at: timestamp}`, `{"at":"2024-05-14T11:59:00Z"}`},
		{`{v: json(body.notes).door, e: event, i: id}`, `{"e":"order.paid","i":"9007199254740993","v":"left"}`},
	}
	e := newEvent(t, order)
	for _, test := range tests {
		out, err := apply(t, e, route.Rewrite{Body: test.source})
		if err != nil || string(out.Body) != test.want {
			t.Errorf("%s: %+v, %v; want %s", test.source, out, err, test.want)
			continue
		}
		if out.URI != "" || out.Headers != nil {
			t.Errorf("%s changed more than the body: %+v", test.source, out)
		}
	}
}

func TestRewriteHeaders(t *testing.T) {
	e := newEvent(t, `{"type":"a\r\nX-Evil: 1","name":"Größe 100%","percent":"100%","nul":"a\u0000b","del":"a\u007fb","n":38.90,"list":[1]}`)
	tests := []struct{ source, want string }{ // "-" stands for a removed header
		{`"plain ~text!"`, "plain ~text!"},
		{`body.type`, "a%0D%0AX-Evil: 1"},
		{`event`, "a%0D%0AX-Evil: 1"},
		{`body.name`, "Gr%C3%B6%C3%9Fe 100%25"},
		{`body.percent`, "100%"},
		{`body.nul`, "a%00b"},
		{`body.del`, "a%7Fb"},
		{`"tab\there"`, "tab%09here"},
		{`body.n`, "38.9"},
		{`body.list`, "[1]"},
		{`true`, "true"},
		{`""`, ""},
		{`received`, "2024-05-14T12:00:00Z"},
		{`nil`, "-"},
		{`body.missing`, "-"},
		{`body.missing?.deep`, "-"},
	}
	for _, test := range tests {
		out, err := apply(t, e, route.Rewrite{Headers: []route.Header{{Name: "X-A", Value: test.source}, {Name: "X-B", Value: `"b"`}}})
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if len(out.Headers) != 2 || out.Headers[0].Name != "X-A" || out.Headers[1].Name != "X-B" {
			t.Fatalf("%s: the headers are %+v", test.source, out.Headers)
		}
		got := "-"
		if value := out.Headers[0].Value; value != nil {
			got = *value
		}
		if got != test.want {
			t.Errorf("%s is %q; want %q", test.source, got, test.want)
		}
		if out.Body != nil || out.URI != "" {
			t.Errorf("%s changed more than headers: %+v", test.source, out)
		}
	}
}

func TestRewriteURI(t *testing.T) {
	e := newEvent(t, `{"type":"../../admin","slash":"a/b","query":"a&b=c?d#e","url":"http://evil.example/","two":"//evil.example/x","empty":"","line":"a\r\nb"}`)
	tests := []struct {
		source, want string // an empty want: refused
	}{
		{`"/orders/" + id + "1"`, "/orders/1"},
		{`"/"`, "/"},
		{`"/a?b=c&d=../.."`, "/a?b=c&d=../.."},
		{`"/a%20b"`, "/a%20b"},
		{`"/orders/" + escape(body.type)`, ""}, // many servers decode first and walk afterwards
		{`"/orders/" + escape(body.slash) + "?q=" + escape(body.query)`, "/orders/a%2Fb?q=a%26b%3Dc%3Fd%23e"},
		{`"/...."`, "/...."},
		{`"/a.b/..c/d.."`, "/a.b/..c/d.."},
		{`"/" + body.type`, ""},
		{`"/orders/" + body.type`, ""},
		{`"/a/../b"`, ""},
		{`"/a/./b"`, ""},
		{`"/.."`, ""},
		{`"/a/.."`, ""},
		{`"/a/%2e%2e/b"`, ""},
		{`"/a/%2E./b"`, ""},
		{`"/a/..%2fb"`, ""},
		{`body.url`, ""},
		{`body.two`, ""},
		{`"//evil.example"`, ""},
		{`"orders"`, ""},
		{`"?a=b"`, ""},
		{`"*"`, ""},
		{`body.empty`, ""},
		{`body.missing`, ""},
		{`body.missing.deep`, ""},
		{`"/" + body.line`, "/a%0D%0Ab"},
		{`"/a b\u0000é\"<>^{}|"`, "/a%20b%00%C3%A9%22%3C%3E%5E%7B%7D%7C"},
		{`"/%zz"`, ""},
		{`1`, ""},
	}
	for _, test := range tests {
		out, err := apply(t, e, route.Rewrite{URI: test.source})
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%s gave %q; want a refusal", test.source, out.URI)
		case test.want != "" && (err != nil || out.URI != test.want):
			t.Errorf("%s: %+v, %v; want %s", test.source, out, err, test.want)
		case err != nil && (!strings.Contains(err.Error(), "uri: ") || strings.Contains(err.Error(), "evil")):
			t.Errorf("%s: the error is %v", test.source, err)
		}
	}
}

// escape makes one segment of whatever a payload says.
func TestEscapedSegment(t *testing.T) {
	for _, text := range []string{"%2e%2e", "a/b", "a?b", "a#b", "a;b", "a\\b", "ä", "//", "..."} {
		e := newEvent(t, order)
		out, err := apply(t, e, route.Rewrite{URI: `"/x/" + escape("` + strings.ReplaceAll(text, `\`, `\\`) + `") + "/y"`})
		if err != nil || strings.Count(out.URI, "/") != 3 || strings.ContainsAny(out.URI, "?#") {
			t.Errorf("%q gave %+v, %v; want one segment", text, out, err)
		}
	}
}

// All expressions see the event as it was before.
func TestRewriteTogether(t *testing.T) {
	e := newEvent(t, order)
	out, err := apply(t, e, route.Rewrite{
		Body:    `{id: "new"}`,
		Headers: []route.Header{{Name: "X-ID", Value: `body.id`}},
		URI:     `"/" + string(body.id)`,
	})
	if err != nil || string(out.Body) != `{"id":"new"}` || *out.Headers[0].Value != "9007199254740993" || out.URI != "/9007199254740993" {
		t.Errorf("%+v, %v", out, err)
	}
	if got, _ := e.Lookup("id"); got != "9007199254740993" {
		t.Errorf("Apply changed the event: %s", got)
	}
}

func TestRewriteFailures(t *testing.T) {
	e := newEvent(t, order)
	for want, rewrite := range map[string]route.Rewrite{
		"body: ":       {Body: `body.missing.deep`},
		"header X-A: ": {Headers: []route.Header{{Name: "X-A", Value: `body.missing.deep`}}},
		"uri: ":        {URI: `body.missing.deep`},
	} {
		if out, err := apply(t, e, rewrite); err == nil || !strings.HasPrefix(err.Error(), want) || out != nil {
			t.Errorf("%+v: %+v, %v; want an error that begins with %q", rewrite, out, err, want)
		}
	}
	if _, err := apply(t, e, route.Rewrite{Body: `{f: header}`}); err == nil {
		t.Error("a function became JSON")
	}
}

func TestRewriteMistakes(t *testing.T) {
	for want, rewrite := range map[string]route.Rewrite{
		"nothing to rewrite":  {},
		"body: unknown":       {Body: "bdy"},
		"uri: unknown":        {URI: "pth"},
		"header X-A: ":        {Headers: []route.Header{{Name: "X-A", Value: "hader"}}},
		"header X-B: ":        {Headers: []route.Header{{Name: "X-B"}}},
		"\"X A\" is not":      {Headers: []route.Header{{Name: "X A", Value: "1"}}},
		"\"X\\r\\nY\" is not": {Headers: []route.Header{{Name: "X\r\nY", Value: "1"}}},
		"\"\" is not":         {Headers: []route.Header{{Value: "1"}}},
	} {
		if _, err := route.NewRewriter(&rewrite); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v; want an error that begins with %q", rewrite, err, want)
		}
	}
}

func FuzzHeaderText(f *testing.F) {
	for _, seed := range []string{"plain", "a\r\nb", "ä", "100%", "100% ä", "\x00\x7f\xff", "%0D", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := route.HeaderText(text)
		printable := true
		for _, c := range []byte(got) {
			if c < ' ' || c > '~' {
				t.Fatalf("HeaderText(%q) = %q", text, got)
			}
		}
		for _, c := range []byte(text) {
			printable = printable && ' ' <= c && c <= '~'
		}
		if printable && got != text {
			t.Fatalf("HeaderText(%q) = %q, though it was fit as it was", text, got)
		}
		if !printable {
			if back, err := url.PathUnescape(got); err != nil || back != text {
				t.Fatalf("HeaderText(%q) = %q, which is %q again (%v)", text, got, back, err)
			}
		}
	})
}
