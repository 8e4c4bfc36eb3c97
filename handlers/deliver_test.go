package handlers

import (
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
