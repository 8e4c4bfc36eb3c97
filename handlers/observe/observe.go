package observe

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// The Caddy events of this module.
const (
	eventVerified = "webhook_verified"
	eventRejected = "webhook_rejected"
	eventSilent   = "webhook_silent"
)

// Observer tells operators what becomes of the requests of one webhook_auth:
// by metrics, logs, traces and Caddy events.
type Observer struct {
	Endpoint    webhook.Endpoint
	Metrics     *endpointMetrics
	Refusals    *Refusals
	doubts      *Refusals // about webhooks that are accepted
	Handshakes  *Refusals // answered
	Duplicates  *Refusals
	observed    *Refusals              // would have been refused
	observation *observation           // nil unless the endpoint only observes
	wouldRefuse *prometheus.CounterVec // by reason
	heartbeat   *heartbeat
	expectEvery time.Duration // 0: nothing is expected
	Inspector   *inspector    // nil: nothing is kept
	History     Recorder      // nil: nothing is archived
	LogAccepted bool          // at the level INFO
	logger      *zap.Logger
	events      *caddyevents.App
	ctx         caddy.Context // of the handler, in whose name events are emitted
}

func NewObserver(ctx caddy.Context, config *verify.Endpoint) (*Observer, error) {
	m, err := RegisterMetrics(ctx)
	if err != nil {
		return nil, err
	}
	events, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	e := webhook.Endpoint{Provider: config.Provider, Name: config.EndpointName()}
	return &Observer{
		Endpoint: e,
		Metrics:  m.Of(e),
		Refusals: &Refusals{
			Logger: ctx.Logger(), Level: zap.WarnLevel, Whose: e.Field(),
			Message: "webhook refused", Rest: "more webhooks were refused than are logged",
		},
		doubts: &Refusals{
			Logger: ctx.Logger(), Level: zap.WarnLevel, Whose: e.Field(),
			Message: "webhook accepted, but not all of it can be read", Rest: "more webhooks could not be read than are logged",
		},
		Handshakes: &Refusals{
			Logger: ctx.Logger(), Level: zap.InfoLevel, Whose: e.Field(),
			Message: "webhook handshake answered", Rest: "more webhook handshakes were answered than are logged",
		},
		Duplicates: &Refusals{
			Logger: ctx.Logger(), Level: zap.InfoLevel, Whose: e.Field(),
			Message: "webhook is a duplicate; the app does not see it", Rest: "more webhooks were duplicates than are logged",
		},
		observed: &Refusals{
			Logger: ctx.Logger(), Level: zap.WarnLevel, Whose: e.Field(),
			Message: "webhook would be refused", Rest: "more webhooks would be refused than are logged",
		},
		wouldRefuse: m.wouldRefuse.MustCurryWith(labelsOf(e)),
		heartbeat:   heartbeatOf(e),
		expectEvery: time.Duration(config.ExpectEvery),
		logger:      ctx.Logger(),
		events:      events.(*caddyevents.App),
		ctx:         ctx,
	}, nil
}

// Recorder keeps the requests of an endpoint for later.
type Recorder interface {
	// Arrived is called when a request has come, before anything is removed from it.
	Arrived(r *http.Request, request *verify.Request)

	// Ended is called when it has been dealt with. Its body is not there any more when
	// Ended has returned.
	Ended(r *http.Request, end *Ending)
}

// Verified records that a request has proven whose it is.
func (o *Observer) Verified(event *route.Event) {
	o.Metrics.LastVerified.Set(float64(event.Received.UnixMilli()) / 1e3)
	if event.Tenant == "" {
		o.keyUsed(event)
	}
	if o.heartbeat.hear(event.Received) {
		o.logger.Info("webhooks arrive again after a silence", o.Endpoint.Field())
	}
}

// Doubt tells what could not be read of a verified webhook, unless too much
// could not: without its name it goes where those go that nobody asks for.
func (o *Observer) Doubt(r *http.Request, event *route.Event) {
	if event.Unreadable != nil {
		o.doubts.Log(r, string(verify.Unreadable), "the event's name or the delivery's id: "+event.Unreadable.Error())
	}
	if event.NoTime != nil {
		o.doubts.Log(r, "timestamp", "the stated time, instead of which that of the arrival counts: "+event.NoTime.Error())
	}
}

// Ending is how a request has ended.
type Ending struct {
	Outcome  string
	Event    *route.Event // nil unless it was verified
	Detail   string       // why exactly it was refused
	Status   int          // of the answer; 0 if unknown
	App      int          // the status that the app has answered; 0 if it has not
	Deliver  bool         // webhook_deliver has it, whose attempts tell what the app answers
	Withheld bool         // the sender did not get the app's answer, but a 502
	Took     time.Duration
	Arrival  *Arrival // the request as it came; nil unless it is to be kept
}

