package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

var diagnosed = webhooktest.Message("webhook diagnosed")

// What would have verified is logged, once in a while, and the sender sees
// nothing of it.
func TestDiagnose(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	start := time.Now()
	at := start
	webhook.SetClock(func() time.Time { return at })
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	srv := webhooktest.Start(t, endpoint(up, "github", "secret "+testSecret, "diagnose"))

	refused := func(headers ...string) []webhooktest.Entry {
		t.Helper()
		at = at.Add(time.Minute)
		before := len(srv.Log.Find(diagnosed))
		checkReason(t, srv.Post("/hook", validBody, append(headers, "X-Tell: 1")...), 401, "bad_signature")
		return srv.Log.WaitAll(t, diagnosed, before+1)[before:]
	}
	hex := webhooktest.HMAC(testSecret, validBody)
	entry := refused("X-Hub-Signature-256: " + hex)[0]
	if near := entry.Text("near"); near != "[prefix none instead of sha256=]" || entry.Text("level") != "warn" || entry.Text("reason") != "bad_signature" {
		t.Errorf("logged %v", entry)
	}
	entry = refused("X-Hub-Signature-256: sha256=" + webhooktest.HMAC(testSecret, validBody+"\n"))[0]
	if near := entry.Text("near"); !strings.HasPrefix(near, "[the body with a line break at its end") {
		t.Errorf("logged %v", entry)
	}
	// Not again at once.
	checkReason(t, srv.Post("/hook", validBody, "X-Hub-Signature-256: "+hex, "X-Tell: 1"), 401, "bad_signature")
	// What is accepted is no reason.
	at = at.Add(time.Minute)
	checkStatus(t, push(srv, validBody), 200)
	if n := len(srv.Log.Find(diagnosed)); n != 2 {
		t.Errorf("diagnosed %d times, want 2", n)
	}
	for _, secret := range []string{testSecret, webhooktest.HMAC(testSecret, validBody+"\n")} {
		for _, entry := range srv.Log.Find(diagnosed) {
			if strings.Contains(entry.Text("near"), secret) {
				t.Errorf("the log shows %q: %v", secret, entry)
			}
		}
	}
}

// The global option is for all endpoints; one knows the secrets of the others.
func TestDiagnoseGlobally(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, "{\n\twebhooks {\n\t\tdiagnose\n\t}\n}\n"+site(`webhook_auth /old github old-secret
	handle_webhook /hook github test-secret {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	checkStatus(t, srv.Post("/hook", validBody, webhooktest.GitHub("old-secret", "push", validBody)...), 401)
	entry := srv.Log.Wait(t, diagnosed)
	if near := entry.Text("near"); near != "[a secret of another endpoint, which is one for github]" {
		t.Errorf("logged %v", entry)
	}
	// A body that is refused before it is read is read for the diagnosis.
	checkStatus(t, srv.Post("/old", validBody, "X-Hub-Signature: sha256="+webhooktest.HMAC("old-secret", validBody)), 401)
	entry = srv.Log.WaitAll(t, diagnosed, 2)[1]
	if near := entry.Text("near"); near != "[the signature in header.X-Hub-Signature instead of header.X-Hub-Signature-256]" {
		t.Errorf("logged %v", entry)
	}
}

// By default nothing is diagnosed, and what is too large never is.
func TestDiagnoseOffOrTooLarge(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	large := `{"a":"` + strings.Repeat("x", 300<<10) + `"}`
	for _, lines := range [][]string{{"secret " + testSecret}, {"secret " + testSecret, "diagnose"}} {
		srv := webhooktest.Start(t, endpoint(up, "github", lines...))
		checkStatus(t, srv.Post("/hook", large, "X-Hub-Signature-256: "+webhooktest.HMAC(testSecret, large)), 401)
		if len(lines) == 1 {
			checkStatus(t, srv.Post("/hook", validBody, "X-Hub-Signature-256: "+webhooktest.HMAC(testSecret, validBody)), 401)
		}
		srv.Log.Wait(t, webhooktest.Message("webhook refused"))
		if found := srv.Log.Find(diagnosed); len(found) > 0 {
			t.Errorf("%q: diagnosed %v", lines, found)
		}
	}
}

// A tenant's webhook is diagnosed with its own secrets: those of another tenant are
// not tried, and nothing is said of a tenant that is not known.
func TestDiagnoseTenants(t *testing.T) {
	at := time.Now()
	webhook.SetClock(func() time.Time { return at })
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	root := t.TempDir()
	tenantFile(t, root, "acme", shop("secret-of-acme", "127.0.0.1:1"))
	tenantFile(t, root, "globex", shop("secret-of-globex", "127.0.0.1:1"))
	tenantFile(t, root, "closed", `{"disabled":true,"credentials":{"shopify":{"secrets":["secret-of-closed"]}}}`)
	srv := webhooktest.Start(t, shops("file "+root, "diagnose"))

	for i, test := range []struct{ id, secret, body, reason, near string }{
		{"acme", "secret-of-acme", `{"id":1}` + "\n", "bad_signature", "the body with a line break at its end"},
		{"acme", "secret-of-globex", `{"id":1}`, "bad_signature", "the secret is another one"},
		{"closed", "secret-of-closed", `{"id":1}` + "\n", "unknown_tenant", ""},
		{"nobody", "secret-of-globex", `{"id":1}`, "unknown_tenant", ""},
	} {
		at = at.Add(time.Minute)
		before := len(srv.Log.Find(diagnosed))
		checkReason(t, srv.Post("/t/"+test.id+"/shopify", `{"id":1}`, shopify(test.secret, test.body), "X-Shopify-Topic: orders/create", "X-Tell: 1"), 401, test.reason)
		srv.Log.WaitAll(t, webhooktest.Message("webhook refused"), i+1) // after the diagnosis
		entries := srv.Log.Find(diagnosed)[before:]
		if test.near == "" {
			if len(entries) > 0 {
				t.Errorf("%s: logged %v", test.id, entries)
			}
			continue
		}
		if len(entries) != 1 || entries[0].Text("tenant") != test.id || !strings.Contains(entries[0].Text("near"), test.near) {
			t.Errorf("%s: logged %v, want %s", test.id, entries, test.near)
		}
	}
}
