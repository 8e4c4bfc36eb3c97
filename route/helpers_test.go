package route_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// order is the payload of most tests.
const order = `{
	"id": 9007199254740993, "big": 12345678901234567890, "total": 38.90, "type": "order.paid",
	"created_at": "2024-05-14T11:59:00Z", "nested": {"a": {"b": 1}}, "empty": {}, "null": null,
	"list": [{"sku": "x", "qty": 2}, {"sku": "y", "qty": 0}],
	"notes": "{\"door\":\"left\"}", "x-y": 5, "a.b": "dotted", "yes": true
}`

var received = time.Date(2024, 5, 14, 12, 0, 0, 0, time.UTC)

// arrival is a webhook that was let in.
type arrival struct {
	provider    string
	body        string
	contentType string
	config      *verify.Config
}

// event verifies an arrival and makes its Event.
func (a arrival) event() (*route.Event, error) {
	if a.provider == "" {
		a.provider = "instaleap"
	}
	if a.config == nil {
		a.config = &verify.Config{Unverified: true}
	}
	spec, _ := verify.Builtin(a.provider)
	v, err := verify.New(spec, a.config)
	if err != nil {
		return nil, err
	}
	r := &verify.Request{
		Method:   http.MethodPost,
		URL:      &url.URL{Scheme: "https", Host: "hooks.example.com", Path: "/hook", RawQuery: "q=one&q=two&r=a+b"},
		Header:   http.Header{"X-Test": {"v1", "v2"}, "Content-Type": {a.contentType}},
		Received: received,
		Body:     payload.New([]byte(a.body), a.contentType, spec.FormField),
	}
	if len(a.config.Secrets) > 0 {
		if err := verify.Sign(spec, a.config, r); err != nil {
			return nil, err
		}
	}
	if err := v.Admit(r); err != nil {
		return nil, err
	}
	result, err := v.Verify(r)
	if err != nil {
		return nil, err
	}
	identity, err := route.NewIdentity(v.Provider())
	if err != nil {
		return nil, err
	}
	return route.NewEvent(v.Provider(), identity, r, result)
}

// newEvent is the Event of a body.
func newEvent(t testing.TB, body string) *route.Event {
	t.Helper()
	e, err := arrival{body: body}.event()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// compute evaluates an expression on an event.
func compute(e *route.Event, source string) (any, error) {
	value, err := route.CompileValue(source)
	if err != nil {
		return nil, err
	}
	return value.Compute(e)
}
