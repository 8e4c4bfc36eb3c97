package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// testedFolder is a folder with a configuration and its test cases.
type testedFolder struct {
	*testing.T
	path string
}

func (f testedFolder) write(name, content string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.path, name), []byte(content), 0o600); err != nil {
		f.Fatal(err)
	}
}

// config writes a Caddyfile that answers pushes with a status, and returns what it
// adapts to.
func (f testedFolder) config(status string) string {
	f.Helper()
	content := "{\n webhooks {\n test_on_load\n store " + filepath.Join(f.path, "deliveries.db") + "\n }\n}\n" +
		"http://:0 {\n handle_webhook /hook github " + testSecret + " {\n on push {\n respond " + status + "\n }\n otherwise {\n" +
		"webhook_deliver {\n mode queue\n respond 204\n }\n }\n }\n}\n"
	f.write("Caddyfile", content)
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(content), map[string]any{"filename": filepath.Join(f.path, "Caddyfile")})
	if err != nil {
		f.Fatal(err)
	}
	return string(adapted)
}

// A configuration whose own cases fail is not loaded: the error says which, where and
// how, and the configuration before serves on, with its store and its clock.
func TestTestOnLoad(t *testing.T) {
	t.Setenv(caddyVariable, "yes") // the process that runs the cases is this program
	f := testedFolder{t, t.TempDir()}
	f.write("push.hook", "POST /hook\n\nsample github event push\n---\noutcome accepted\nroute on 1\nstatus 202\n")
	f.write("queued.hook", "POST /hook\n\nsample github event ping\n---\noutcome accepted\nroute otherwise\n")
	srv := webhooktest.StartJSON(t, f.config("202"))
	checkStatus(t, push(srv, validBody), 202)

	load := func(config string) error {
		t.Helper()
		return caddy.Load([]byte(strings.Replace(config, `{"apps"`, `{"admin":{"disabled":true,"config":{"persist":false}},"apps"`, 1)), true)
	}
	err := load(f.config("203"))
	if want := filepath.Join(f.path, "push.hook") + `: line 7: status is "203", not "202"`; err == nil || !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), "1 of 2 cases do not hold") {
		t.Errorf("loading says %v, want %s", err, want)
	}
	checkStatus(t, push(srv, validBody), 202)
	checkStatus(t, event(srv, "ping", validBody), 202)

	f.write("push.hook", "POST /hook\n\n---\n")
	if err := load(f.config("202")); err == nil || !strings.Contains(err.Error(), "cannot be run") || !strings.Contains(err.Error(), "push.hook") {
		t.Errorf("a case that cannot be read: %v", err)
	}
	for _, name := range []string{"push.hook", "queued.hook"} {
		if err := os.Remove(filepath.Join(f.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := load(f.config("202")); err == nil || !strings.Contains(err.Error(), "no file *.hook") {
		t.Errorf("without cases: %v", err)
	}
	checkStatus(t, push(srv, validBody), 202)

	// What a case compares a credential with is not told.
	f.write("push.hook", "POST /hook\n\nsample github event push\n---\nheader Authorization x\n")
	err = load(strings.Replace(f.config("202"), `"handler":"static_response","status_code":202`,
		`"handler":"reverse_proxy","upstreams":[{"dial":"localhost:1"}]`, 1))
	if err == nil || strings.Contains(err.Error(), testSecret) {
		t.Errorf("loading says %v", err)
	}
}

// The option names the file in which it stands, or another one.
func TestTestOnLoadNamesTheFile(t *testing.T) {
	folder := t.TempDir()
	for line, want := range map[string]string{
		"test_on_load":                    filepath.Join(folder, "Caddyfile"),
		"test_on_load main.json":          filepath.Join(folder, "main.json"),
		"test_on_load /etc/caddy/main":    "/etc/caddy/main",
		"test_on_load a b":                "",
		"test_on_load {\n a\n }":          "",
		"test_on_load\n test_on_load a.b": "",
	} {
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n webhooks {\n "+line+"\n }\n}\n"),
			map[string]any{"filename": filepath.Join(folder, "Caddyfile")})
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "test_on_load") {
				t.Errorf("%s: %v", line, err)
			}
			continue
		}
		if err != nil || !strings.Contains(string(adapted), `"test_on_load":{"config":"`+want+`"}`) {
			t.Errorf("%s: %v, %s", line, err, adapted)
		}
	}
}
