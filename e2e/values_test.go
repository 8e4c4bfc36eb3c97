package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Every placeholder shows what was verified, and what is absent is empty.
func TestPlaceholders(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", testSecret)
	body, _ := instaleap(`"a\"b"`, `"2023-06-02T17:42:44+02:00"`, `"CREATED"`, `,"job":{"big":12345678901234567890,`+
		`"price":1.50,"none":null,"yes":true,"list":[{"n":"x"},2],"text":"{env.WEBHOOK_SECRET} {http.webhook.event}",`+
		`"käse":"brie","a b":"c"}`)
	mac := "InstaLeap-Signature: " + webhooktest.HMAC(testSecret, `a"b&2023-06-02T17:42:44+02:00&CREATED`)
	for placeholder, want := range map[string]string{
		"provider":             "instaleap",
		"event":                "CREATED",
		"id":                   `a"b`,
		"timestamp":            "2023-06-02T15:42:44Z",
		"signed":               "fields",
		"error":                "",
		"body.type":            "CREATED",
		"body.id":              `a"b`,
		"body.job.big":         "12345678901234567890",
		"body.job.price":       "1.50",
		"body.job.none":        "",
		"body.job.yes":         "true",
		"body.job.list.0.n":    "x",
		"body.job.list.1":      "2",
		"body.job.list.2":      "",
		"body.job.list":        `[{"n":"x"},2]`,
		"body.job.list.0":      `{"n":"x"}`,
		"body.job.text":        "{env.WEBHOOK_SECRET} {http.webhook.event}",
		"body.job.käse":        "brie",
		"body.absent":          "",
		"body.job.absent.more": "",
		"body.type.more":       "",
		"unknown":              "",
	} {
		t.Run(placeholder, func(t *testing.T) {
			srv := webhooktest.Start(t, site("handle_webhook /hook instaleap test-secret {\n otherwise {\n respond \"<{http.webhook."+
				placeholder+"}>\"\n }\n }"))
			checkAnswer(t, srv.Post("/hook", body, mac), 200, "<"+want+">")
		})
	}
}

// Without a time of the provider's, the timestamp is when the request arrived.
func TestTimestampDefaultsToArrival(t *testing.T) {
	srv := webhooktest.Start(t, routes("otherwise {\n respond {http.webhook.timestamp}\n }"))
	before := time.Now()
	answer := push(srv, "{}")
	got, err := time.Parse(time.RFC3339Nano, answer.Body)
	if err != nil || got.Before(before.Truncate(0)) || got.After(time.Now()) {
		t.Errorf("timestamp is %q (%v), want the time of arrival", answer.Body, err)
	}
}

// What a signature covers is told for each way to verify.
func TestSignedPlaceholder(t *testing.T) {
	body, mac := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	const token = "Authorization: Bearer test-token"
	for name, test := range map[string]struct {
		provider string
		headers  []string
		want     string
	}{
		"body":             {"github test-secret", webhooktest.GitHub(testSecret, "push", body), "body"},
		"fields":           {"instaleap test-secret", []string{mac}, "fields"},
		"token":            {"instaleap {\n token test-token\n", []string{token}, "none"},
		"fields and token": {"instaleap test-secret {\n token test-token\n", []string{mac, token}, "fields"},
		"unverified":       {"instaleap {\n unverified\n", nil, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(test.provider, "{") {
				test.provider += " {\n"
			}
			srv := webhooktest.Start(t, site("handle_webhook /hook "+test.provider+"otherwise {\n respond {http.webhook.signed}\n }\n }"))
			checkAnswer(t, srv.Post("/hook", body, test.headers...), 200, test.want)
		})
	}
}

// The access log says what was verified, and what became of it.
func TestAccessLog(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on push {
			respond 204
		}
		on ping {
			error 502
		}
		otherwise {
			webhook_rewrite {
				body body.a.b
			}
			reverse_proxy 127.0.0.1:1
		}`))
	for _, test := range []struct {
		event   string
		status  int
		outcome string
	}{{"push", 204, "accepted"}, {"ping", 502, "accepted"}, {"status", 500, "rewrite_failed"}} {
		t.Run(test.event, func(t *testing.T) {
			answer := srv.Post("/hook?"+test.event, "{}", webhooktest.GitHub(testSecret, test.event, "{}")...)
			checkStatus(t, answer, test.status)
			entry := srv.Log.Wait(t, webhooktest.Access("/hook?"+test.event))
			for field, want := range map[string]string{
				"webhook_provider": "github", "webhook_event": test.event, "webhook_outcome": test.outcome,
				"webhook_id": "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911",
			} {
				if got := entry.Text(field); got != want {
					t.Errorf("%s is %q, want %q", field, got, want)
				}
			}
		})
	}
}

// A payload is data: it is never taken for a placeholder, and the request's
// body is what the placeholder of Caddy's own shows.
func TestPayloadIsData(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", "must-not-be-shown")
	const body = `{"a":"{env.WEBHOOK_SECRET}{http.request.header.X-GitHub-Event}"}`
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, routes(`otherwise {
		webhook_rewrite {
			header X-A body.a
			uri "'/p?a=' + escape(body.a)"
		}
		request_header X-C {http.request.body}
		reverse_proxy `+up.Addr()+` {
			header_up X-B {http.webhook.body.a}
		}
	}`))
	checkStatus(t, push(srv, body), 200)
	got := up.Only()
	const value = "{env.WEBHOOK_SECRET}{http.request.header.X-GitHub-Event}"
	if got.Header.Get("X-A") != value || got.Header.Get("X-B") != value || got.Header.Get("X-C") != body {
		t.Errorf("the upstream got %v", got.Header)
	}
	if want := "/p?a=%7Benv.WEBHOOK_SECRET%7D%7Bhttp.request.header.X-GitHub-Event%7D"; got.URI != want {
		t.Errorf("the URI is %q, want %q", got.URI, want)
	}
}
