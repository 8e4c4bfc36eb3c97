package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// switching is an upstream that answers with 101 and no more.
func switching(t *testing.T) *webhooktest.Upstream {
	up := webhooktest.NewUpstream(t)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	return up
}

// An app that switches protocols, though nobody has asked it to, has not
// answered: the sender is told, and a copy reaches the app.
func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	for _, proxy := range []string{"webhook_proxy", "reverse_proxy"} {
		for _, lines := range []string{"", "replay 1h", "map_status off"} {
			t.Run(proxy+" "+lines, func(t *testing.T) {
				up := switching(t)
				config := strings.ReplaceAll(endpoint(up, "github "+testSecret, lines), "reverse_proxy", proxy)
				srv := webhooktest.Start(t, config)
				for range 2 {
					checkStatus(t, push(srv, validBody, "X-GitHub-Delivery: d-1"), 502)
				}
				if n := len(up.Requests()); n != 2 {
					t.Errorf("the app gets it %d times; want 2", n)
				}
				srv.Log.Wait(t, webhooktest.Message("the app switches protocols instead of answering; the sender gets a 502"))
			})
		}
	}
}

// Nor has it taken what is delivered to it.
func TestSwitchingProtocolsIsNoDelivery(t *testing.T) {
	for _, way := range []string{"webhook_proxy %s", "reverse_proxy %s", "header X-A b\nwebhook_proxy %s"} {
		t.Run(way, func(t *testing.T) {
			up := switching(t)
			srv := webhooktest.Start(t, site(`handle_webhook /hook github `+testSecret+` {
		otherwise {
			webhook_deliver {
				to app {
					`+strings.ReplaceAll(way, "%s", up.Addr())+`
				}
			}
		}
	}`))
			got := push(srv, validBody)
			if got.Status == 200 {
				t.Errorf("acknowledged with %d as if the app had answered", got.Status)
			}
			if entries := srv.Log.Find(webhooktest.Message("webhook delivered")); len(entries) > 0 {
				t.Errorf("the log says %v", entries)
			}
		})
	}
}

// A rewrite that fails says which line and why, and nothing of the payload.
func TestFailedRewriteIsTold(t *testing.T) {
	const body = `{"a":"private","b":"confidential","n":1,"kind":"x"}`
	tests := []struct{ line, want string }{
		{"rename a b", `rename a b: "b" exists already`},
		{"rename kind x.*", `rename kind x.*: a path that ends in * cannot be renamed`},
		{"set a.x.y 1", "set a.x.y: x.y lies inside a string that holds no JSON object or array"},
		{"set n.x 1", "set n.x: x lies inside a value that is no object"},
		{"uri body.a", "uri: the result is not a path that begins with a single slash"},
		{`uri "'/x/../' + body.a"`, "uri: the result contains a dot segment, such as a value .. out of the payload"},
		{"set a body.none.more", "set a: cannot fetch more from <nil> (1:11)"},
		{"header X-A body.none.more", "header X-A: cannot fetch more from <nil> (1:11)"},
		{"body `{x: json(body.a)}`", "body: "},
		{"as cloudevents {\ntime body.a\n}", "as cloudevents: time is not RFC 3339"},
		{"as cloudevents {\ntype body.none.more\n}", "as cloudevents: type: cannot fetch more from <nil> (1:11)"},
		{"as cloudevents {\nsource \"''\"\n}", "as cloudevents: source is empty"},
		{"as cloudevents {\ntype \"''\"\n}", "as cloudevents: the event has no name and type gives none"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			up, name := webhooktest.NewUpstream(t), fresh("rewritten")
			srv := webhooktest.Start(t, own(name, "token {\nevent body.kind\n}", "token "+testToken+"\ninspect", `webhook_rewrite {
				`+test.line+`
			}
			webhook_proxy `+up.Addr()))
			got := srv.Post("/hook", body, "Authorization: Bearer "+testToken, "X-Tell: 1")
			checkReason(t, got, 500, "rewrite_failed")
			up.None()
			entry := srv.Log.Wait(t, webhooktest.Message("rewriting a webhook failed; it is not forwarded"))
			if !strings.HasPrefix(entry.Text("error"), test.want) || test.want == "failed" {
				t.Errorf("the log says %q; want %q", entry.Text("error"), test.want)
			}
			if strings.Contains(srv.Log.String(), "private") || strings.Contains(srv.Log.String(), "confidential") {
				t.Error("the log holds the payload")
			}
			for outcome, want := range map[string]float64{"accepted": 0, "rewrite_failed": 1} {
				if got := metric(t, srv, `caddy_webhook_requests_total{endpoint="/hook",outcome="`+outcome+`",provider="`+name+`"}`); got != want {
					t.Errorf("%s is %v, want %v", outcome, got, want)
				}
			}
		})
	}
}

// What makes CloudEvents of webhooks that have no event's name does not load.
func TestCloudEventsWithoutAName(t *testing.T) {
	const rewrite = "webhook_rewrite {\nas cloudevents%s\n}\nrespond 204"
	tests := []struct {
		name, head, format string
		loads              bool
	}{
		{"no event", "airship k", "", false},
		{"binary", "airship k", " binary", false},
		{"a type", "airship k", " {\ntype provider\n}", true},
		{"a name", "airship k {\nevent sent", "", true},
		{"a field", "airship k {\nevent body.type", "", true},
		{"a provider's field", "docusign k", "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			head := test.head
			if !strings.Contains(head, "{") {
				head += " {"
			}
			inner := strings.ReplaceAll(rewrite, "%s", test.format)
			for _, block := range []string{
				"otherwise {\n" + inner + "\n}",
				"on * {\n" + inner + "\n}\notherwise pass",
				"otherwise {\nroute {\n" + inner + "\n}\n}",
				"otherwise {\nwebhook_deliver {\nto app {\n" + strings.Replace(inner, "respond 204", "reverse_proxy localhost:1", 1) + "\n}\n}\n}",
			} {
				_, err := webhooktest.Adapt(site("handle_webhook /hook " + head + "\n" + block + "\n}"))
				if test.loads && err != nil {
					t.Errorf("%s: %v", block, err)
				}
				if !test.loads && (err == nil || !strings.Contains(err.Error(), "as cloudevents can never work here")) {
					t.Errorf("%s loads: %v", block, err)
				}
			}
		})
	}
	// It is not another endpoint's business.
	_, err := webhooktest.Adapt(site("handle_webhook /a airship k {\notherwise {\nrespond 204\n}\n}\n" +
		"handle_webhook /b github k {\notherwise {\n" + strings.ReplaceAll(rewrite, "%s", "") + "\n}\n}\n" +
		"webhook_rewrite /c {\nas cloudevents\n}"))
	if err != nil {
		t.Error(err)
	}
}
