package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// unsignedText is what a sender has put where Instaleap signs nothing.
const unsignedText = "UNSIGNED"

// With require_signed, what the provider has not signed reaches nobody but in the
// payload itself: by no matcher, route, rewrite, placeholder or header. The same
// holds for a configuration in JSON, which is not looked at before it runs.
func TestRequireSignedWhereverItIsRead(t *testing.T) {
	body, signature := instaleap(`"good-1"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, `,"job":{"x":"`+unsignedText+`","n":5}`)
	headers := []string{signature, "X-Foo: " + unsignedText}
	const auth = "webhook_auth /hook instaleap test-secret {\n require_signed\n }\n"
	for _, test := range []struct {
		name, lines string
		status      int
		answer      string
	}{
		{"webhook_expr", "@m webhook_expr body.job.n > 1\n respond @m matched\n respond rest", 500, ""},
		{"not webhook_expr", "@m not webhook_expr body.job.n > 9\n respond @m matched\n respond rest", 500, ""},
		{"webhook_expr in CEL", "@m expression !webhook_expr('body.job.n > 9')\n respond @m matched\n respond rest", 500, ""},
		{"webhook_expr by a header", "@m webhook_expr `header(\"X-Foo\") == \"UNSIGNED\"`\n respond @m matched\n respond rest", 500, ""},
		{"webhook_expr, signed", "@m webhook_expr `body.id == \"good-1\"`\n respond @m matched\n respond rest", 200, "matched"},
		{"webhook_event, signed", "@m webhook_event CREATED\n respond @m matched\n respond rest", 200, "matched"},
		{"rewrite: body", "webhook_rewrite {\n body {x: body.job.x}\n }\n respond {http.webhook.body.x}", 500, ""},
		{"rewrite: set", "webhook_rewrite {\n set id body.job.x\n }\n respond {http.webhook.body.id}", 500, ""},
		{"rewrite: rename", "webhook_rewrite {\n delete id\n rename job.x id\n }\n respond {http.webhook.body.id}", 500, ""},
		{"rewrite: uri", "webhook_rewrite {\n uri \"\\\"/\\\" + body.job.x\"\n }\n respond {uri}", 500, ""},
		{"rewrite: header", "webhook_rewrite {\n header X-New body.job.x\n }\n respond {header.X-New}", 500, ""},
		{"rewrite: signed", "webhook_rewrite {\n body `{x: body.id}`\n }\n respond {http.webhook.body.x}", 200, "good-1"},
		{"placeholder", "respond <{http.webhook.body.job.x}{http.webhook.body.job}{http.webhook.body.none}>", 200, "<>"},
		{"placeholder, signed", "respond <{http.webhook.body.id}{http.webhook.id}{http.webhook.event}>", 200, "<good-1good-1CREATED>"},
		{"headers, signed", "respond <{header.Webhook-Event}{header.Webhook-Delivery-Id}>", 200, "<CREATEDgood-1>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := webhooktest.Start(t, site("route {\n"+auth+test.lines+"\n }"))
			got := srv.Post("/hook", body, headers...)
			checkAnswer(t, got, test.status, test.answer)
			if test.status == 500 {
				srv.Log.Wait(t, func(e webhooktest.Entry) bool {
					return strings.Contains(e.Text("error"), "require_signed: ") && strings.Contains(e.Text("error"), "which instaleap does not sign")
				})
			}
		})
	}
}

