package handlers

import (
	"errors"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// metrics are the collectors of this module. They live as long as the process:
// Caddy makes a new registry for each configuration, and counters must not
// start anew when one is loaded. No label comes out of a request.
type metrics struct {
	requests     *prometheus.CounterVec   // by endpoint and outcome
	routed       *prometheus.CounterVec   // by endpoint and route
	ruleErrors   *prometheus.CounterVec   // by endpoint and reason
	verification *prometheus.HistogramVec // by endpoint
	handling     *prometheus.HistogramVec // by endpoint
	payload      *prometheus.HistogramVec // by endpoint
	lastVerified *prometheus.GaugeVec     // by endpoint
	silent       *prometheus.GaugeVec     // by endpoint
	tokens       *prometheus.CounterVec   // by issuer and outcome
	buffered     prometheus.GaugeFunc

	replayEvicted *prometheus.CounterVec // without labels
	replayErrors  *prometheus.CounterVec // by endpoint

	attempts      *prometheus.CounterVec // by destination and outcome
	stored        *prometheus.CounterVec // by destination and reason
	deadLetters   *prometheus.CounterVec // by destination
	lateDelivered prometheus.Counter
	storeRefused  prometheus.Counter
	storeCorrupt  prometheus.Counter
	storeSync     prometheus.Histogram
}

// The outcomes that are no refusals.
const (
	outcomeAccepted  = "accepted"  // verified, and handed on
	outcomeHandshake = "handshake" // answered here
	outcomeUnrouted  = "unrouted"  // verified, but no directive answered it

	outcomeRewriteFailed = "rewrite_failed" // verified, but webhook_rewrite could not make of it what it says
)

// outcomes are all ends that a request can come to. Each has a counter from
// the start, so that a first refusal shows as an increase.
var outcomes = []string{
	outcomeAccepted, string(verify.Unreadable), outcomeHandshake, outcomeUnrouted, outcomeRewriteFailed, string(verify.Duplicate),
	string(verify.MissingSignature), string(verify.MissingToken), string(verify.BadSignature), string(verify.BadToken),
	string(verify.Stale), string(verify.BadSource), string(verify.BadMethod), string(verify.BadEncoding),
	string(verify.TooLarge), string(verify.SlowBody), string(verify.Overloaded), string(verify.Malformed),
	string(verify.KeysUnavailable), string(verify.Replayed), string(verify.InFlight), string(verify.ReplayStore),
}

var collectors = sync.OnceValue(func() *metrics {
	byEndpoint := []string{"provider", "endpoint"}
	return &metrics{
		requests: counters("requests_total",
			"Webhook requests by endpoint and outcome: accepted, unreadable (accepted, but its event or id could not be read), "+
				"handshake, unrouted, rewrite_failed, duplicate or the reason of a refusal.",
			"provider", "endpoint", "outcome"),
		routed: counters("routed_total",
			"Verified webhooks by endpoint and the block of handle_webhook that took them: on 1, on 2, otherwise.",
			"provider", "endpoint", "route"),
		ruleErrors: counters("rule_errors_total",
			"Rules that failed at run time, by endpoint and reason: budget or error.", "provider", "endpoint", "reason"),
		verification: histograms("verify_duration_seconds",
			"How long verifying took, without waiting for the body, by endpoint.",
			prometheus.ExponentialBuckets(10e-6, 4, 9), byEndpoint), // 10 µs to 655 ms
		handling: histograms("handle_duration_seconds",
			"How long the handlers after verification took, the app's answer included, by endpoint.",
			[]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, byEndpoint),
		payload: histograms("payload_bytes", "Size of the bodies that were read, by endpoint.",
			prometheus.ExponentialBuckets(256, 4, 9), byEndpoint), // 256 B to 16 MiB
		lastVerified: gauges("last_verified_timestamp_seconds",
			"When a webhook was verified last, in Unix time, by endpoint; 0 if none was since the process began.",
			byEndpoint),
		silent: gauges("silent",
			"Whether an endpoint with expect_every has fallen silent (1) or not (0).", byEndpoint),
		tokens: counters("tokens_total",
			"Requests for a token by issuer and outcome: issued or the reason of a refusal.",
			"issuer", "outcome"),
		buffered: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "buffered_bytes",
			Help: "Memory that the bodies of webhooks hold which are being handled, with what is decoded of them; max_buffered bounds it.",
		}, func() float64 { return float64(buffered.Load()) }),
		replayEvicted: counters("replay_evicted_total",
			"Deliveries that were forgotten before their time, because the memory was full."),
		replayErrors: counters("replay_errors_total", "Times that the store of deliveries failed, by endpoint.", byEndpoint...),
		attempts: counters("delivery_attempts_total",
			"Attempts of webhook_deliver by destination and outcome: delivered, failed or refused.", "destination", "outcome"),
		stored: counters("delivery_stored_total",
			"Webhooks stored by destination and reason: queued, failed, late or refused.", "destination", "reason"),
		deadLetters: counters("delivery_dead_letters_total",
			"Webhooks that became dead letters, by destination.", "destination"),
		lateDelivered: counters("delivery_late_total",
			"Stored webhooks that a late app had taken after all, and that are not delivered again.").WithLabelValues(),
		storeRefused: counters("delivery_refused_total",
			"Webhooks that could not be stored, and were refused with status 503.").WithLabelValues(),
		storeCorrupt: counters("store_corrupt_total", "Stored webhooks whose checksum was wrong.").WithLabelValues(),
		storeSync: histograms("store_sync_duration_seconds", "How long it took to force stored webhooks to disk.",
			prometheus.ExponentialBuckets(100e-6, 4, 9), nil).WithLabelValues().(prometheus.Histogram), // 100 µs to 6.5 s
	}
})

