package handlers

import (
	"errors"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the collectors of this module. They live as long as the process:
// Caddy makes a new registry for each configuration, and counters must not
// start anew when one is loaded. No label comes out of a request.
type metrics struct {
	requests   *prometheus.CounterVec // by provider and outcome
	ruleErrors *prometheus.CounterVec // by provider
}

var collectors = sync.OnceValue(func() *metrics {
	const namespace, subsystem = "caddy", "webhook"
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "requests_total",
			Help: "Webhook requests by provider and outcome: accepted, handshake, unrouted or the reason of a refusal.",
		}, []string{"provider", "outcome"}),
		ruleErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "rule_errors_total",
			Help: "Rules that failed at run time, by provider.",
		}, []string{"provider"}),
	}
})

// registerMetrics makes the collectors known to a configuration's registry.
func registerMetrics(ctx caddy.Context) (*metrics, error) {
	m := collectors()
	for _, collector := range []prometheus.Collector{m.requests, m.ruleErrors} {
		err := ctx.GetMetricsRegistry().Register(collector)
		if _, already := errors.AsType[prometheus.AlreadyRegisteredError](err); err != nil && !already {
			return nil, err
		}
	}
	return m, nil
}
