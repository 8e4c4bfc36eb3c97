package route_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// An event that was written down answers rules as the one it was made of, and
// so does one that was not.
func TestSnapshot(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	provider, err := verify.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := route.NewIdentity(provider)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"id": "1", "created_at": "x", "type": "CREATED", "n": 12345678901234567890}`
	header := http.Header{"Content-Type": {"application/json"}, "X-A": {"b"}}
	event, err := route.NewEvent(provider, identity, &verify.Request{
		Method: "PUT", URL: &url.URL{Scheme: "https", Host: "example.com", Path: "/a b", RawQuery: "q=1"},
		Header: header, Received: time.Unix(1, 5).UTC(), Body: payload.New([]byte(body), "application/json", ""),
	}, &verify.Result{Event: "CREATED", ID: "1", Signed: verify.SignedFields})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := event.Snapshot()
	text, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	read := new(route.Snapshot)
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	for name, made := range map[string]*route.Event{
		"the event": event, "in memory": snapshot.Event(header, []byte(body)), "written down": read.Event(header, []byte(body)),
	} {
		for _, rule := range []string{
			`provider == "instaleap" && event == "CREATED" && id == "1"`,
			`method == "PUT" && path == "/a b" && query("q") == "1" && header("x-a") == "b"`,
			`timestamp == received && string(received) == "1970-01-01 00:00:01.000000005 +0000 UTC"`,
			`body.type == "CREATED" && string(body.n) == "12345678901234567890"`,
			`signed("body.id") && signed("body.type") && signed("id") && signed("event") && not signed("body.n") && not signed("body")`,
		} {
			compiled, err := route.CompileRule(rule)
			if err != nil {
				t.Fatal(err)
			}
			if matched, err := compiled.Match(made); !matched || err != nil {
				t.Errorf("%s: %s is %t, %v", name, rule, matched, err)
			}
		}
	}
}

// Each event of a snapshot is of its own.
func TestSnapshotEventsAreApart(t *testing.T) {
	read := new(route.Snapshot)
	if err := json.Unmarshal([]byte(`{"provider": "x", "signed": "body", "method": "POST", "url": "http://a/b"}`), read); err != nil {
		t.Fatal(err)
	}
	first, second := read.Event(http.Header{}, []byte(`{"a": 1}`)), read.Event(http.Header{}, []byte(`{"a": 1}`))
	first.SetBody([]byte(`{"a": 2}`), "application/json")
	if got, _ := second.Lookup("a"); got != "1" {
		t.Errorf("the second event's payload has become %s", got)
	}
}
