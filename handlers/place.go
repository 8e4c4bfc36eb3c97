package handlers

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// place is where an endpoint stands in a Caddyfile.
type place struct {
	matcher   string              // as it was written; empty where there is none
	directive caddyfile.Dispenser // at its name
}

// beginEndpoint reads the beginning of a directive that makes an endpoint, up to
// the name of the provider.
func beginEndpoint(h httpcaddyfile.Helper) (place, caddy.ModuleMap, *App, error) {
	h.Next() // consume the directive's name
	at := place{matcherText(h.Dispenser), *h.Dispenser}
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return at, nil, nil, err
	}
	h.Next() // extracting the matcher has moved back to before the name
	app, err := appFromOption(h.Option(webhook.AppName))
	return at, matcher, app, err
}

// matcherText returns the matcher of a directive as it was written, whose name
// d has consumed. It is empty where there is none.
func matcherText(d *caddyfile.Dispenser) string {
	ahead := *d
	if !ahead.NextArg() || !strings.HasPrefix(ahead.Val(), "/") && !strings.HasPrefix(ahead.Val(), "@") {
		return ""
	}
	return ahead.Val()
}

// writtenEndpoints is where the adapter keeps the endpoints with names of their
// own.
const writtenEndpoints = "webhook_endpoints"

// writtenEndpoint is one of them.
type writtenEndpoint struct {
	place
	provider, config string
}

// name gives an endpoint the name of its place, unless it has one of its own,
// which no other endpoint may have.
func (at place) name(h httpcaddyfile.Helper, endpoint *verify.Endpoint) error {
	if endpoint.Name == "" {
		endpoint.Name = at.matcher
	}
	if !endpoint.IsNamed() {
		return nil
	}
	known, _ := h.State[writtenEndpoints].(map[string]writtenEndpoint)
	if known == nil {
		known = make(map[string]writtenEndpoint)
		h.State[writtenEndpoints] = known
	}
	this := writtenEndpoint{at, endpoint.Provider, string(moduleJSON(endpoint))}
	other, taken := known[endpoint.Name]
	if taken && other.config != this.config {
		return at.directive.Errf("two endpoints are called %s, this one for %s and the one for %s in line %d of %s, and "+
			"their configurations differ; give each a name of its own: name <endpoint>",
			endpoint.Name, this.provider, other.provider, other.directive.Line(), other.directive.File())
	}
	known[endpoint.Name] = this
	return nil
}
