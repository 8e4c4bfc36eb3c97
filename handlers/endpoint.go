package handlers

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// endpoint is what an endpoint is known by wherever one has to be told from
// others: metrics, logs, silence, the inspector.
type endpoint struct {
	provider string
	name     string
}

// endpointOf is where an event has come.
func endpointOf(event *route.Event) endpoint { return endpoint{event.Provider, event.Endpoint} }

// field is how logs name the endpoint.
func (e endpoint) field() zap.Field { return zap.Inline(e) }

// MarshalLogObject adds the endpoint to an entry of a log.
func (e endpoint) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddString("provider", e.provider)
	to.AddString("endpoint", e.name)
	return nil
}

// inspected is how the inspector names the endpoint.
func (e endpoint) inspected() inspect.Endpoint {
	return inspect.Endpoint{Provider: e.provider, Name: e.name}
}
