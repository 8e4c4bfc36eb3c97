package handlers

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
)

// ParseProxy sets up Caddy's reverse proxy with the transport webhook from the
// directive webhook_proxy, which has the syntax of reverse_proxy. The line
//
//	webhook_proxy app:8080
//
// is equivalent to
//
//	reverse_proxy app:8080 {
//	    transport webhook
//	}
//
// Options of the transport are those of http, and given as there: by transport
// http, or by the scheme of the upstreams.
func ParseProxy(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	start := *h.Dispenser
	if err := fromcaddyfile.CheckUpstreams(start); err != nil {
		return nil, err
	}
	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	transport, err := overWebhook(proxy.TransportRaw)
	if err != nil {
		return nil, transportToken(start).WrapErr(err)
	}
	proxy.TransportRaw = transport
	return proxy, proxy.FinalizeUnmarshalCaddyfile(h)
}

// overWebhook makes the transport webhook of the transport http, with the same
// options. None stands for http without options.
func overWebhook(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		raw = json.RawMessage(`{"protocol": "http"}`)
	}
	var options map[string]json.RawMessage
	if err := json.Unmarshal(raw, &options); err != nil {
		return nil, err
	}
	switch protocol := string(options["protocol"]); protocol {
	case `"http"`, `"webhook"`:
		options["protocol"] = moduleJSON("webhook")
		return moduleJSON(options), nil
	default:
		return nil, fmt.Errorf("webhook_proxy sends over HTTP, with the options of transport http; "+
			"for transport %s use reverse_proxy, which sends the same body", strings.Trim(protocol, `"`))
	}
}

// transportToken moves to the subdirective that names a transport.
func transportToken(d caddyfile.Dispenser) *caddyfile.Dispenser {
	for d.Next() {
		if d.Val() == "transport" && d.Nesting() == 1 {
			break
		}
	}
	return &d
}
