package observe

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/version"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Metrics are the collectors of this module. They live as long as the process:
// Caddy makes a new registry for each configuration, and counters must not
// start anew when one is loaded. No label comes out of a request.
type Metrics struct {
	requests     *prometheus.CounterVec   // by endpoint and outcome
	appResponses *prometheus.CounterVec   // by endpoint and class
	Routed       *prometheus.CounterVec   // by endpoint and route
	RuleErrors   *prometheus.CounterVec   // by endpoint and reason
	verification *prometheus.HistogramVec // by endpoint
	handling     *prometheus.HistogramVec // by endpoint
	payload      *prometheus.HistogramVec // by endpoint
	lastVerified *prometheus.GaugeVec     // by endpoint
	silent       *prometheus.GaugeVec     // by endpoint
	Tokens       *prometheus.CounterVec   // by issuer and outcome
	keyUsed      *prometheus.GaugeVec     // by endpoint, kind and number of a key
	wouldRefuse  *prometheus.CounterVec   // by endpoint and reason
	buffered     prometheus.GaugeFunc
	buildInfo    prometheus.GaugeFunc

	TenantLookups *prometheus.CounterVec // by source and result
	Renewed       *prometheus.CounterVec // by handler and result

	ReplayEvicted *prometheus.CounterVec // without labels
	replayErrors  *prometheus.CounterVec // by endpoint

	ArchiveLost prometheus.Counter

	Attempts      *prometheus.CounterVec // by destination and outcome
	Stored        *prometheus.CounterVec // by destination and reason
	DeadLetters   *prometheus.CounterVec // by destination
	LateDelivered prometheus.Counter
	StoreRefused  prometheus.Counter
	StoreCorrupt  prometheus.Counter
	StoreSync     prometheus.Histogram
}

// The outcomes that are no refusals.
const (
	OutcomeAccepted  = "accepted"  // verified, and handed on
	OutcomeHandshake = "handshake" // answered here
	OutcomeUnrouted  = "unrouted"  // verified, but no directive answered it
	OutcomeObserved  = "observed"  // not verified, and handed on, because the endpoint only observes

	OutcomeResent = "resent" // verified before, and handed on again by an operator

	OutcomeRewriteFailed = "rewrite_failed" // verified, but webhook_rewrite could not make of it what it says
)

// Outcomes are all ends that a request can come to. Each has a counter from
// the start, so that a first refusal shows as an increase.
var Outcomes = []string{
	OutcomeAccepted, string(verify.Unreadable), OutcomeHandshake, OutcomeUnrouted, OutcomeObserved, OutcomeRewriteFailed, OutcomeResent, string(verify.Duplicate),
	string(verify.MissingSignature), string(verify.MissingToken), string(verify.BadSignature), string(verify.BadToken),
	string(verify.Stale), string(verify.BadSource), string(verify.BadMethod), string(verify.BadEncoding),
	string(verify.TooLarge), string(verify.SlowBody), string(verify.Overloaded), string(verify.Malformed),
	string(verify.KeysUnavailable), string(verify.UnknownTenant), string(verify.NoTenants), string(verify.Replayed), string(verify.InFlight), string(verify.ReplayStore),
}

