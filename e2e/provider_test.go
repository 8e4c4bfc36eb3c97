package e2e_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// ownProviders are definitions by the global option.
const ownProviders = `{
	webhooks {
		provider acme hmac {
			signature header.X-Acme-Signature {
				prefix v1=
			}
			timestamp header.X-Acme-Timestamp {
				tolerance 5m
			}
			content {timestamp}.{body}
			event body.kind
			id header.X-Acme-Id body.id
			events order.created order.deleted
		}
		provider bare token {
			event {body.a}-{body.b} "=body.c"
		}
	}
}
`

// A provider of one's own verifies, and its clock window holds in both
// directions for signatures that are good.
func TestOwnProviderWithTimestamp(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, ownProviders+endpoint(up, "acme test-secret"))
	wide := func() *webhooktest.Server {
		return webhooktest.Start(t, ownProviders+endpoint(up, "acme test-secret", "tolerance off"))
	}
	const body = `{"kind":"order.created","id":"body-1"}`
	send := func(srv *webhooktest.Server, at time.Time, signedAt time.Time, more ...string) webhooktest.Response {
		sent, signed := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(signedAt.Unix(), 10)
		return srv.Post("/hook", body, append(more, "X-Tell: yes", "X-Acme-Timestamp: "+sent,
			"X-Acme-Signature: v1="+webhooktest.HMAC(testSecret, signed, ".", body))...)
	}
	now := time.Now()
	checkStatus(t, send(srv, now, now), 200)
	checkWebhookHeaders(t, up.Only(), []string{
		"Webhook-Delivery-Id: body-1", "Webhook-Event: order.created", "Webhook-Provider: acme",
	})
	checkStatus(t, send(srv, now, now, "X-Acme-Id: header-1"), 200)
	if got := up.Only(); got.Header.Get("Webhook-Delivery-Id") != "header-1" {
		t.Errorf("the upstream got %v", got.Header)
	}
	for _, at := range []time.Time{now.Add(-time.Hour), now.Add(time.Hour), now.Add(-6 * time.Minute), now.Add(6 * time.Minute)} {
		checkReason(t, send(srv, at, at), 401, "stale")
		checkReason(t, send(srv, now, at), 401, "bad_signature")
	}
	for _, at := range []time.Time{now.Add(-4 * time.Minute), now.Add(4 * time.Minute)} {
		checkStatus(t, send(srv, at, at), 200)
		up.Only()
	}
	checkReason(t, srv.Post("/hook", body, "X-Tell: yes", "X-Acme-Signature: v1="+webhooktest.HMAC(testSecret, ".", body)), 401, "missing_signature")
	up.None()

	srv = wide()
	old := now.Add(-1000 * time.Hour)
	checkStatus(t, send(srv, old, old), 200)
	up.Only()
}

// A secret of a provider whose scheme is token is the token itself.
func TestOwnProviderWithToken(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, ownProviders+endpoint(up, "bare test-token"))
	const header = "Authorization: Bearer test-token"
	for body, event := range map[string]string{
		`{"a":"x","b":"y"}`:         "x-y",
		`{"a":"x","c":"z"}`:         "z",
		`{"a":"x","b":"y","c":"z"}`: "x-y",
		`{"c":5}`:                   "5",
		`{}`:                        "",
	} {
		checkStatus(t, srv.Post("/hook", body, header), 200)
		if got := up.Only(); got.Header.Get("Webhook-Event") != event || got.Header.Get("Webhook-Provider") != "bare" {
			t.Errorf("for %s the upstream got %v, want %q", body, got.Header, event)
		}
	}
	checkReason(t, srv.Post("/hook", "{}", "Authorization: Bearer other", "X-Tell: yes"), 401, "bad_token")
	checkReason(t, srv.Post("/hook", "{}", "X-Tell: yes"), 401, "missing_token")
	up.None()
}

// An operator's corrections apply to one endpoint, not to its provider.
func TestCorrections(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /corrected instaleap test-secret {
		content {body.id}-{header.X-Extra}
		event {header.X-Kind}/{body.type} body.type
		id header.X-Delivery
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /bare instaleap test-secret {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /fixed jelp {
		token test-token
		event order_new
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	body, mac := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	corrected := "InstaLeap-Signature: " + webhooktest.HMAC(testSecret, "a-extra")

	checkStatus(t, srv.Post("/corrected", body, corrected, "X-Extra: extra", "X-Kind: job", "X-Delivery: d-1"), 200)
	checkWebhookHeaders(t, up.Only(), []string{
		"Webhook-Delivery-Id: d-1", "Webhook-Event: job/CREATED", "Webhook-Provider: instaleap",
	})
	checkStatus(t, srv.Post("/corrected", body, mac, "X-Extra: extra"), 401)
	checkStatus(t, srv.Post("/bare", body, corrected, "X-Extra: extra"), 401)
	up.None()
	checkStatus(t, srv.Post("/bare", body, mac), 200)
	checkWebhookHeaders(t, up.Only(), []string{
		"Webhook-Delivery-Id: a", "Webhook-Event: CREATED", "Webhook-Provider: instaleap",
	})
	checkStatus(t, srv.Post("/fixed", "{}", "Authorization: Bearer test-token"), 200)
	checkWebhookHeaders(t, up.Only(), []string{"Webhook-Event: order_new", "Webhook-Provider: jelp"})
}
