package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// What loads, but hardly is meant, is told of, with and without a host; what is
// right is not.
func TestWarnings(t *testing.T) {
	const (
		offered = "the provider does not offer this kind of credential"
		prefix  = "a secret does not begin as the provider's secrets do"
		hidden  = "an endpoint gets no request"
		beside  = "with a slash at its end is proxied without verification"
	)
	hook := func(matcher, provider string) string {
		return "handle_webhook " + matcher + " " + provider + " whsec_s {\n otherwise pass\n }\n"
	}
	for _, test := range []struct{ name, lines, want string }{
		{"a token for GitHub", "webhook_auth github {\n token abc\n }", offered},
		{"a password for GitHub", "webhook_auth github {\n secret s\n basic a b\n }", offered},
		{"a named token for GitHub", "webhook_auth github {\n token_header X-T abc\n }", offered},
		{"a token for GitLab", "webhook_auth gitlab {\n token abc\n }", ""},
		{"Stripe's API key", "webhook_auth stripe sk_test_abc", prefix},
		{"Stripe's secret", "webhook_auth stripe whsec_abc", ""},
		{"Paddle's API key", "webhook_auth paddle pdl_live_apikey_abc", prefix},
		{"the same path twice", hook("/a", "github") + hook("/a", "stripe"), hidden},
		{"the same path in other letters", hook("/a", "github") + hook("/A", "stripe"), hidden},
		{"a pattern before a path", "route {\n" + hook("/a*", "github") + hook("/a/b*", "stripe") + "}", hidden},
		{"everything before a path", "route {\n" + hook("*", "github") + hook("/a", "stripe") + "}", hidden},
		{"other paths", hook("/a", "github") + hook("/b", "stripe"), ""},
		{"a matcher of another kind", "@one header X-A b\n" + hook("@one", "github") + hook("/a", "stripe"), ""},
		{"a proxy of all the rest", hook("/a", "github") + "reverse_proxy localhost:1", beside},
		{"a proxy in a handle", hook("/a", "github") + "handle {\n reverse_proxy localhost:1\n }", beside},
		{"a front controller in PHP", hook("/a", "github") + "php_fastcgi localhost:1", beside},
		{"both paths", "@hook path /a /a/\n" + hook("@hook", "github") + "reverse_proxy localhost:1", ""},
		{"all paths below", hook("/a*", "github") + "reverse_proxy localhost:1", ""},
		{"the path with a slash answered", hook("/a", "github") + "respond /a/ 404\n reverse_proxy localhost:1", ""},
		{"a proxy of another path", hook("/a", "github") + "reverse_proxy /b localhost:1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, address := range []string{"http://:0", "http://hooks.example.com:0"} {
				log := webhooktest.Start(t, address+" {\n"+test.lines+"\n}").Log
				for _, kind := range []string{offered, prefix, hidden, beside} {
					got := log.Find(func(e webhooktest.Entry) bool { return strings.Contains(e.Text("msg"), kind) })
					if (len(got) > 0) != (kind == test.want) || len(got) > 1 {
						t.Errorf("%s: of %q it says %v", address, kind, got)
					}
				}
			}
		})
	}
}

// In JSON, too, an event that the provider does not document is told of, once.
func TestUnknownEventsInJSONAreWarnings(t *testing.T) {
	routes := webhooktest.Set("webhook_routes", "routes", []any{map[string]any{
		"name": "a", "match": []any{map[string]any{"webhook_event": []string{"psh", "push", "pull_*"}}},
	}})
	log := webhooktest.Start(t, "http://:0 {\n handle_webhook /a github s {\n on push {\n respond 204\n }\n otherwise pass\n }\n}", routes).Log
	got := log.Find(func(e webhooktest.Entry) bool { return strings.HasPrefix(e.Text("msg"), "unknown event") })
	if len(got) != 1 || !strings.HasPrefix(got[0].Text("msg"), "unknown event psh for github") {
		t.Errorf("it says %v", got)
	}
}