var Collectors = sync.OnceValue(func() *Metrics {
	byEndpoint := []string{"provider", "endpoint"}
	return &Metrics{
		requests: counters("requests_total",
			"Webhook requests by endpoint and outcome: accepted, unreadable (accepted, but its event or id could not be read), "+
				"handshake, unrouted, observed (it would be refused), rewrite_failed, resent, duplicate or the reason of a refusal.",
			"provider", "endpoint", "outcome"),
		appResponses: counters("app_responses_total",
			"Answers of apps to verified webhooks, by endpoint and class: 2xx, 3xx, 4xx, 5xx, or none, if there was no answer. "+
				"Of webhook_deliver each attempt counts.",
			"provider", "endpoint", "class"),
		Routed: counters("routed_total",
			"Verified webhooks by endpoint and the block of handle_webhook that took them: on 1, on 2, otherwise.",
			"provider", "endpoint", "route"),
		RuleErrors: counters("rule_errors_total",
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
		Tokens: counters("tokens_total",
			"Requests for a token by issuer and outcome: issued or the reason of a refusal.",
			"issuer", "outcome"),
		keyUsed: gauges("key_used_timestamp_seconds",
			"When a configured credential was right last, in Unix time, by endpoint, kind and its number; 0 if it was not since the process began. "+
				"Those of tenants are not counted.",
			[]string{"provider", "endpoint", "kind", "key"}),
		wouldRefuse: counters("would_refuse_total",
			"Webhooks that were handed on although they would be refused, because the endpoint only observes, by endpoint and reason.",
			"provider", "endpoint", "reason"),
		Renewed: counters("credentials_renewed_total",
			"Times that credentials had changed in their files, by handler and result: taken, or broken, which leaves the old ones in use.",
			"handler", "result"),
		TenantLookups: counters("tenant_lookups_total",
			"Look-ups of tenants by source and result: found, unknown, unreadable or failed. What is remembered is not looked up.",
			"source", "result"),
		buffered: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: Namespace, Subsystem: Subsystem, Name: "buffered_bytes",
			Help: "Memory that the bodies of webhooks hold which are being handled, with what is decoded of them; max_buffered bounds it.",
		}, func() float64 { return float64(webhook.Buffered.Load()) }),
		buildInfo: buildInfo(),
		ReplayEvicted: counters("replay_evicted_total",
			"Deliveries that were forgotten before their time, because the memory was full."),
		replayErrors: counters("replay_errors_total", "Times that the store of deliveries failed, by endpoint.", byEndpoint...),
		ArchiveLost: counters("archive_lost_total",
			"Webhooks that the archive could not keep; they were handled as ever.").WithLabelValues(),
		Attempts: counters("delivery_attempts_total",
			"Attempts of webhook_deliver by destination and outcome: delivered, failed or refused.", "destination", "outcome"),
		Stored: counters("delivery_stored_total",
			"Webhooks stored by destination and reason: queued, failed, late or refused.", "destination", "reason"),
		DeadLetters: counters("delivery_dead_letters_total",
			"Webhooks that became dead letters, by destination.", "destination"),
		LateDelivered: counters("delivery_late_total",
			"Stored webhooks that a late app had taken after all, and that are not delivered again.").WithLabelValues(),
		StoreRefused: counters("delivery_refused_total",
			"Webhooks that could not be stored, and were refused with status 503.").WithLabelValues(),
		StoreCorrupt: counters("store_corrupt_total", "Stored webhooks whose checksum was wrong.").WithLabelValues(),
		StoreSync: histograms("store_sync_duration_seconds", "How long it took to force stored webhooks to disk.",
			prometheus.ExponentialBuckets(100e-6, 4, 9), nil).WithLabelValues().(prometheus.Histogram), // 100 µs to 6.5 s
	}
})

// buildInfo is 1, and says in its labels what runs.
func buildInfo() prometheus.GaugeFunc {
	ofCaddy, _ := caddy.Version()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: Namespace, Subsystem: Subsystem, Name: "build_info",
		Help:        "1, with the versions of this module, Caddy and Go.",
		ConstLabels: prometheus.Labels{"version": version.Module(), "caddy": ofCaddy, "go": runtime.Version()},
	}, func() float64 { return 1 })
}

// The beginning of all names of this module's metrics.
const Namespace, Subsystem = "caddy", "webhook"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: Namespace, Subsystem: Subsystem, Name: name, Help: help,
	}, labels)
}

func gauges(name, help string, labels []string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: Namespace, Subsystem: Subsystem, Name: name, Help: help,
	}, labels)
}

func histograms(name, help string, buckets []float64, labels []string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: Namespace, Subsystem: Subsystem, Name: name, Help: help, Buckets: buckets,
	}, labels)
}

// registered is the registry that knows the collectors. Caddy makes one for each
// configuration, and a configuration may have thousands of modules that need them.
var registered atomic.Pointer[prometheus.Registry]

