package command_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Shells are offered the names of providers and events, and of what a running Caddy
// has; and nothing, without a word, where none runs.
func TestCompletion(t *testing.T) {
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/webhooks/providers": `[{"provider":"github","endpoint":"/ci"},{"provider":"github","endpoint":"/deploy"}]`,
			"/webhooks/queue":     `[{"destination":"orders/app"}]`,
			"/webhooks/tenants":   `[{"name":"shops"}]`,
		}
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	defer admin.Close()
	at := "--address " + strings.TrimPrefix(admin.URL, "http://") + " "
	for line, want := range map[string]string{
		"send stri": "stripe", "send stripe --event invoice.pa": "invoice.paid invoice.payment_action_required invoice.payment_failed invoice.payment_succeeded",
		"providers detr": "detrack detrack-v1", "verify --provider stri": "stripe",
		"tail " + at + "--endpoint ": "/ci /deploy", "tail " + at + "--provider ": "github",
		"queue list " + at + "--destination ": "orders/app", "queue pause " + at: "orders/app", "dead requeue " + at + "--destination o": "orders/app",
		"tenant list " + at: "shops", "tenant list shops " + at: "",
		"tail --address 127.0.0.1:1 --endpoint ": "",
	} {
		args := strings.Split(line, " ")
		output, code, err := run(append([]string{"__complete"}, args...)...)
		names, directive, _ := strings.Cut(output, ":")
		if got := strings.Join(strings.Fields(names), " "); code != 0 || err != nil || got != want || !strings.HasPrefix(directive, "4\n") {
			t.Errorf("%q is completed by %q, want %q\n%s", line, got, want, output)
		}
	}
}
