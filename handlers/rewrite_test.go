package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// A rewrite that finds nothing to change leaves the payload where it is. Whoever
// sends it, or wants it later, has to know that this memory is used again.
func TestRewriteThatChangesNothing(t *testing.T) {
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Delete: "absent"}}})
	if err != nil {
		t.Fatal(err)
	}
	v := new(verified)
	if err := v.body.readFrom(strings.NewReader(`{"a":"`+strings.Repeat("x", 100_000)+`"}`), -1, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	defer v.body.end(t.Context())
	snapshot := &route.Snapshot{Provider: "p", Name: "n", URL: new(route.SnapshotURL)}
	v.event = snapshot.Event(make(http.Header), v.body.data)

	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), caddyhttp.VarsCtxKey, make(map[string]any)), "POST", "/", nil)
	caddyhttp.SetVar(r.Context(), eventVar, v)
	next := func(_ http.ResponseWriter, r *http.Request) error {
		if held := heldBodyOf(r); held == nil || held.source != &v.body {
			t.Errorf("the next handler gets %p, which is not known to be in %p", held.source, &v.body)
		}
		record, err := save(r, v.event).record("d")
		if err != nil || &record.Body[0] == &v.body.data[0] {
			t.Errorf("what outlives the request shares its memory: %v", err)
		}
		return nil
	}
	if err := (&Rewrite{rewriter: rewriter}).ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(next)); err != nil {
		t.Fatal(err)
	}
}
