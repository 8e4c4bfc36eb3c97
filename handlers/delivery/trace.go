package delivery

import (
	"context"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// tracers is what Caddy's directive tracing makes spans with. It tells nobody, but each
// span knows it: attempts of what is stored use that of the latest traced request.
var tracers atomic.Pointer[trace.TracerProvider]

// traceOf returns the span of a request, as it is kept with the webhook; nil if the
// request is not traced.
func traceOf(r *http.Request) propagation.MapCarrier {
	span := trace.SpanFromContext(r.Context())
	if !span.SpanContext().IsValid() {
		return nil
	}
	provider := span.TracerProvider()
	tracers.Store(&provider)
	kept := make(propagation.MapCarrier)
	propagation.TraceContext{}.Inject(r.Context(), kept)
	return kept
}

// trace begins the span of an attempt: the first is a child of the request's, which may
// be over by then; later ones begin a trace of their own, linked to it. The app is told
// of it instead of the request's.
func (a *attempt) trace(r *http.Request, number int) (*http.Request, trace.Span) {
	provider := tracers.Load()
	if a.saved.Trace == nil || provider == nil {
		return r, trace.SpanFromContext(context.Background())
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), a.saved.Trace)
	options := []trace.SpanStartOption{trace.WithAttributes(
		attribute.String("webhook.provider", a.saved.Event.Provider), attribute.String("webhook.event", a.saved.Event.Name),
		attribute.String("webhook.id", a.saved.Event.ID), attribute.String("webhook.destination", a.to.fullName),
		attribute.Int("webhook.attempt", number),
	)}
	if number > 1 {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)))
	}
	ctx, span := (*provider).Tracer("github.com/caddy-webhooks/caddy-webhooks").Start(ctx, "webhook_deliver", options...)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return r.WithContext(ctx), span
}

// endSpan says in the span of an attempt what has come of it.
func endSpan(span trace.Span, outcome deliver.Outcome) {
	span.SetAttributes(attribute.String("webhook.outcome", verdictName(outcome.Verdict)))
	if outcome.Verdict != deliver.Delivered {
		span.SetStatus(codes.Error, outcome.Failure.Reason)
	}
	span.End()
}
