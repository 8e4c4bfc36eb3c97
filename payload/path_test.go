package payload_test

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		text string
		want payload.Path
	}{
		{`id`, payload.Path{"id"}},
		{`job.items.0.sku`, payload.Path{"job", "items", "0", "sku"}},
		{`a\.b`, payload.Path{"a.b"}},
		{`a\\.b`, payload.Path{`a\`, "b"}},
		{`a\\\.b`, payload.Path{`a\.b`}},
		{`\a`, payload.Path{"a"}},
		{`x-y`, payload.Path{"x-y"}},
		{`ein Ort`, payload.Path{"ein Ort"}},
		{`größe`, payload.Path{"größe"}},
	}
	for _, test := range tests {
		got, err := payload.ParsePath(test.text)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("ParsePath(%q) = %q, %v; want %q", test.text, []string(got), err, []string(test.want))
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, text := range []string{``, `.`, `a.`, `.a`, `a..b`, `a\`, `\`, `a.\`, "a\xff"} {
		if got, err := payload.ParsePath(text); err == nil {
			t.Errorf("ParsePath(%q) = %q; want an error", text, []string(got))
		}
	}
}

func TestPathString(t *testing.T) {
	tests := []struct {
		path payload.Path
		want string
	}{
		{payload.Path{"id"}, `id`},
		{payload.Path{"a", "0", "b"}, `a.0.b`},
		{payload.Path{"a.b", `c\d`}, `a\.b.c\\d`},
	}
	for _, test := range tests {
		if got := test.path.String(); got != test.want {
			t.Errorf("%q.String() = %q; want %q", []string(test.path), got, test.want)
		}
	}
}
