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
	requests     *prometheus.CounterVec   // by provider and outcome
	routed       *prometheus.CounterVec   // by provider and route
	ruleErrors   *prometheus.CounterVec   // by provider and reason
	verification *prometheus.HistogramVec // by provider
	handling     *prometheus.HistogramVec // by provider
	payload      *prometheus.HistogramVec // by provider
	lastVerified *prometheus.GaugeVec     // by provider
	silent       *prometheus.GaugeVec     // by provider
	tokens       *prometheus.CounterVec   // by issuer and outcome
	buffered     prometheus.GaugeFunc

	replayEvicted *prometheus.CounterVec // without labels
	replayErrors  *prometheus.CounterVec // by provider

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
	byProvider := []string{"provider"}
	return &metrics{
		requests: counters("requests_total",
			"Webhook requests by provider and outcome: accepted, unreadable (accepted, but its event or id could not be read), "+
				"handshake, unrouted, rewrite_failed, duplicate or the reason of a refusal.",
			"provider", "outcome"),
		routed: counters("routed_total",
			"Verified webhooks by provider and the block of handle_webhook that took them: on 1, on 2, otherwise.",
			"provider", "route"),
		ruleErrors: counters("rule_errors_total",
			"Rules that failed at run time, by provider and reason: budget or error.", "provider", "reason"),
		verification: histograms("verify_duration_seconds",
			"How long verifying took, without waiting for the body, by provider.",
			prometheus.ExponentialBuckets(10e-6, 4, 9), byProvider), // 10 µs to 655 ms
		handling: histograms("handle_duration_seconds",
			"How long the handlers after verification took, the app's answer included, by provider.",
			[]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, byProvider),
		payload: histograms("payload_bytes", "Size of the bodies that were read, by provider.",
			prometheus.ExponentialBuckets(256, 4, 9), byProvider), // 256 B to 16 MiB
		lastVerified: gauges("last_verified_timestamp_seconds",
			"When a webhook was verified last, in Unix time, by provider; 0 if none was since the process began.",
			byProvider),
		silent: gauges("silent",
			"Whether a provider with expect_every has fallen silent (1) or not (0).", byProvider),
		tokens: counters("tokens_total",
			"Requests for a token by issuer and outcome: issued or the reason of a refusal.",
			"issuer", "outcome"),
		buffered: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "buffered_bytes",
			Help: "Memory that the bodies of webhooks hold which are being handled; max_buffered bounds it.",
		}, func() float64 { return float64(buffered.Load()) }),
		replayEvicted: counters("replay_evicted_total",
			"Deliveries that were forgotten before their time, because the memory was full."),
		replayErrors: counters("replay_errors_total", "Times that the store of deliveries failed, by provider.", "provider"),
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
		queueMetrics{},
	} {
		err := ctx.GetMetricsRegistry().Register(collector)
		if _, already := errors.AsType[prometheus.AlreadyRegisteredError](err); err != nil && !already {
			return nil, err
		}
	}
	return m, nil
}

// providerMetrics are the metrics of one provider, found once, so that a
// request only counts.
type providerMetrics struct {
	outcomes     map[string]prometheus.Counter
	others       *prometheus.CounterVec // for outcomes that are not listed
	verification prometheus.Observer
	handling     prometheus.Observer
	payload      prometheus.Observer
	lastVerified prometheus.Gauge
}

func (m *metrics) of(provider string) *providerMetrics {
	p := &providerMetrics{
		outcomes:     make(map[string]prometheus.Counter, len(outcomes)),
		others:       m.requests.MustCurryWith(prometheus.Labels{"provider": provider}),
		verification: m.verification.WithLabelValues(provider),
		handling:     m.handling.WithLabelValues(provider),
		payload:      m.payload.WithLabelValues(provider),
		lastVerified: m.lastVerified.WithLabelValues(provider),
	}
	for _, outcome := range outcomes {
		p.outcomes[outcome] = m.requests.WithLabelValues(provider, outcome)
	}
	m.ruleErrors.WithLabelValues(provider, route.Reason(nil)) // makes it, as 0
	m.ruleErrors.WithLabelValues(provider, route.Reason(route.ErrBudget))
	m.replayErrors.WithLabelValues(provider)
	m.replayEvicted.WithLabelValues()
	return p
}

// count adds one to an outcome.
func (p *providerMetrics) count(outcome string) {
	if counter, ok := p.outcomes[outcome]; ok {
		counter.Inc()
		return
	}
	p.others.WithLabelValues(outcome).Inc()
}
