package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// A redaction that leaves nothing out of any sample is told of, with the nearest
// name; one that does, or may do so in an object that the samples leave empty, is not.
func TestRedactionsOfNothing(t *testing.T) {
	for redact, want := range map[string]string{
		"job.recipeint":       "redact job.recipeint leaves nothing out: no sample of instaleap has it; did you mean job.recipient?",
		"recipient.name":      "redact recipient.name leaves nothing out of any sample of instaleap",
		"job.tasks.*.surname": "redact job.tasks.*.surname leaves nothing out of any sample of instaleap",
		"job.recipient":       "",
		"job.recipient.*":     "",
		"job.tasks.*.resource.first_name job.job_items.0.comment": "",
		"job.external_data.customer":                              "",
		"personal":                                                "",
		"*":                                                       "",
	} {
		srv := webhooktest.Start(t, site("handle_webhook /hook instaleap {\n token a-token\n inspect 5 {\n bodies\n redact "+redact+"\n }\n otherwise {\n respond 204\n }\n}"))
		var got []string
		for _, entry := range srv.Log.Find(func(e webhooktest.Entry) bool { return strings.HasPrefix(e.Text("msg"), "redact ") }) {
			got = append(got, entry.Text("msg"))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("redact %s: warnings %q, want %q", redact, got, want)
		}
		srv.Stop()
	}
}
