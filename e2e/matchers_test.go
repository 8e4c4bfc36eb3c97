package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The matchers work wherever Caddy takes matchers.
func TestMatchers(t *testing.T) {
	srv := webhooktest.Start(t, site(`webhook_auth /hook instaleap {
		token test-token
	}
	@picking webhook_event PICKING_* PARKING_*
	@repeated {
		webhook_event CREATED
		webhook_event ALLOCATED
	}
	@large {
		webhook_event CANCELLED
		webhook_expr body.total > 100
	}
	@not {
		webhook_event CANCELLED
		not webhook_expr body.total > 50
	}
	@cel expression webhook_event('CANCELLED', 'REFUSED') && webhook_expr('body.total == 60') && {method} == 'POST'
	@quoted expression `+"`"+`webhook_expr("body.name == 'x'")`+"`"+`
	respond @picking picking
	respond @repeated repeated
	respond @large large
	respond @not small
	respond @cel sixty
	respond @quoted quoted
	respond rest`))
	for body, want := range map[string]string{
		`{"type":"PICKING_STARTED"}`:          "picking",
		`{"type":"PARKING_FINISHED"}`:         "picking",
		`{"type":"ZONE_PICKING_STARTED"}`:     "rest",
		`{"type":"CREATED"}`:                  "repeated",
		`{"type":"ALLOCATED"}`:                "repeated",
		`{"type":"CANCELLED","total":101}`:    "large",
		`{"type":"CANCELLED","total":50}`:     "small",
		`{"type":"CANCELLED","total":60}`:     "sixty",
		`{"type":"REFUSED","total":60}`:       "sixty",
		`{"type":"REFUSED","total":61}`:       "rest",
		`{"type":"STORE_CHANGED","name":"x"}`: "quoted",
		`{"type":"STORE_CHANGED"}`:            "rest",
		`{}`:                                  "rest",
	} {
		if !strings.Contains(body, "total") {
			body = strings.Replace(body, "}", `,"total":0}`, 1)
			body = strings.Replace(body, "{,", "{", 1)
		}
		t.Run(body, func(t *testing.T) {
			checkAnswer(t, srv.Post("/hook", body, "Authorization: Bearer test-token"), 200, want)
		})
	}
}

// A matcher that fails is an error, because "not" would turn a failure into a
// match.
func TestFailingMatcher(t *testing.T) {
	for _, matcher := range []string{
		"webhook_expr body.a.b > 1",
		"not webhook_expr body.a.b > 1",
		"expression webhook_expr('body.a.b > 1')",
		"expression !webhook_expr('body.a.b > 1')",
	} {
		t.Run(matcher, func(t *testing.T) {
			srv := webhooktest.Start(t, routes("otherwise {\n @m "+matcher+"\n respond @m matched\n respond rest\n }"))
			checkAnswer(t, push(srv, `{}`), 500, "")
			if answer := push(srv, `{"a":{"b":2}}`); answer.Status != 200 {
				t.Errorf("without a failure the answer is %d %q", answer.Status, answer.Body)
			}
		})
	}
}

// A name that stands twice, and is not signed so, could be read as another
// value by the application: what reads it refuses the request, also where a
// failing rule only would not match.
func TestAmbiguousPayloads(t *testing.T) {
	for _, directives := range []string{
		"on when `body.a.b > 1` {\n respond matched\n }\n otherwise {\n respond rest\n }",
		"otherwise {\n @m not webhook_expr body.a.b>1\n respond @m matched\n respond rest\n }",
		"otherwise {\n webhook_rewrite {\n header X-B body.a.b\n }\n respond rest\n }",
		"otherwise {\n webhook_rewrite {\n set c body.a\n }\n respond rest\n }",
		"otherwise {\n webhook_rewrite {\n set a.b 1\n }\n respond rest\n }",
		"otherwise {\n webhook_rewrite {\n delete a.b\n }\n respond rest\n }",
		"event =body.a.b\n otherwise {\n respond rest\n }",
	} {
		t.Run(directives, func(t *testing.T) {
			srv := webhooktest.Start(t, site("handle_webhook /hook jelp {\n token secret\n "+directives+"\n }\n "+
				"handle_errors {\n respond {http.webhook.error}\n }"))
			send := func(body string) webhooktest.Response {
				return srv.Post("/hook", body, "Authorization: Bearer secret")
			}
			checkAnswer(t, send(`{"a":{"b":1,"b":2}}`), 400, "malformed")
			checkAnswer(t, send(`{"a":{"b":1},"\u0061":2}`), 400, "malformed")
			checkStatus(t, send(`{"a":{"b":2}}`), 200)
		})
	}
	// GitHub signs every byte.
	srv := webhooktest.Start(t, routes("on when `body.a.b > 1` {\n respond matched\n }\n otherwise {\n respond rest\n }"))
	checkStatus(t, push(srv, `{"a":{"b":1,"b":2}}`), 200)
}

// Before verification there is no event: matchers are errors, and so is
// rewriting.
func TestMatchersBeforeVerification(t *testing.T) {
	for _, matcher := range []string{
		"webhook_event push",
		"not webhook_event push",
		"webhook_expr true",
		"not webhook_expr true",
		"expression webhook_event('push')",
		"expression !webhook_event('push')",
		"expression webhook_expr('true')",
		"expression !webhook_expr('true')",
	} {
		t.Run(matcher, func(t *testing.T) {
			srv := webhooktest.Start(t, site("@m "+matcher+"\n respond @m matched\n respond rest"))
			checkAnswer(t, push(srv, "{}"), 500, "")
		})
	}
	t.Run("webhook_rewrite", func(t *testing.T) {
		srv := webhooktest.Start(t, site("route {\n webhook_rewrite {\n body body\n }\n respond rest\n }"))
		checkAnswer(t, push(srv, "{}"), 500, "")
	})
	t.Run("headers of ours", func(t *testing.T) {
		srv := webhooktest.Start(t, site("@m webhook_event push\n respond @m matched\n respond rest"))
		checkAnswer(t, push(srv, "{}", "Webhook-Event: push", "Webhook-Provider: github"), 500, "")
	})
}

// Rules see numbers as they are, at any size, and what is missing as nil.
func TestRuleValues(t *testing.T) {
	const body = `{"big":12345678901234567890,"id":9007199254740993,"price":1.5,"items":[{"n":1},{"n":2}],` +
		`"text":"{\"inner\":[true]}","x-y":"dashed","empty":null}`
	for _, rule := range []string{
		"body.id == 9007199254740993", "string(body.id) == \"9007199254740993\"", "body.id % 10 == 3",
		"string(body.big) == \"12345678901234567890\"", "body.price == 1.5",
		"body?.none?.deeper == nil", `(body.none ?? "default") == "default"`, "body.empty == nil",
		"any(body.items, {#.n == 2})", "len(body.items) == 2", `body["x-y"] == "dashed"`,
		"json(body.text).inner[0] == true", `event == "push" && provider == "github"`,
		`id == "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"`, `method == "POST" && path == "/hook"`,
		`header("X-GitHub-Event") == "push"`, `signed("body.id") && !signed("header.X-GitHub-Event")`,
		`timestamp == received`, `b64decode("aGk=") == "hi"`, `unix(0) < received`,
		`sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,
	} {
		t.Run(rule, func(t *testing.T) {
			srv := webhooktest.Start(t, routes("on when `"+rule+"` {\n respond yes\n }\n otherwise {\n respond no\n }"))
			checkAnswer(t, push(srv, body), 200, "yes")
		})
	}
}
