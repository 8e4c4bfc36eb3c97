package observe

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// heartbeat is what is known of the punctuality at an endpoint. It lives as long as the
// process, so that loading a configuration does not set the clock back.
type heartbeat struct {
	heard    atomic.Int64 // when a webhook was verified last, in Unix nanoseconds; 0: never
	expected atomic.Int64 // since when webhooks are expected, likewise
	silent   atomic.Bool
	gauge    func(silent float64)
	remove   func()
}

// heartbeats are those of all endpoints.
var heartbeats struct {
	sync.Mutex
	byEndpoint map[webhook.Endpoint]*heartbeat
}

func heartbeatOf(e webhook.Endpoint) *heartbeat {
	heartbeats.Lock()
	defer heartbeats.Unlock()
	s, ok := heartbeats.byEndpoint[e]
	if !ok {
		if heartbeats.byEndpoint == nil {
			heartbeats.byEndpoint = make(map[webhook.Endpoint]*heartbeat)
		}
		gauges := Collectors().silent
		s = &heartbeat{
			gauge:  func(silent float64) { gauges.With(labelsOf(e)).Set(silent) },
			remove: func() { gauges.Delete(labelsOf(e)) },
		}
		heartbeats.byEndpoint[e] = s
	}
	return s
}

// forget ends the expectations of the sources that no endpoint has any more.
func forget(expected map[*heartbeat]bool) {
	heartbeats.Lock()
	defer heartbeats.Unlock()
	for _, s := range heartbeats.byEndpoint {
		if !expected[s] && s.expected.Swap(0) != 0 {
			s.silent.Store(false)
			s.remove()
		}
	}
}

// expect begins to expect webhooks, unless they are expected already.
func (s *heartbeat) expect(at time.Time) {
	if s.expected.CompareAndSwap(0, at.UnixNano()) {
		s.gauge(0)
	}
}

// hear notes that a webhook was verified. It reports whether that ends a
// silence.
func (s *heartbeat) hear(at time.Time) bool {
	s.heard.Store(at.UnixNano())
	if !s.silent.Load() || !s.silent.CompareAndSwap(true, false) {
		return false
	}
	s.gauge(0)
	return true
}

// fallSilent reports whether, at a time, the source has said nothing for too
// long. It does so once for each silence.
func (s *heartbeat) fallSilent(at time.Time, every time.Duration) bool {
	s.expect(at) // a configuration that has failed to start may have ended that
	since := max(s.heard.Load(), s.expected.Load())
	if at.Sub(time.Unix(0, since)) < every || !s.silent.CompareAndSwap(false, true) {
		return false
	}
	s.gauge(1)
	return true
}

// checkSilence tells of a source that has fallen silent.
func (o *Observer) checkSilence(at time.Time) {
	if o.expectEvery <= 0 || !o.heartbeat.fallSilent(at, o.expectEvery) {
		return
	}
	last := "never"
	if heard := o.heartbeat.heard.Load(); heard != 0 {
		last = time.Unix(0, heard).UTC().Format(time.RFC3339)
	}
	o.logger.Warn("no webhook was verified for too long", o.Endpoint.Field(),
		zap.Duration("expect_every", o.expectEvery), zap.String("last", last))
	if o.events.ShouldEmit(eventSilent) {
		o.events.Emit(o.ctx, eventSilent, map[string]any{
			"provider": o.Endpoint.Provider, "endpoint": o.Endpoint.Name, "expect_every": o.expectEvery.String(), "last": last,
		})
	}
}
