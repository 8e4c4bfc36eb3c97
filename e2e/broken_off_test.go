package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// breaksOff starts an app that breaks off all of its answers.
func breaksOff(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("a part")) // the rest never comes
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(app.Close)
	return strings.TrimPrefix(app.URL, "http://")
}

const shownInLogs = "what proves the sender of these webhooks shows in logs"

// Where the app breaks off its answer, or the error routes fail like the handler,
// Caddy logs the request. Either the credential does not stand there, or loading
// has warned of it; and webhook_redact always keeps it out.
func TestNoCredentialWhereAnAnswerBreaksOff(t *testing.T) {
	t.Setenv("LEAK", leak)
	app := breaksOff(t)
	for _, test := range []struct {
		name, handler, errors string
		warned                bool
	}{
		{"webhook_proxy", "webhook_proxy " + app, "", false},
		{"reverse_proxy", "reverse_proxy " + app, "", true},
		{"reverse_proxy in a route", "route {\n reverse_proxy " + app + "\n }", "", true},
		{"webhook_proxy that keeps headers", "webhook_proxy " + app + " {\n lb_retry_match method GET\n }", "", true},
		{"error routes that fail", "webhook_proxy 127.0.0.1:1", "handle_errors {\n reverse_proxy 127.0.0.1:1\n }", true},
		{"error routes that break off", "webhook_proxy 127.0.0.1:1", "handle_errors {\n reverse_proxy " + app + "\n }", true},
	} {
		for _, credential := range []struct{ webhook, query, header string }{
			{"gitlab {env.LEAK}", "", "X-Gitlab-Token: " + leak},
			{"docker-hub {env.LEAK}", "?a=b&token=" + leak, "X-Other: value"},
		} {
			for _, format := range []string{"level INFO", "format webhook_redact"} {
				t.Run(test.name+", "+credential.webhook+", "+format, func(t *testing.T) {
					srv := webhooktest.Start(t, fmt.Sprintf("{\n log {\n level INFO\n %s\n }\n}\nhttp://:0 {\n handle_webhook /hook %s {\n otherwise {\n %s\n }\n }\n %s\n}",
						strings.TrimPrefix(format, "level INFO"), credential.webhook, test.handler, test.errors))
					request := srv.NewRequest("POST", "/hook"+credential.query, strings.NewReader(`{"a":"b"}`), "Content-Type: application/json", credential.header)
					_, _ = webhooktest.Send(request) // its answer may be broken off
					srv.Stop()
					log := srv.Log.String()
					warned := strings.Contains(log, shownInLogs)
					if redacts := strings.Contains(format, "redact"); warned != (test.warned && !redacts) {
						t.Errorf("warned: %t", warned)
					} else if !warned && strings.Contains(log, leak) {
						t.Errorf("the credential is in the log:\n%s", log)
					}
				})
			}
		}
	}
}
