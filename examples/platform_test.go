package examples_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// platformExample has tenants in files, which the table does not know.
const platformExample = "platform"

// TestPlatform runs the commands that the head of the example shows: each tenant's
// webhook comes to its own app. A fourth tenant is added while Caddy runs.
func TestPlatform(t *testing.T) {
	_, sends := head(t, platformExample)
	t.Chdir("..") // where users stand
	tenants := t.TempDir()
	texts := []string{"examples/platform/tenants", tenants}
	for _, port := range []string{"8080", "8081", "8082", "8083"} {
		texts = append(texts, "localhost:"+port, "127.0.0.1:"+webhooktest.FreePort(t))
	}
	here := strings.NewReplacer(texts...)
	add := func(file string) {
		t.Helper()
		content := here.Replace(read(t, file))
		if err := os.WriteFile(filepath.Join(tenants, filepath.Base(file)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"acme", "globex", "initech"} {
		add("examples/platform/tenants/" + id + ".json")
	}
	webhooktest.Start(t, here.Replace(read(t, "examples/platform/Caddyfile")))
	if len(sends) != 3 {
		t.Fatalf("the head has %d commands", len(sends))
	}
	for i, id := range []string{"acme", "globex", "initech"} {
		line := here.Replace(sends[i])
		if output := runCommand(t, line); !strings.Contains(output, " app: "+id+" orders/create") {
			t.Errorf("%s\n%s", line, output)
		}
		if output := runCommand(t, line+" --tamper"); !strings.Contains(output, "\nHTTP/1.1 401 ") {
			t.Errorf("%s --tamper\n%s", line, output)
		}
		other := strings.Replace(line, "/t/"+id, "/t/hooli", 1)
		if output := runCommand(t, other); !strings.Contains(output, "\nHTTP/1.1 401 ") {
			t.Errorf("%s\n%s", other, output)
		}
	}
	add("examples/platform/hooli.json")
	line := here.Replace("caddy webhooks send shopify --to http://localhost:8080/t/hooli/shopify --tenant @examples/platform/hooli.json")
	for end := time.Now().Add(15 * time.Second); !strings.Contains(runCommand(t, line), "acme's app: hooli orders/create"); {
		if time.Now().After(end) {
			t.Fatalf("the fourth tenant is not known: %s", runCommand(t, line))
		}
	}
}

// TestPlatformHooks runs the test cases of the example.
func TestPlatformHooks(t *testing.T) {
	t.Chdir("..")
	output := runCommand(t, "caddy webhooks test --config examples/platform/Caddyfile")
	if strings.Contains(output, "fail") || !strings.Contains(output, "accepted") || !strings.Contains(output, "unknown_tenant") {
		t.Error(output)
	}
}

// TestPlatformExplain has a captured webhook explained by the tenant that its path names.
func TestPlatformExplain(t *testing.T) {
	t.Chdir("..")
	const body = `{"id":1}`
	mac := hmac.New(sha256.New, []byte("test-secret-shopify-acme"))
	mac.Write([]byte(body))
	capture := filepath.Join(t.TempDir(), "captured.http")
	explain := func(id string) string {
		request := "POST /t/" + id + "/shopify HTTP/1.1\r\nHost: localhost\r\nX-Shopify-Topic: orders/create\r\nX-Shopify-Webhook-Id: 1\r\n" +
			"X-Shopify-Hmac-Sha256: " + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + "\r\nContent-Type: application/json\r\n\r\n" + body
		if err := os.WriteFile(capture, []byte(request), 0o600); err != nil {
			t.Fatal(err)
		}
		return runCommand(t, "caddy webhooks explain --config examples/platform/Caddyfile "+capture)
	}
	if output := explain("acme"); !strings.Contains(output, "localhost:8081") || !strings.Contains(output, "[yes] hmac in") {
		t.Error(output)
	}
	for id, want := range map[string]string{"globex": "bad_signature", "nobody": "unknown_tenant"} {
		if output := explain(id); !strings.Contains(output, want) || strings.Contains(output, "localhost:808") {
			t.Errorf("%s, want %s:\n%s", id, want, output)
		}
	}
}
