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

// A rewritten payload is in memory that goes to another request by the rules of
// the body as it came: those who send it, and those who want it later, know.
func TestRewrittenBodyIsInABuffer(t *testing.T) {
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Set: "a", Value: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Repeat("x", 6_000)
	snapshot := &route.Snapshot{Provider: "p", Name: "n", URL: new(route.SnapshotURL)}
	v := &verified{event: snapshot.Event(make(http.Header), []byte(`{"a":1,"b":"`+rest+`"}`))}

	ended, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(context.WithValue(ended, caddyhttp.VarsCtxKey, make(map[string]any)), "POST", "/", nil)
	caddyhttp.SetVar(r.Context(), eventVar, v)
	var held *heldBody
	next := func(_ http.ResponseWriter, r *http.Request) error {
		held = heldBodyOf(r)
		return nil
	}
	if err := (&Rewrite{rewriter: rewriter}).ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(next)); err != nil {
		t.Fatal(err)
	}
	if held == nil || string(held.content) != `{"a":2,"b":"`+rest+`"}` || len(v.rewritten) != 1 || held.source != v.rewritten[0] {
		t.Fatalf("the next handler gets %+v, in %+v", held, v.rewritten)
	}
	written := held.source.send()
	v.end(r.Context())
	cancel()
	if held.source.take() != nil {
		t.Error("the memory is used again while it is being sent")
	}
	written()
	if held.source.take() == nil {
		t.Error("the memory is not used again")
	}
	if _, there := VerifiedEvent(r); there {
		t.Error("the event can be had without its payload")
	}
}

// A rewrite that finds nothing to change leaves the payload where it is. Whoever
// sends it, or wants it later, has to know that this memory is used again.
func TestRewriteThatChangesNothing(t *testing.T) {
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Delete: "absent"}}})
	if err != nil {
		t.Fatal(err)
	}
	v := new(verified)
	v.body.room(6_000)
	v.body.data = append(v.body.data, `{"a":"`+strings.Repeat("x", 5_000)+`"}`...)
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
