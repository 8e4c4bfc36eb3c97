package webhooktest_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The harness itself: a webhook goes through Caddy to the upstream, a refused
// one does not, and both leave their line in the log.
func TestHarness(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	site := `http://:0 {
	log
	handle_webhook /hook github test-secret {
		otherwise {
			reverse_proxy ` + up.Addr() + `
		}
	}
}`
	srv := webhooktest.Start(t, site)
	addr := srv.Addr()
	const body = `{"ref":"refs/heads/main"}`

	if answer := srv.Post("/hook?a=b", body, webhooktest.GitHub("test-secret", "push", body)...); answer.Status != 200 {
		t.Errorf("status %d, want 200", answer.Status)
	}
	got := up.Only()
	if got.URI != "/hook?a=b" || string(got.Body) != body {
		t.Errorf("the upstream got %s with %q", got.URI, got.Body)
	}
	if lines := got.HeaderLines("webhook-event"); len(lines) != 1 || lines[0] != "Webhook-Event: push" {
		t.Errorf("the upstream got %q", lines)
	}
	if entry := srv.Log.Wait(t, webhooktest.Access("/hook?a=b")); entry.Text("webhook_event") != "push" {
		t.Errorf("the access log has %v", entry)
	}

	if answer := srv.Post("/hook", body, webhooktest.GitHub("wrong-secret", "push", body)...); answer.Status != 401 {
		t.Errorf("status %d, want 401", answer.Status)
	}
	if entry := srv.Log.Wait(t, webhooktest.Message("webhook refused")); entry.Text("reason") != "bad_signature" {
		t.Errorf("the log has %v", entry)
	}
	up.None()

	srv.Reload(site + "\n# changed")
	if srv.Addr() != addr {
		t.Errorf("after a reload the server is at %s, before at %s", srv.Addr(), addr)
	}
}