// Ended records how a request has ended.
func (o *Observer) Ended(r *http.Request, end *Ending) {
	event, outcome := end.Event, end.Outcome
	o.Metrics.Count(outcome)
	SetLogFields(r, o.Endpoint, event, outcome)
	setSpanAttributes(r, o.Endpoint, event, outcome)
	if event != nil && event.Refusal == nil {
		o.emit(eventVerified, event, outcome, 0)
	}
	if end.Arrival != nil {
		o.Inspector.keep(end)
	}
	if o.History != nil {
		o.History.Ended(r, end)
	}
}

// Refused tells why a request was refused, unless too many are.
func (o *Observer) Refused(r *http.Request, refusal *verify.Error) {
	o.Ended(r, &Ending{
		Outcome: string(refusal.Reason), Detail: refusal.Detail, Status: webhook.Statuses[refusal.Reason], Arrival: o.ArrivalOf(r),
	})
	var whose []zap.Field
	if tenant := webhook.TenantOf(r); tenant != "" {
		whose = append(whose, zap.String("tenant", tenant))
	}
	if leftOut, logged := o.Refusals.Log(r, string(refusal.Reason), refusal.Detail, whose...); logged {
		o.emit(eventRejected, nil, string(refusal.Reason), leftOut)
	}
}

// Forwarded records how the handlers after verification have dealt with a
// request.
func (o *Observer) Forwarded(r *http.Request, end *Ending) {
	o.Metrics.handling.Observe(end.Took.Seconds())
	o.observation.count(r, end)
	o.Ended(r, end)
	level := zap.DebugLevel
	if o.LogAccepted {
		level = zap.InfoLevel
	}
	switch end.Outcome {
	case OutcomeAccepted, string(verify.Unreadable), OutcomeObserved, OutcomeResent:
		if !end.Deliver {
			o.Metrics.answers[classOf(end.App)].Inc()
		}
	}
	if end.Outcome != OutcomeAccepted && end.Outcome != string(verify.Unreadable) {
		return
	}
	event := end.Event
	if c := o.logger.Check(level, "webhook accepted"); c != nil {
		c.Write(o.Endpoint.Field(), zap.String("event", event.Name),
			zap.String("id", event.ID), zap.String("tenant", event.Tenant), zap.String("key", KeyOf(event)), zap.String("signed", string(event.Signed)),
			zap.String("route", event.Route), zap.Int("status", end.Status), zap.Duration("duration", end.Took))
	}
}

// StatusOf is the status of an answer: what was written, or what an error will
// make of it. It is 0 if nothing is known of it.
func StatusOf(written int, err error) int {
	if handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err); ok && written == 0 {
		return handlerErr.StatusCode
	}
	return written
}

// emit raises a Caddy event, if anybody listens. It holds neither payload nor
// secrets, and of a refused request nothing that its sender wrote.
func (o *Observer) emit(name string, event *route.Event, outcome string, leftOut int) {
	if !o.events.ShouldEmit(name) {
		return
	}
	data := map[string]any{
		"provider": o.Endpoint.Provider, "endpoint": o.Endpoint.Name, "event": "", "id": "", "outcome": outcome,
	}
	if event != nil {
		data["event"], data["id"] = event.Name, event.ID
	}
	if name == eventRejected {
		data["left_out"] = leftOut
	}
	o.events.Emit(o.ctx, name, data)
}

// SetLogFields adds what was found to the access log, if there is one.
func SetLogFields(r *http.Request, e webhook.Endpoint, event *route.Event, outcome string) {
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server.Logs == nil {
		return
	}
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return
	}
	extra.Set(zap.String("webhook_provider", e.Provider))
	extra.Set(zap.String("webhook_endpoint", e.Name))
	extra.Set(zap.String("webhook_outcome", outcome))
	if tenant := webhook.TenantOf(r); tenant != "" {
		extra.Set(zap.String("webhook_tenant", tenant))
	}
	if event != nil {
		extra.Set(zap.String("webhook_event", event.Name))
		extra.Set(zap.String("webhook_id", event.ID))
		if key := KeyOf(event); key != "" {
			extra.Set(zap.String("webhook_key", key))
		}
		if event.Refusal != nil {
			extra.Set(zap.String("webhook_would_refuse", string(event.Refusal.Reason)))
		}
	}
}

// setSpanAttributes adds what was found to the span that Caddy's directive
// tracing has begun, if it has.
func setSpanAttributes(r *http.Request, e webhook.Endpoint, event *route.Event, outcome string) {
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("webhook.provider", e.Provider), attribute.String("webhook.endpoint", e.Name),
		attribute.String("webhook.outcome", outcome))
	if event != nil {
		span.SetAttributes(attribute.String("webhook.event", event.Name), attribute.String("webhook.id", event.ID))
	}
}

// Stopwatch adds up the time that something takes with interruptions.
type Stopwatch struct {
	began time.Time
	Sum   time.Duration
}

func (s *Stopwatch) Start() { s.began = time.Now() }
func (s *Stopwatch) Stop()  { s.Sum += time.Since(s.began) }
