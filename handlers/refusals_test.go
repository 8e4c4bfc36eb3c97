package handlers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The log tells of refused requests for tokens, but a flood of them does not
// flood it.
func TestFloodOfTokenRefusals(t *testing.T) {
	at := time.Now()
	webhook.SetClock(func() time.Time { return at })
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	srv := webhooktest.Start(t, "http://:0 {\n webhook_token /token flood {\n client flood 0123456789abcdef\n }\n}")
	const sent = 25
	try := func(n int) {
		if got := srv.Post("/token", "", "X-Request: "+fmt.Sprint(n)); got.Status != 401 {
			t.Errorf("status %d, want 401", got.Status)
		}
		if got := srv.Do(srv.NewRequest("GET", "/token", nil)); got.Status != 405 {
			t.Errorf("status %d, want 405", got.Status)
		}
	}
	for n := range sent {
		try(n)
	}
	checkRefusals(t, srv.Log, 10, 0, "")
	handlers.Look(at.Add(time.Minute))
	checkRefusals(t, srv.Log, 10, 1, fmt.Sprint(sent-10))
	try(sent)
	srv.Stop()
	checkRefusals(t, srv.Log, 10, 2, "1")
}

// checkRefusals counts, for each of two reasons, the entries for one refusal,
// and those for many. The last of these says how many were left out.
func checkRefusals(t *testing.T, log *webhooktest.Log, told, rest int, leftOut string) {
	t.Helper()
	for _, reason := range []string{"invalid_client", "method"} {
		of := func(message string) []webhooktest.Entry {
			return log.Find(func(e webhooktest.Entry) bool {
				return e["msg"] == message && e["reason"] == reason && e["issuer"] == "flood" && e["level"] == "warn"
			})
		}
		if got := len(of("token refused")); got != told {
			t.Errorf("%s: the log tells of %d, want %d", reason, got, told)
		}
		entries := of("more requests for tokens were refused than are logged")
		if len(entries) != rest || rest > 0 && entries[rest-1].Text("left_out") != leftOut {
			t.Errorf("%s: what was left out is told of by %v, want %d, the last with %s", reason, entries, rest, leftOut)
		}
	}
}
