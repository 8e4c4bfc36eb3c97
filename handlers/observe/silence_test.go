package observe

import (
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// A source falls silent once, until it is heard again; a configuration that
// takes over does not set the clock back.
func TestSilence(t *testing.T) {
	s := heartbeatOf(webhook.Endpoint{Provider: "silence-test", Name: "hook"})
	defer forget(nil)
	const every = 10 * time.Minute
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	falls := func(after time.Duration, want bool) {
		t.Helper()
		if got := s.fallSilent(start.Add(after), every); got != want {
			t.Errorf("after %s: fallen silent is %t, want %t", after, got, want)
		}
	}
	s.expect(start)
	falls(every-1, false)
	s.expect(start.Add(5 * time.Minute)) // a reload
	falls(every, true)
	falls(2*every, false) // it is told of already
	s.expect(start.Add(2 * every))
	falls(3*every, false)
	if !s.hear(start.Add(3 * every)) {
		t.Error("a webhook does not end the silence")
	}
	if s.hear(start.Add(3*every + 1)) {
		t.Error("a webhook ends a silence that is over")
	}
	falls(4*every, false)
	falls(4*every+1, true)

	forget(map[*heartbeat]bool{}) // nobody expects it any more
	if s.silent.Load() {
		t.Error("it is silent, though nothing is expected of it")
	}
	s.expect(start.Add(10 * every))
	falls(11*every-1, false) // not since it was heard
	falls(11*every, true)
}
