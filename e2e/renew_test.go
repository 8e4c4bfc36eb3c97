package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// A secret that stands in a file is taken up when the file changes, without a reload,
// also behind a symbolic link that is swapped; a broken one leaves the old one in use.
func TestRenewedSecrets(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	root := t.TempDir()
	publish := func(version, secret string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(root, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, version, "secret"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(root, "tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(root, "tmp"), filepath.Join(root, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("one", "first-secret-of-github\n")
	if err := os.Symlink(filepath.Join("..data", "secret"), filepath.Join(root, "secret")); err != nil {
		t.Fatal(err)
	}
	srv := webhooktest.Start(t, "{\n\tmetrics\n}\n"+site(`metrics /metrics
	handle_webhook /hook github {file.`+filepath.Join(root, "secret")+`} constant-secret-of-github {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	status := func(secret string) int {
		return srv.Post("/hook", "{}", webhooktest.GitHub(secret, "push", "{}")...).Status
	}
	if got := status("first-secret-of-github"); got != 200 {
		t.Fatalf("the first secret: %d", got)
	}
	publish("two", "second-secret-of-github\n")
	eventually(t, "the second secret is taken up", func() bool { return status("second-secret-of-github") == 200 })
	if got := status("first-secret-of-github"); got != 401 {
		t.Errorf("the first secret after it was replaced: %d", got)
	}
	srv.Log.Wait(t, webhooktest.Message("credentials have changed in their files, and the new ones are in use"))
	publish("three", " \n")
	srv.Log.Wait(t, webhooktest.Message("credentials have changed in their files and cannot be used; the old ones stay in use"))
	if got := status("second-secret-of-github"); got != 200 {
		t.Errorf("the second secret after a broken one: %d", got)
	}
	if got := status("constant-secret-of-github"); got != 200 {
		t.Errorf("the other secret: %d", got)
	}
	metrics := srv.Do(srv.NewRequest("GET", "/metrics", nil)).Body
	for _, line := range []string{
		`caddy_webhook_credentials_renewed_total{handler="webhook_auth",result="taken"}`,
		`caddy_webhook_credentials_renewed_total{handler="webhook_auth",result="broken"}`,
		`caddy_webhook_key_used_timestamp_seconds{endpoint="/hook",key="1",kind="secret",provider="github"}`,
		`caddy_webhook_key_used_timestamp_seconds{endpoint="/hook",key="2",kind="secret",provider="github"}`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// The word for a secret that a handshake is to bring is no key, also when a file comes
// to hold it while Caddy runs.
func TestPendingIsNoSecretAfterAChange(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	root := t.TempDir()
	write := func(name, secret string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name+".new"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(root, name+".new"), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("asana", "first-secret-of-asana")
	write("other", "pending")
	srv := webhooktest.Start(t, site(`handle_webhook /hook asana {file.`+filepath.Join(root, "asana")+`} {file.`+filepath.Join(root, "other")+`} {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	const body = `{"events":[]}`
	status := func(secret string) int {
		return srv.Post("/hook", body, "X-Hook-Signature: "+webhooktest.HMAC(secret, body)).Status
	}
	taken := webhooktest.Message("credentials have changed in their files, and the new ones are in use")
	if status("first-secret-of-asana") != 200 || status("pending") != 401 {
		t.Fatal("the first secret does not verify, or the word does")
	}
	write("other", "second-secret-of-asana")
	srv.Log.WaitAll(t, taken, 1)
	if status("second-secret-of-asana") != 200 || status("pending") != 401 {
		t.Error("the second secret does not verify, or the word does")
	}
	write("asana", "pending\n")
	srv.Log.WaitAll(t, taken, 2)
	if got := status("pending"); got != 401 {
		t.Errorf("the word is a key: %d", got)
	}
	if got := status("first-secret-of-asana"); got != 401 {
		t.Errorf("the secret that was replaced: %d", got)
	}
}
