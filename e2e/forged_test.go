package e2e_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// What a rewrite makes cannot be added to, nor be named away in Connection. What the
// sender sends and names there ends here.
func TestForgedCloudEventHeaders(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /hook github test-secret {
		otherwise {
			webhook_rewrite {
				header X-Tenant "'a'"
				as cloudevents binary
			}
			reverse_proxy `+up.Addr()+`
		}
	}`))
	lines := append(webhooktest.GitHub(testSecret, "push", validBody),
		"Connection: X-Tenant, Ce-Type, X-GitHub-Event", "Ce-Tenant: admin", "ce-id: forged")
	checkStatus(t, srv.Post("/hook", validBody, lines...), 200)
	header := up.Only().Header
	for name, want := range map[string]string{"X-Tenant": "a", "Ce-Type": "push", "X-Github-Event": "", "Ce-Tenant": ""} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if header.Get("Ce-Id") == "forged" {
		t.Error("the sender's Ce-Id reached the app")
	}
}
