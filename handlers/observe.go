package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// The Caddy events of this module.
const (
	eventVerified = "webhook_verified"
	eventRejected = "webhook_rejected"
	eventSilent   = "webhook_silent"
)

// observer tells operators what becomes of the requests of one webhook_auth:
// by metrics, logs, traces and Caddy events.
type observer struct {
	endpoint    endpoint
	metrics     *endpointMetrics
	refusals    *refusals
	doubts      *refusals // about webhooks that are accepted
	handshakes  *refusals // answered
	duplicates  *refusals
	source      *source
	expectEvery time.Duration // 0: nothing is expected
	inspector   *inspector    // nil: nothing is kept
	logger      *zap.Logger
	events      *caddyevents.App
	ctx         caddy.Context // of the handler, in whose name events are emitted
}

func newObserver(ctx caddy.Context, config *verify.Config) (*observer, error) {
	m, err := registerMetrics(ctx)
	if err != nil {
		return nil, err
	}
	events, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	e := endpoint{config.Provider, config.EndpointName()}
	return &observer{
		endpoint: e,
		metrics:  m.of(e),
		refusals: &refusals{
			logger: ctx.Logger(), level: zap.WarnLevel, whose: e.field(),
			message: "webhook refused", rest: "more webhooks were refused than are logged",
		},
		doubts: &refusals{
			logger: ctx.Logger(), level: zap.WarnLevel, whose: e.field(),
			message: "webhook accepted, but not all of it can be read", rest: "more webhooks could not be read than are logged",
		},
		handshakes: &refusals{
			logger: ctx.Logger(), level: zap.InfoLevel, whose: e.field(),
			message: "webhook handshake answered", rest: "more webhook handshakes were answered than are logged",
		},
		duplicates: &refusals{
			logger: ctx.Logger(), level: zap.InfoLevel, whose: e.field(),
			message: "webhook is a duplicate; the app does not see it", rest: "more webhooks were duplicates than are logged",
		},
		source:      sourceOf(e),
		expectEvery: time.Duration(config.ExpectEvery),
		logger:      ctx.Logger(),
		events:      events.(*caddyevents.App),
		ctx:         ctx,
	}, nil
}

// verified records that a request has proven whose it is.
func (o *observer) verified(event *route.Event) {
	o.metrics.lastVerified.Set(float64(event.Received.UnixMilli()) / 1e3)
	if o.source.hear(event.Received) {
		o.logger.Info("webhooks arrive again after a silence", o.endpoint.field())
	}
}

// doubt tells what could not be read of a verified webhook, unless too much
// could not: without its name it goes where those go that nobody asks for.
func (o *observer) doubt(r *http.Request, event *route.Event) {
	if event.Unreadable != nil {
		o.doubts.log(r, string(verify.Unreadable), "the event's name or the delivery's id: "+event.Unreadable.Error())
	}
	if event.NoTime != nil {
		o.doubts.log(r, "timestamp", "the stated time, instead of which that of the arrival counts: "+event.NoTime.Error())
	}
}

// ending is how a request has ended.
type ending struct {
	outcome string
	event   *route.Event // nil unless it was verified
	detail  string       // why exactly it was refused
	status  int          // of the answer; 0 if unknown
	took    time.Duration
	seen    *seen // the request as it came; nil unless it is to be kept
}

// ended records how a request has ended.
func (o *observer) ended(r *http.Request, end *ending) {
	event, outcome := end.event, end.outcome
	o.metrics.count(outcome)
	setLogFields(r, o.endpoint, event, outcome)
	setSpanAttributes(r, o.endpoint, event, outcome)
	if event != nil {
		o.emit(eventVerified, event, outcome, 0)
	}
	if end.seen != nil {
		o.inspector.keep(end)
	}
}

// refused tells why a request was refused, unless too many are.
func (o *observer) refused(r *http.Request, refusal *verify.Error) {
	o.ended(r, &ending{
		outcome: string(refusal.Reason), detail: refusal.Detail, status: statuses[refusal.Reason], seen: o.seen(r),
	})
	if leftOut, logged := o.refusals.log(r, string(refusal.Reason), refusal.Detail); logged {
		o.emit(eventRejected, nil, string(refusal.Reason), leftOut)
	}
}

// forwarded records how the handlers after verification have dealt with a
// request.
func (o *observer) forwarded(r *http.Request, end *ending) {
	o.metrics.handling.Observe(end.took.Seconds())
	o.ended(r, end)
	if end.outcome != outcomeAccepted && end.outcome != string(verify.Unreadable) {
		return
	}
	event := end.event
	if c := o.logger.Check(zap.DebugLevel, "webhook accepted"); c != nil {
		c.Write(o.endpoint.field(), zap.String("event", event.Name),
			zap.String("id", event.ID), zap.String("signed", string(event.Signed)),
			zap.String("route", event.Route), zap.Int("status", end.status), zap.Duration("duration", end.took))
	}
}

// statusOf is the status of an answer: what was written, or what an error will
// make of it. It is 0 if nothing is known of it.
func statusOf(written int, err error) int {
	if handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err); ok && written == 0 {
		return handlerErr.StatusCode
	}
	return written
}

// emit raises a Caddy event, if anybody listens. It holds neither payload nor
// secrets, and of a refused request nothing that its sender wrote.
func (o *observer) emit(name string, event *route.Event, outcome string, leftOut int) {
	if !o.events.ShouldEmit(name) {
		return
	}
	data := map[string]any{
		"provider": o.endpoint.provider, "endpoint": o.endpoint.name, "event": "", "id": "", "outcome": outcome,
	}
	if event != nil {
		data["event"], data["id"] = event.Name, event.ID
	}
	if name == eventRejected {
		data["left_out"] = leftOut
	}
	o.events.Emit(o.ctx, name, data)
}

// setLogFields adds what was found to the access log, if there is one.
func setLogFields(r *http.Request, e endpoint, event *route.Event, outcome string) {
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server.Logs == nil {
		return
	}
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return
	}
	extra.Set(zap.String("webhook_provider", e.provider))
	extra.Set(zap.String("webhook_endpoint", e.name))
	extra.Set(zap.String("webhook_outcome", outcome))
	if event != nil {
		extra.Set(zap.String("webhook_event", event.Name))
		extra.Set(zap.String("webhook_id", event.ID))
	}
}

// setSpanAttributes adds what was found to the span that Caddy's directive
// tracing has begun, if it has.
func setSpanAttributes(r *http.Request, e endpoint, event *route.Event, outcome string) {
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("webhook.provider", e.provider), attribute.String("webhook.endpoint", e.name),
		attribute.String("webhook.outcome", outcome))
	if event != nil {
		span.SetAttributes(attribute.String("webhook.event", event.Name), attribute.String("webhook.id", event.ID))
	}
}

// stopwatch adds up the time that something takes with interruptions.
type stopwatch struct {
	began time.Time
	sum   time.Duration
}

func (s *stopwatch) start() { s.began = time.Now() }
func (s *stopwatch) stop()  { s.sum += time.Since(s.began) }