// The beginning of all names of this module's metrics.
const namespace, subsystem = "caddy", "webhook"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
	}, labels)
}

func gauges(name, help string, labels []string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
	}, labels)
}

func histograms(name, help string, buckets []float64, labels []string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets,
	}, labels)
}

// registerMetrics makes the collectors known to a configuration's registry.
func registerMetrics(ctx caddy.Context) (*metrics, error) {
	m := collectors()
	for _, collector := range []prometheus.Collector{
		m.requests, m.routed, m.ruleErrors, m.verification, m.handling, m.payload, m.lastVerified, m.silent, m.tokens,
		m.buffered, m.replayEvicted, m.replayErrors,
		m.attempts, m.stored, m.deadLetters, m.lateDelivered, m.storeRefused, m.storeCorrupt, m.storeSync,
	} {
		if err := register(ctx, collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// register makes a collector known to a configuration's registry, which may know
// it.
func register(ctx caddy.Context, collector prometheus.Collector) error {
	err := ctx.GetMetricsRegistry().Register(collector)
	if _, already := errors.AsType[prometheus.AlreadyRegisteredError](err); already {
		return nil
	}
	return err
}

// endpointMetrics are the metrics of one endpoint, found once, so that a
// request only counts.
type endpointMetrics struct {
	outcomes     map[string]prometheus.Counter
	others       *prometheus.CounterVec // for outcomes that are not listed
	verification prometheus.Observer
	handling     prometheus.Observer
	payload      prometheus.Observer
	lastVerified prometheus.Gauge
	replayErrors prometheus.Counter
}

func (m *metrics) of(e endpoint) *endpointMetrics {
	p := &endpointMetrics{
		outcomes:     make(map[string]prometheus.Counter, len(outcomes)),
		others:       m.requests.MustCurryWith(labelsOf(e)),
		verification: m.verification.With(labelsOf(e)),
		handling:     m.handling.With(labelsOf(e)),
		payload:      m.payload.With(labelsOf(e)),
		lastVerified: m.lastVerified.With(labelsOf(e)),
		replayErrors: m.replayErrors.With(labelsOf(e)),
	}
	for _, outcome := range outcomes {
		p.outcomes[outcome] = p.others.WithLabelValues(outcome)
	}
	m.ruleErrors.WithLabelValues(e.provider, e.name, route.Reason(nil)) // makes it, as 0
	m.ruleErrors.WithLabelValues(e.provider, e.name, route.Reason(route.ErrBudget))
	m.replayEvicted.WithLabelValues()
	return p
}

// labelsOf are what metrics tell an endpoint by.
func labelsOf(e endpoint) prometheus.Labels {
	return prometheus.Labels{"provider": e.provider, "endpoint": e.name}
}

// forget removes what was measured of an endpoint that no configuration has any
// more. Configurations can be loaded without end, with ever new names in them.
func (m *metrics) forget(e endpoint) {
	for _, vec := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.requests, m.routed, m.ruleErrors, m.verification, m.handling, m.payload, m.lastVerified, m.replayErrors} {
		vec.DeletePartialMatch(labelsOf(e))
	}
}

// count adds one to an outcome.
func (p *endpointMetrics) count(outcome string) {
	if counter, ok := p.outcomes[outcome]; ok {
		counter.Inc()
		return
	}
	p.others.WithLabelValues(outcome).Inc()
}
