package e2e_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Credentials of the endpoints in these tests.
const (
	testSecret = "test-secret"
	testToken  = "test-token"
)

// endpoint is a site whose path /hook takes webhooks and proxies all of them.
// Its error routes show the reason to requests with the header X-Tell.
func endpoint(up *webhooktest.Upstream, provider string, lines ...string) string {
	return site(fmt.Sprintf(`handle_webhook /hook %s {
		%s
		otherwise {
			reverse_proxy %s
		}
	}`, provider, strings.Join(lines, "\n\t\t"), up.Addr()))
}

// site is a site with an access log and telling error routes.
func site(directives string) string {
	return "http://:0 {\n\tlog\n\t" + directives + `
	handle_errors {
		@tell header X-Tell *
		respond @tell "<{http.webhook.error}>"
	}
}
`
}

// routes is a site whose path /hook takes webhooks of GitHub by the blocks.
func routes(blocks string) string {
	return site("handle_webhook /hook github " + testSecret + " {\n" + blocks + "\n\t}")
}

// instaleap makes a job webhook with its signature, from the raw JSON values
// of its signed fields and more members.
func instaleap(id, created, kind, more string) (body, header string) {
	body = `{"id":` + id + `,"created_at":` + created + `,"type":` + kind + more + `}`
	text := func(raw string) string { return strings.Trim(raw, `"`) }
	return body, "InstaLeap-Signature: " +
		webhooktest.HMAC(testSecret, text(id), "&", text(created), "&", text(kind))
}

// push sends a GitHub push with a right signature.
func push(srv *webhooktest.Server, body string, headers ...string) webhooktest.Response {
	return event(srv, "push", body, headers...)
}

// event sends a GitHub webhook with a right signature.
func event(srv *webhooktest.Server, name, body string, headers ...string) webhooktest.Response {
	return srv.Post("/hook", body, append(webhooktest.GitHub(testSecret, name, body), headers...)...)
}

func checkStatus(t *testing.T, got webhooktest.Response, want int) {
	t.Helper()
	if got.Status != want {
		t.Errorf("status %d, want %d; the body is %q", got.Status, want, got.Body)
	}
}

func checkAnswer(t *testing.T, got webhooktest.Response, status int, body string) {
	t.Helper()
	if got.Status != status || got.Body != body {
		t.Errorf("answer is %d %q, want %d %q", got.Status, got.Body, status, body)
	}
}

// checkReason checks a refusal whose request had the header X-Tell.
func checkReason(t *testing.T, got webhooktest.Response, status int, reason string) {
	t.Helper()
	checkAnswer(t, got, status, "<"+reason+">")
}

// exitCode is what Caddy's main function makes of an error. Its type is not
// exported.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if value := reflect.ValueOf(err); value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct {
		if code := value.Elem().FieldByName("ExitCode"); code.IsValid() && code.CanInt() {
			return int(code.Int())
		}
	}
	return 1
}
