package command_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A mistyped command is an error, so that a gate in CI does not pass by it.
func TestUnknownCommands(t *testing.T) {
	for line, want := range map[string]string{
		"tset":                 `unknown command "tset" for "webhooks"; did you mean test?`,
		"tests --config x":     `unknown command "tests" for "webhooks"; did you mean test?`,
		"foo bar":              `unknown command "foo" for "webhooks"`,
		"dead foo":             `unknown command "foo" for "webhooks dead"`,
		"dead requeu 1.1":      `did you mean requeue?`,
		"tenant lst":           `did you mean list?`,
		"queue foo":            `unknown command "foo" for "webhooks queue"`,
		"--nosuch":             `unknown flag: --nosuch`,
		"dead --nosuch":        `unknown flag: --nosuch`,
		"providers nosuch two": `accepts at most 1 arg(s)`,
	} {
		output, code, err := run(strings.Fields(line)...)
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(output, "Usage:") {
			t.Errorf("webhooks %s: exit code %d, %v; want 2 and %q\n%s", line, code, err, want, output)
		}
	}
	for _, line := range []string{"", "dead", "tenant"} {
		output, code, err := run(strings.Fields(line)...)
		if code != 0 || err != nil || !strings.Contains(output, "Available Commands:") ||
			!strings.HasSuffix(output, "\nDocumentation: https://github.com/caddy-webhooks/caddy-webhooks#readme\n") {
			t.Errorf("webhooks %s: exit code %d, %v\n%s", line, code, err, output)
		}
	}
}

// What is wrong with a question to the admin endpoint is said in words.
func TestAdminErrors(t *testing.T) {
	answer := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, body, status)
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	nobody := closed.Addr().String()
	away := "cannot reach Caddy's admin endpoint at " + nobody + "; is Caddy running, is `admin off` set"
	for _, line := range []string{"queue", "queue list", "dead list", "dead show 1.1", "tenant list", "tenant top", "tail --once", "inspect"} {
		for address, want := range map[string]string{
			nobody: away,
			answer(400, `{"error":"wrong query: nothing is chosen"}`): "wrong query: nothing is chosen (HTTP 400)",
			answer(404, "404 page not found"):                         "has nothing there; is it a build with this module? (HTTP 404)",
		} {
			_, code, err := run(append(strings.Fields(line), "--address", address)...)
			if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("webhooks %s: exit code %d, %v; want 2 and %q", line, code, err, want)
			}
		}
	}
}
