package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Every state of Shippify's page reaches its route, whatever the event's type
// says, which may be the same for all of them.
func TestShippifyStates(t *testing.T) {
	srv, up := shipped(t, "shippify", "SHIPPIFY_TOKEN=s3cret-one", "SHIPPIFY_CLIENT=acme-client")
	sample := sampleOf(t, "shippify/sample.json")
	const id = "1704734828038"
	heads := []string{"Content-Type: application/json", "X-Webhook-Token: s3cret-one", "X-Webhook-Client: acme-client"}
	routes := map[string]string{
		"completed": "/deliveries/t-xyz-123/comment", "canceled": "/failures", "not_picked_up": "/failures", "returned": "/failures",
	}
	for _, status := range []string{
		"draft", "scheduled", "pending_to_review", "processing", "broadcasting", "assigned", "confirmed_to_pickup",
		"at_pickup", "on_delivery", "going_to_dropoff", "at_dropoff", "hold_by_courier", "dropped_off", "returning",
		"completed", "canceled", "not_picked_up", "returned",
	} {
		uri := routes[status]
		if uri == "" {
			uri = "/shippify"
		}
		for _, kind := range []any{"DELIVERY_COMPLETED", "DELIVERY_STATUS_UPDATE", "DELIVERY_" + strings.ToUpper(status), nil} {
			name := status + " without a type"
			if kind != nil {
				name = status + " as " + kind.(string)
			}
			body := changed(t, sample, map[string]any{"status": status, "eventType": kind})
			deliver(t, srv, up, delivery{name: name, path: "/shippify", body: body, headers: heads, uri: uri, event: status, id: id})
		}
	}
	deliver(t, srv, up,
		delivery{
			name: "the page's sample", path: "/shippify", body: sample, headers: heads,
			uri: "/deliveries/t-xyz-123/comment", event: "completed", id: id, holds: `"comment":"test"`,
		},
		delivery{
			name: "without notes", path: "/shippify", body: changed(t, sample, map[string]any{"notes": nil}), headers: heads,
			uri: "/shippify", event: "completed", id: id,
		},
		delivery{
			name: "PUT", method: "PUT", path: "/shippify", body: sample, headers: heads,
			uri: "/deliveries/t-xyz-123/comment", event: "completed", id: id,
		},
		delivery{name: "a method that nobody chose", method: "PATCH", path: "/shippify", body: sample, headers: heads, status: 405},
		delivery{name: "one header", path: "/shippify", body: sample, headers: heads[:2], status: 401},
		delivery{
			name: "a wrong header", path: "/shippify", body: sample, status: 401,
			headers: []string{"X-Webhook-Token: s3cret-one", "X-Webhook-Client: other"},
		},
		delivery{
			name: "pictures in Base64", path: "/shippify", headers: heads,
			body: changed(t, sample, map[string]any{"status": "at_dropoff", "images": []string{strings.Repeat("iVBORw0KGgo", 400_000)}}),
			uri:  "/shippify", event: "at_dropoff", id: id,
		},
	)
}

// The method is chosen per automation; eventType can be the event; a customised
// payload says its state and id where it was asked for, of which none is warned.
func TestShippifyAsConfigured(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	to := "\n\t\totherwise {\n\t\t\trewrite /otherwise\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site(`handle_webhook /any shippify {
		token_header X-Key a-key
		methods GET POST PUT PATCH DELETE
		on completed {
			rewrite /completed
			webhook_proxy `+up.Addr()+`
		}`+to+`handle_webhook /type shippify {
		token_header X-Key a-key
		event body.eventType
		on DELIVERY_STATUS_UPDATE when "body.status == 'on_delivery'" {
			rewrite /moved
			webhook_proxy `+up.Addr()+`
		}`+to+`handle_webhook /json shippify {
		token_header X-Key a-key
		event body.estado
		id body.guia
		on entregado {
			rewrite /delivered
			webhook_proxy `+up.Addr()+`
		}`+to+`handle_webhook /form shippify {
		token_header X-Key a-key
		event form.estado
		id form.guia
		on entregado {
			rewrite /delivered
			webhook_proxy `+up.Addr()+`
		}`+to))
	sample := sampleOf(t, "shippify/sample.json")
	key := []string{"X-Key: a-key", "Content-Type: application/json"}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		deliver(t, srv, up, delivery{
			name: method, method: method, path: "/any", body: sample, headers: key,
			uri: "/completed", event: "completed", id: "1704734828038", holds: `"t-xyz-123"`,
		})
	}
	deliver(t, srv, up,
		delivery{
			name: "the type as the event", path: "/type", headers: key, uri: "/moved", event: "DELIVERY_STATUS_UPDATE", id: "1704734828038",
			body: changed(t, sample, map[string]any{"status": "on_delivery", "eventType": "DELIVERY_STATUS_UPDATE"}),
		},
		delivery{
			name: "another state", path: "/type", headers: key, uri: "/otherwise", event: "DELIVERY_STATUS_UPDATE", id: "1704734828038",
			body: changed(t, sample, map[string]any{"status": "assigned", "eventType": "DELIVERY_STATUS_UPDATE"}),
		},
		delivery{
			name: "customised JSON", path: "/json", headers: key, body: `{"estado":"entregado","guia":"G-1"}`,
			uri: "/delivered", event: "entregado", id: "G-1",
		},
		delivery{
			name: "customised form", path: "/form", body: "estado=entregado&guia=G-2",
			headers: []string{"X-Key: a-key", "Content-Type: application/x-www-form-urlencoded"},
			uri:     "/delivered", event: "entregado", id: "G-2",
		},
	)
	if warned := srv.Log.Find(func(e webhooktest.Entry) bool {
		return strings.Contains(e.Text("msg"), "event") && e.Text("level") == "warn"
	}); len(warned) > 0 {
		t.Errorf("it warns %v", warned)
	}
}
