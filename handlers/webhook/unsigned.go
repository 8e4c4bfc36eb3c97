package webhook

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/internal/sampler"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// unsignedReads keeps what is told of values that may not be read from filling
// the log: every request may cause it.
var unsignedReads sampler.Sampler

// TellUnsigned says that require_signed keeps a value from being read.
func TellUnsigned(event *route.Event, name string) {
	left, tell := unsignedReads.Take(event.Provider, event.Received)
	if !tell {
		return
	}
	caddy.Log().Named("http.handlers.webhook_auth").Warn("require_signed: a value is not read, because the provider does not sign it",
		EndpointOf(event).Field(), zap.String("value", name), zap.Int("left_out", left))
}
