package handlers

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
)

// Route is a middleware that notes which way a verified webhook takes, for
// metrics, logs and the inspector. It changes nothing. The directive
// `handle_webhook` puts one at the beginning of each of its blocks.
type Route struct {
	// The provider whose webhooks come along here. It is a label of the metric
	// `caddy_webhook_routed_total`.
	Provider string `json:"provider,omitempty"`

	// The name of this way, such as `on 1` or `otherwise`. It is a label of the
	// metric, too.
	Name string `json:"name,omitempty"`

	routed prometheus.Counter
}

// CaddyModule returns the Caddy module information.
func (Route) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_route",
		New: func() caddy.Module { return new(Route) },
	}
}

// Provision finds the counter.
func (rt *Route) Provision(ctx caddy.Context) error {
	m, err := registerMetrics(ctx)
	if err != nil {
		return err
	}
	rt.routed = m.routed.WithLabelValues(rt.Provider, rt.Name)
	return nil
}

// Validate refuses a way that could not be told from others.
func (rt *Route) Validate() error {
	if rt.Provider == "" || rt.Name == "" {
		return errors.New("webhook_route needs provider and name")
	}
	return nil
}

func (rt *Route) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rt.routed.Inc()
	if event, ok := VerifiedEvent(r); ok {
		event.Route = rt.Name
	}
	return next.ServeHTTP(w, r)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Route)(nil)
	_ caddy.Validator             = (*Route)(nil)
	_ caddyhttp.MiddlewareHandler = (*Route)(nil)
)
