package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// A rewrite that finds nothing to change leaves the payload where it is. Whoever
// sends it, or wants it later, has to know that this memory is used again.
func TestRewriteThatChangesNothing(t *testing.T) {
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Delete: "absent"}}})
	if err != nil {
		t.Fatal(err)
	}
	r, v := verifiedRequest(t, `{"a":"`+strings.Repeat("x", 100_000)+`"}`)
	next := func(_ http.ResponseWriter, r *http.Request) error {
		if held := webhook.BodyOf(r); held == nil || held.Buffer != &v.Buffer {
			t.Errorf("the next handler gets %p, which is not known to be in %p", held.Buffer, &v.Buffer)
		}
		return nil
	}
	if err := (&Rewrite{rewriter: rewriter}).ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(next)); err != nil {
		t.Fatal(err)
	}
}
