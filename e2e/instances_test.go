package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	command "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// instanceConfig names the Caddyfile of a test process that is to be a Caddy.
const instanceConfig = "WEBHOOK_TEST_CADDYFILE"

// TestBeInstance is no test: it is the Caddy that startInstance starts.
func TestBeInstance(*testing.T) {
	if config := os.Getenv(instanceConfig); config != "" {
		os.Args = []string{"caddy", "run", "--config", config, "--adapter", "caddyfile"}
		caddycmd.Main()
	}
}

// instance is a Caddy in a process of its own.
type instance struct {
	t       *testing.T
	address string
	stop    func()
}

// startInstance runs directives as a site, with a storage that others may
// share, until the test ends.
func startInstance(t *testing.T, storage, directives string) *instance {
	t.Helper()
	i := &instance{t: t, address: "127.0.0.1:" + webhooktest.FreePort(t)}
	folder := t.TempDir()
	config := filepath.Join(folder, "Caddyfile")
	_, port, _ := strings.Cut(i.address, ":")
	text := fmt.Sprintf("{\n admin off\n persist_config off\n grace_period 5s\n storage file_system %q\n}\nhttp://:%s {\n bind 127.0.0.1\n %s\n}\n",
		filepath.ToSlash(storage), port, directives)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // read only when the process has ended
	process := command.Command(os.Args[0], "-test.run=^TestBeInstance$")
	process.Env = append(os.Environ(), instanceConfig+"="+config, "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder)
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	i.stop = func() {
		if !stopped {
			stopped = true
			_ = process.Process.Kill()
			_ = process.Wait()
		}
	}
	t.Cleanup(i.stop)
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := i.send(http.MethodGet, "/", "", "")
		if err == nil {
			return i
		}
		if time.Now().After(deadline) {
			i.stop()
			t.Fatalf("no answer: %v\n%s", err, &log)
		}
		time.Sleep(20 * time.Millisecond) // until it listens
	}
}

func (i *instance) send(method, path, body string, headerLines ...string) (webhooktest.Response, error) {
	request, err := http.NewRequest(method, "http://"+i.address+path, strings.NewReader(body))
	if err != nil {
		return webhooktest.Response{}, err
	}
	for _, line := range headerLines {
		if name, value, ok := strings.Cut(line, ": "); ok {
			request.Header.Set(name, value)
		}
	}
	return webhooktest.Send(request)
}

func (i *instance) post(path, body string, headerLines ...string) webhooktest.Response {
	i.t.Helper()
	answer, err := i.send(http.MethodPost, path, body, headerLines...)
	if err != nil {
		i.t.Fatal(err)
	}
	return answer
}

func (i *instance) fetchToken() string {
	i.t.Helper()
	return tokenOf(i.t, i.post("/token", `{"client_id":"shop","client_secret":"0123456789abcdef"}`, "Content-Type: application/json"), "access_token")
}

func (i *instance) event(token string) int {
	i.t.Helper()
	return i.post("/hook", `{"id":"1","type":"CREATED"}`, "Authorization: Bearer "+token).Status
}

// Two instances with one storage each accept what the other has issued, also
// one that only verifies, and one that starts anew. An instance with another
// storage accepts nothing of theirs.
func TestInstancesShareTokens(t *testing.T) {
	const (
		issues = "webhook_token /token acme {\n client shop 0123456789abcdef for instaleap\n }\n"
		takes  = "handle_webhook /hook instaleap {\n issued acme\n otherwise {\n respond 204\n }\n }\n"
	)
	storage := t.TempDir()
	verifier := startInstance(t, storage, takes) // before there are any keys
	first, second := startInstance(t, storage, issues+takes), startInstance(t, storage, issues+takes)
	stranger := startInstance(t, t.TempDir(), issues+takes)

	if status := verifier.event("eyJhbGciOiJFZERTQSIsInR5cCI6IndoK2p3dCJ9.e30.AAAA"); status != 401 {
		t.Errorf("before there are keys the status is %d", status)
	}
	tokens := []string{first.fetchToken(), second.fetchToken()}
	for name, instance := range map[string]*instance{"verifier": verifier, "first": first, "second": second} {
		for i, token := range tokens {
			if status := instance.event(token); status != 204 {
				t.Errorf("%s answers %d to token %d", name, status, i+1)
			}
		}
	}
	if status := stranger.event(tokens[0]); status != 401 {
		t.Errorf("an instance with another storage answers %d", status)
	}
	if status := first.event(stranger.fetchToken()); status != 401 {
		t.Errorf("a token of another storage is answered %d", status)
	}

	first.stop()
	again := startInstance(t, storage, issues+takes)
	if status := again.event(tokens[0]); status != 204 {
		t.Errorf("after a restart the status is %d", status)
	}
	if status := second.event(again.fetchToken()); status != 204 {
		t.Errorf("a token from after the restart is answered %d", status)
	}
	info, err := os.Stat(filepath.Join(storage, "webhooks", "issuers", "acme", "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		t.Errorf("others may read the keys: %v", mode)
	}
}
