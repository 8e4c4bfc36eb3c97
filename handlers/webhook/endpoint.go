package webhook

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Endpoint is what an endpoint is known by wherever one has to be told from
// others: metrics, logs, silence, the inspector.
type Endpoint struct {
	Provider string
	Name     string
}

// EndpointOf is where an event has come.
func EndpointOf(event *route.Event) Endpoint {
	return Endpoint{Provider: event.Provider, Name: event.Endpoint}
}

// Field is how logs name the endpoint.
func (e Endpoint) Field() zap.Field { return zap.Inline(e) }

// MarshalLogObject adds the endpoint to an entry of a log.
func (e Endpoint) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddString("provider", e.Provider)
	to.AddString("endpoint", e.Name)
	return nil
}

// Inspected is how the inspector names the endpoint.
func (e Endpoint) Inspected() inspect.Endpoint {
	return inspect.Endpoint{Provider: e.Provider, Name: e.Name}
}
