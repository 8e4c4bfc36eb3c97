package suggest_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
)

func TestNearest(t *testing.T) {
	names := []string{"instaleap", "instaleap-chat", "github", "jelp", "shippify", "x"}
	tests := []struct{ name, want string }{
		{"instaleap", "instaleap"},
		{"instalep", "instaleap"},
		{"InstaLeap", "instaleap"},
		{"instaleap_chat", "instaleap-chat"},
		{"githbu", "github"},
		{"gihub", "github"},
		{"GITHUB", "github"},
		{"jlep", "jelp"},
		{"shopify", "shippify"},
		{"gitlab", "github"},
		{"completely different", ""},
		{"stripe", ""},
		{"acme-github", "github"},
		{"Chat", "instaleap-chat"},
	}
	for _, test := range tests {
		if got := suggest.Nearest(test.name, names); got != test.want {
			t.Errorf("Nearest(%q) = %q; want %q", test.name, got, test.want)
		}
	}
	if got := suggest.Nearest("github", nil); got != "" {
		t.Errorf("of no names, %q is nearest", got)
	}
	// The first of several that are equally near.
	if got := suggest.Nearest("bb", []string{"ab", "cb"}); got != "ab" {
		t.Errorf("Nearest = %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	if got := suggest.DidYouMean("secrt", []string{"token", "secret"}); got != "; did you mean secret?" {
		t.Errorf("%q", got)
	}
	if got := suggest.DidYouMean("something else", []string{"token", "secret"}); got != "" {
		t.Errorf("%q", got)
	}
}