// GitHub signs neither the event nor the delivery's id: with require_signed they
// lead nowhere.
func TestRequireSignedEvent(t *testing.T) {
	for _, test := range []struct {
		name, lines string
		status      int
		answer      string
	}{
		{"webhook_event", "@m webhook_event push\n respond @m matched\n respond rest", 500, ""},
		{"not webhook_event", "@m not webhook_event other\n respond @m matched\n respond rest", 500, ""},
		{"placeholders", "respond <{http.webhook.event}{http.webhook.id}>", 200, "<>"},
		{"headers", "respond <{header.Webhook-Event}{header.Webhook-Delivery-Id}{header.Webhook-Provider}>", 200, "<github>"},
		{"webhook_expr", "@m webhook_expr `event == \"push\"`\n respond @m matched\n respond rest", 500, ""},
		{"cloudevents", "webhook_rewrite {\n as cloudevents binary\n }\n respond {header.Ce-Type}", 500, ""},
		{"cloudevents of a signed type", "webhook_rewrite {\n as cloudevents binary {\n type body.ref\n }\n }\n respond {header.Ce-Type}{header.Ce-Id}", 200, "main43"},
		{"the body", "@m webhook_expr `body.ref == \"main\"`\n respond @m matched\n respond rest", 200, "matched"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := webhooktest.Start(t, site("route {\n webhook_auth /hook github test-secret {\n require_signed\n }\n"+test.lines+"\n }"))
			got := push(srv, `{"ref":"main"}`, "X-GitHub-Delivery: some-id")
			if test.answer == "main43" {
				if !strings.HasPrefix(got.Body, "main") || len(got.Body) != len("main")+64 {
					t.Errorf("the answer is %d %q, want the type and a hash of the payload", got.Status, got.Body)
				}
				return
			}
			checkAnswer(t, got, test.status, test.answer)
		})
	}
}

// In JSON nobody says at load that an on asks for what is not signed. No such on
// matches then, and it is told and counted.
func TestRequireSignedInJSON(t *testing.T) {
	for _, test := range []struct{ name, blocks, want string }{
		{"an event", "on push {\n respond pushed\n }\n otherwise {\n respond rest\n }", "rest"},
		{"a pattern", "on * {\n respond pushed\n }\n otherwise {\n respond rest\n }", "rest"},
		{"a rule", "on when `event == \"push\"` {\n respond pushed\n }\n otherwise {\n respond rest\n }", "rest"},
		{"a signed rule", "on when `body.ref == \"main\"` {\n respond pushed\n }\n otherwise {\n respond rest\n }", "pushed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := webhooktest.Start(t, routes(test.blocks), webhooktest.Set("webhook_auth", "require_signed", true))
			checkAnswer(t, push(srv, `{"ref":"main"}`), 200, test.want)
			if test.want == "rest" {
				srv.Log.Wait(t, func(e webhooktest.Entry) bool {
					return strings.HasPrefix(e.Text("msg"), "require_signed: ") || strings.HasPrefix(e.Text("error"), "require_signed: event is read")
				})
			}
		})
	}
}

// What goes upstream signed anew, or is delivered later, has no id of a stranger.
func TestRequireSignedID(t *testing.T) {
	for name, lines := range map[string]string{
		"signed anew": "webhook_sign {\n secret whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n }\n reverse_proxy UPSTREAM",
		"delivered":   "webhook_deliver {\n webhook_proxy UPSTREAM\n }",
		"queued":      "webhook_deliver {\n mode queue\n webhook_proxy UPSTREAM\n }",
	} {
		t.Run(name, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			store := "{\n webhooks {\n store " + filepath.Join(t.TempDir(), "deliveries.db") + "\n }\n}\n"
			srv := webhooktest.Start(t, store+site("handle_webhook /hook github test-secret {\n require_signed\n otherwise {\n"+
				strings.ReplaceAll(lines, "UPSTREAM", up.Addr())+"\n }\n }"))
			if got := push(srv, `{"ref":"main"}`, "X-GitHub-Delivery: "+unsignedText); got.Status/100 != 2 {
				t.Fatalf("status %d", got.Status)
			}
			eventually(t, "it is delivered", func() bool { return len(up.Requests()) > 0 })
			got := up.Requests()[0]
			for _, header := range []string{"Webhook-Id", "Webhook-Delivery-Id", "Webhook-Event"} {
				if value := got.Header.Get(header); strings.Contains(value, unsignedText) || value == "push" {
					t.Errorf("%s is %q", header, value)
				}
			}
		})
	}
}