// RegisterMetrics makes the collectors known to a configuration's registry.
func RegisterMetrics(ctx caddy.Context) (*Metrics, error) {
	m, registry := Collectors(), ctx.GetMetricsRegistry()
	if registered.Load() == registry {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{
		m.requests, m.appResponses, m.Routed, m.RuleErrors, m.verification, m.handling, m.payload, m.lastVerified, m.silent, m.Tokens,
		m.buffered, m.buildInfo, m.ReplayEvicted, m.replayErrors, m.keyUsed, m.TenantLookups, m.Renewed, m.wouldRefuse, m.ArchiveLost,
		m.Attempts, m.Stored, m.DeadLetters, m.LateDelivered, m.StoreRefused, m.StoreCorrupt, m.StoreSync,
	} {
		if err := Register(ctx, collector); err != nil {
			return nil, err
		}
	}
	registered.Store(registry)
	return m, nil
}

// Register makes a collector known to a configuration's registry, which may know
// it.
func Register(ctx caddy.Context, collector prometheus.Collector) error {
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
	answers      [len(classes)]prometheus.Counter
	Verification prometheus.Observer
	handling     prometheus.Observer
	Payload      prometheus.Observer
	LastVerified prometheus.Gauge
	ReplayErrors prometheus.Counter
}

func (m *Metrics) Of(e webhook.Endpoint) *endpointMetrics {
	p := &endpointMetrics{
		outcomes:     make(map[string]prometheus.Counter, len(Outcomes)),
		others:       m.requests.MustCurryWith(labelsOf(e)),
		Verification: m.verification.With(labelsOf(e)),
		handling:     m.handling.With(labelsOf(e)),
		Payload:      m.payload.With(labelsOf(e)),
		LastVerified: m.lastVerified.With(labelsOf(e)),
		ReplayErrors: m.replayErrors.With(labelsOf(e)),
	}
	for _, outcome := range Outcomes {
		p.outcomes[outcome] = p.others.WithLabelValues(outcome)
	}
	for i, class := range classes {
		p.answers[i] = m.appResponses.WithLabelValues(e.Provider, e.Name, class)
	}
	m.RuleErrors.WithLabelValues(e.Provider, e.Name, route.Reason(nil)) // makes it, as 0
	m.RuleErrors.WithLabelValues(e.Provider, e.Name, route.Reason(route.ErrBudget))
	m.ReplayEvicted.WithLabelValues()
	return p
}

// labelsOf are what metrics tell an endpoint by.
func labelsOf(e webhook.Endpoint) prometheus.Labels {
	return prometheus.Labels{"provider": e.Provider, "endpoint": e.Name}
}

// forget removes what was measured of endpoints that no configuration has any more.
// Configurations can be loaded without end, with ever new names in them. It looks at
// each series once, however many endpoints are gone.
func (m *Metrics) forget(gone map[webhook.Endpoint]bool) {
	if len(gone) == 0 {
		return
	}
	for _, vec := range []interface {
		prometheus.Collector
		Delete(labels prometheus.Labels) bool
	}{m.requests, m.appResponses, m.Routed, m.RuleErrors, m.verification, m.handling, m.payload, m.lastVerified, m.replayErrors, m.keyUsed, m.wouldRefuse} {
		for _, labels := range labelsIn(vec) {
			if gone[webhook.Endpoint{Provider: labels["provider"], Name: labels["endpoint"]}] {
				vec.Delete(labels)
			}
		}
	}
}

// labelsIn returns the labels of all series of a collector.
func labelsIn(collector prometheus.Collector) (all []prometheus.Labels) {
	series := make(chan prometheus.Metric)
	go func() {
		defer close(series)
		collector.Collect(series)
	}()
	for metric := range series {
		var written dto.Metric
		if metric.Write(&written) != nil {
			continue
		}
		labels := make(prometheus.Labels, len(written.GetLabel()))
		for _, label := range written.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		all = append(all, labels)
	}
	return all
}

// classes are what an app can answer.
var classes = [...]string{"none", "2xx", "3xx", "4xx", "5xx"}

// classOf returns the class of a status, which is 0 if there was no answer.
func classOf(status int) int {
	if class := status/100 - 1; 1 <= class && class < len(classes) {
		return class
	}
	return 0
}

// AppAnswered counts what an app has answered to an attempt; 0 is no answer.
func (m *Metrics) AppAnswered(e webhook.Endpoint, status int) {
	m.appResponses.WithLabelValues(e.Provider, e.Name, classes[classOf(status)]).Inc()
}

// Count adds one to an outcome.
func (p *endpointMetrics) Count(outcome string) {
	if counter, ok := p.outcomes[outcome]; ok {
		counter.Inc()
		return
	}
	p.others.WithLabelValues(outcome).Inc()
}
