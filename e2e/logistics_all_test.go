package e2e_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// One URL does for several apps, of which each gets what its directives choose.
func TestLogisticsFanOut(t *testing.T) {
	orders, refunds := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "")+site(`handle_webhook /hook instaleap a-secret {
		otherwise {
			webhook_deliver {
				to orders `+orders.Addr()+`
				to refunds {
					@cancelled webhook_event CANCELLED
					reverse_proxy @cancelled `+refunds.Addr()+`
				}
			}
		}
	}`))
	for _, kind := range []string{"CREATED", "CANCELLED"} {
		body, signature := signedEvent(t, "a-secret", kind)
		checkStatus(t, srv.Post("/hook", body, signature), 200)
	}
	for _, got := range reaches(t, orders, 2) {
		if kind := got.Header.Get("Webhook-Event"); kind != "CREATED" && kind != "CANCELLED" {
			t.Errorf("the first app got %q", kind)
		}
	}
	if got := reaches(t, refunds, 1)[0].Header.Get("Webhook-Event"); got != "CANCELLED" {
		t.Errorf("the second app got %q", got)
	}
}

// Detrack shows the status that the app answered with, save those of the app's
// own access control, which would blame Detrack; map_status off shows them, too.
func TestDetrackShowsTheAppsStatus(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	end := "\n\t\totherwise {\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site("handle_webhook /mapped detrack {\n token_header X-Custom a-value"+end+
		"handle_webhook /plain detrack {\n token_header X-Custom a-value\n map_status off"+end))
	sample := sampleOf(t, "detrack/sample.json")
	mapped := map[int]int{301: 502, 302: 502, 401: 502, 404: 502, 410: 502}
	for _, status := range []int{200, 201, 204, 301, 302, 400, 401, 404, 410, 422, 429, 500, 503} {
		up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		want := status
		if mapped[status] != 0 {
			want = mapped[status]
		}
		checkStatus(t, srv.Post("/mapped", sample, "X-Custom: a-value"), want)
		checkStatus(t, srv.Post("/plain", sample, "X-Custom: a-value"), status)
	}
}

// Nothing that names, places or reaches a person in the pages' samples is left by
// delete personal, nor what opens something; the rest is.
func TestLogisticsPersonalData(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	var sites strings.Builder
	cases := []struct{ provider, sample, kept, gone string }{
		{
			"instaleap", "instaleap/sample.json", "0000AG382N",
			"Guillermo|guillermo@example.com|+52 2342342|3XqaWR5LR|Xilotzingo \"|5576|18.24332423|11111111|+549221499011|nico.pruebas|Nico|Pruebas|9320\"",
		},
		{"instaleap-chat", "instaleap-chat/sample.json", "job_id", "Hi my name is Jose"},
		{"jelp", "jelp/order_new.json", "42AT8WT", "LUIS ALBERTO|6645555555|HACIENDA|11830|LUIS DOMINGUEZ|32.48857892784934"},
		{"jelp", "jelp/folio_update.json", "42AQAQ6", "JOSUE|USCANGA|\"648\""},
		{"jelp", "jelp/order_update-assign_driver-fleet.json", "WS-019930", "6645555555|\"224\""},
		{"jelp", "jelp/order_update-tracking.json", "WS-019930", "https://"},
		{"jelp", "jelp/order_update-comment.json", "WS-019930", "contacted the client"},
		{
			"shippify", "shippify/sample.json", "t-xyz-123",
			"Test recipient|testrecip@test.com|Test sender|san marino|torres del norte|-2.1693477|Denny|16839098636794LPh1Zd|77030821377477|track/t-xyz-123",
		},
		{"detrack", "detrack/sample.json", "DET4640992408", "Dummy Address|Adam|3615|123456789|JAJddop|FrostyDeliveries"},
		{
			"detrack-v1", "detrack-v1/sample.json", "DO140213001",
			"63 Ubi|John|+6591234567|john.tan|notify.php|GT1234H|Call customer|very prompt|52cbaf87f92ea105|1.32502|103.8937",
		},
	}
	for _, provider := range []string{"instaleap", "instaleap-chat", "jelp", "shippify", "detrack", "detrack-v1"} {
		sites.WriteString("handle_webhook /" + provider + " " + provider + ` {
		token_header X-Any a-token
		otherwise {
			webhook_rewrite {
				delete personal
			}
			webhook_proxy ` + up.Addr() + `
		}
	}
	`)
	}
	srv := webhooktest.Start(t, site(sites.String()))
	for _, test := range cases {
		sample := sampleOf(t, test.sample)
		checkStatus(t, srv.Post("/"+test.provider, sample, "X-Any: a-token", "Content-Type: application/json"), 200)
		got := string(up.Only().Body)
		if !strings.Contains(got, test.kept) {
			t.Errorf("%s: %s is gone from %s", test.sample, test.kept, got)
		}
		for person := range strings.SplitSeq(test.gone, "|") {
			if !strings.Contains(sample, person) {
				t.Errorf("%s does not have %s", test.sample, person)
			}
			if strings.Contains(got, person) {
				t.Errorf("%s: %s is left", test.sample, person)
			}
		}
	}
	for _, person := range []string{"Guillermo", "6645555555", "testrecip", "Dummy Address", "John Tan"} {
		if strings.Contains(srv.Log.String(), person) {
			t.Errorf("the log has %s", person)
		}
	}
}
