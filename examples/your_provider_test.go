package examples_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// yourProvider is the example with five providers that are not built in: what
// each sends, and the same changed.
func yourProvider(t *testing.T) example {
	t.Helper()
	const (
		aikido  = `{"event_type":"issue.open.created","dispatched_at":1772615727}`
		terra   = `{"event":"kit.shipped","order":7}`
		data    = `{"id": "pay_7", "paid": true}`
		openpay = `{"type": "payment.paid", "data": ` + data + `}`
		runner  = `{"type":"vehicleTransferOrder.updated","created":1772615727}`
		uber    = `{"event_type":"employees.trips.status_changed","event_id":"e-7"}`
	)
	now := time.Now()
	seconds, millis := strconv.FormatInt(now.Unix(), 10), strconv.FormatInt(now.UnixMilli(), 10)
	signed := map[string]webhook{
		"aikido issue.open.created":                    described(t, "/aikido", "X-Aikido-Webhook-Signature", webhooktest.HMAC("test-secret-aikido", aikido), aikido),
		"terra-vantage kit.shipped":                    described(t, "/terra-vantage", "X-Terra-Signature", listed("test-secret-terra", millis, millis+"."+terra), terra),
		"openpay payment.paid":                         described(t, "/openpay", "signature-digest", listed("test-secret-openpay", seconds, seconds+"."+data), openpay),
		"runbuggy vehicleTransferOrder.updated":        described(t, "/runbuggy", "Authorization", "test-token-runbuggy", runner),
		"uber-business employees.trips.status_changed": described(t, "/uber-business", "X-Uber-Signature", webhooktest.HMAC("test-secret-uber", uber), uber),
	}
	e := example{"your-provider", map[string]string{
		"AIKIDO_SECRET": "test-secret-aikido", "TERRA_SECRET": "test-secret-terra", "OPENPAY_SECRET": "test-secret-openpay",
		"RUNBUGGY_TOKEN": "test-token-runbuggy", "UBER_KEY": "test-secret-uber",
	}, nil}
	for _, event := range slices.Sorted(maps.Keys(signed)) {
		forged := signed[event].but(`7`, `8`)
		if signed[event].path == "/runbuggy" {
			forged = signed[event].with("Authorization", "test-token-other")
		}
		e.steps = append(e.steps, step{event, signed[event], 200, event}, step{event + " forged", forged, 401, ""})
	}
	return e
}

// described returns a webhook of the example your-provider, with a header that
// proves the sender.
func described(t *testing.T, path, name, value, body string) webhook {
	return webhook{t: t, method: "POST", path: path, body: body}.with("Content-Type", "application/json").with(name, value)
}

// listed is a signature header that lists a time and the code of what is signed.
func listed(secret, stamp, content string) string {
	return "t=" + stamp + ",v1=" + webhooktest.HMAC(secret, content)
}
