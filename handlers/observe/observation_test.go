package observe

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Once a day the log says that an endpoint refuses nothing, however often its
// configuration is loaded.
func TestObserveReminds(t *testing.T) {
	defer forgetObservations(nil)
	core, log := observer.New(zap.WarnLevel)
	load := func(config string) *Watcher {
		o := &Observer{
			Endpoint: webhook.Endpoint{Provider: "reminding", Name: "hook"}, logger: zap.New(core), heartbeat: new(heartbeat),
			wouldRefuse: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "would_refuse"}, []string{"reason"}),
		}
		o.Observe([]byte(config))
		return &Watcher{observers: []*Observer{o}}
	}
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	w := load("a")
	w.begin(start)
	for _, look := range []struct {
		after time.Duration
		want  int // entries so far
	}{{24*time.Hour - 1, 0}, {24 * time.Hour, 1}, {25 * time.Hour, 1}, {48*time.Hour - 1, 1}, {48 * time.Hour, 2}} {
		w = load("a") // a reload
		w.begin(start.Add(look.after))
		w.Look(start.Add(look.after))
		if got := log.FilterMessage("observe: this endpoint still refuses nothing").Len(); got != look.want {
			t.Errorf("after %s it was said %d times, want %d", look.after, got, look.want)
		}
	}
	if since := log.All()[0].ContextMap()["since"]; since != start {
		t.Errorf("since is %v, want %v", since, start)
	}
	other := load("b")
	other.begin(start.Add(72 * time.Hour))
	other.Look(start.Add(72 * time.Hour))
	if got := log.Len(); got != 2 {
		t.Errorf("another configuration is reminded of at once: %d entries", got)
	}
}
