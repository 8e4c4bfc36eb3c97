package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// verifiedRequest returns a request that has been verified, with a body.
func verifiedRequest(t *testing.T, body string) (*http.Request, *webhook.Verified) {
	t.Helper()
	v := new(webhook.Verified)
	if err := v.Buffer.Fill(strings.NewReader(body), -1, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Buffer.End(context.Background()) })
	r := httptest.NewRequest("POST", "/hook", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
	v.Event = (&route.Snapshot{Provider: "p", ID: "1", URL: new(route.SnapshotURL)}).Event(r.Header, v.Buffer.Data)
	webhook.SetBody(r, v.Body.Hold(v.Buffer.Data, v.Buffer.Shared(), v.Event.Body))
	caddyhttp.SetVar(r.Context(), webhook.EventVar, v)
	return r, v
}
