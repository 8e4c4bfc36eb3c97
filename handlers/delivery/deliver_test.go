package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// A sender waits less long for the app than the provider does for us.
func TestPatience(t *testing.T) {
	for _, test := range []struct{ configured, provider, want time.Duration }{
		{0, 3 * time.Second, 2500 * time.Millisecond},
		{0, 30 * time.Second, 25 * time.Second},
		{0, 0, 2500 * time.Millisecond},
		{time.Minute, 3 * time.Second, time.Minute},
	} {
		d := Deliver{Wait: caddy.Duration(test.configured)}
		if got := d.patience(&route.Event{AnswerWithin: test.provider}); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// Names become parts of paths, metrics and subjects of streams, also where they
// come from JSON.
func TestDeliverNamesInJSON(t *testing.T) {
	for _, test := range []struct {
		name, to string
		ok       bool
	}{
		{"orders", "", true},
		{"or.d-e_rs9", "billing", true},
		{"a/b", "", false},
		{"a*", "", false},
		{"{env.NAME}", "", false},
		{"orders", "a>", false},
		{"orders", ".b", false},
		{strings.Repeat("a", 65), "", false},
	} {
		d := Deliver{Name: test.name, To: []*Destination{{Name: test.to}}}
		d.fillDefaults()
		if err := d.check(); (err == nil) != test.ok {
			t.Errorf("%s, to %s: %v", test.name, test.to, err)
		}
	}
}
