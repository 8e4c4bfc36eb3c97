package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

var (
	snippetDefault = regexp.MustCompile(`\$\{[0-9]+:([^}]*)\}`)
	snippetEnd     = regexp.MustCompile(`\$[0-9]+`)
)

// Each snippet adapts with what it proposes, where it belongs.
func TestSnippetsAdapt(t *testing.T) {
	var snippets map[string]struct {
		Scope, Prefix, Description string
		Body                       []string
	}
	if err := json.Unmarshal([]byte(fileText(t, "docs/editors/caddyfile.code-snippets")), &snippets); err != nil {
		t.Fatal(err)
	}
	prefixes := make(map[string]string)
	for name, snippet := range snippets {
		body := strings.Join(snippet.Body, "\n")
		body = snippetEnd.ReplaceAllString(snippetDefault.ReplaceAllString(body, "$1"), "")
		config := "http://:0 {\n" + body + "\n}\n"
		if !strings.HasPrefix(body, "handle_webhook") {
			config = "http://:0 {\nhandle_webhook /a github s {\notherwise {\n" + body + "\n}\n}\n}\n"
		}
		if _, err := webhooktest.Adapt(config); err != nil {
			t.Errorf("%s: %v\n%s", name, err, config)
		}
		if snippet.Scope != "caddyfile" || snippet.Description == "" || prefixes[snippet.Prefix] != "" {
			t.Errorf("%s: the scope is %q, the description %q, and its prefix is that of %q", name, snippet.Scope, snippet.Description, prefixes[snippet.Prefix])
		}
		prefixes[snippet.Prefix] = name
	}
	if len(snippets) == 0 {
		t.Error("there are no snippets")
	}
}
