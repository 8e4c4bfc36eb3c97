package proxy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
)

// Parse sets up what hands verified webhooks to an app from the directive
// webhook_proxy, which has the syntax of reverse_proxy. Without a block it is the
// handler webhook_forward:
//
//	webhook_proxy app:8080
//
// With a block it is Caddy's reverse proxy with the transport webhook, and so it is if
// an upstream has a placeholder. The directive
//
//	webhook_proxy app:8080 {
//	    lb_retries 1
//	}
//
// is equivalent to
//
//	reverse_proxy app:8080 {
//	    lb_retries 1
//	    transport webhook
//	}
//
// Options of the transport are those of http, and given as there: by transport
// http, or by the scheme of the upstreams.
func Parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	start := *h.Dispenser
	if err := fromcaddyfile.CheckUpstreams(start); err != nil {
		return nil, err
	}
	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	if !hasBlock(start) && !slices.ContainsFunc(proxy.Upstreams, isDynamic) {
		return newForward(proxy, start)
	}
	transport, err := overWebhook(proxy.TransportRaw)
	if err != nil {
		return nil, transportToken(start).WrapErr(err)
	}
	proxy.TransportRaw = transport
	return proxy, proxy.FinalizeUnmarshalCaddyfile(h)
}

// hasBlock reports whether a directive has one. Caddy shows an empty one to nobody.
func hasBlock(d caddyfile.Dispenser) bool {
	for d.Next() {
		if d.Val() == "{" {
			return true
		}
	}
	return false
}

// isDynamic reports whether it depends on the request where an upstream is.
func isDynamic(u *reverseproxy.Upstream) bool { return strings.Contains(u.Dial, "{") }

// newForward takes the upstreams of a reverse proxy without options.
func newForward(proxy *reverseproxy.Handler, d caddyfile.Dispenser) (*Forward, error) {
	if len(proxy.Upstreams) == 0 {
		d.Next()
		return nil, d.Err("webhook_proxy needs an upstream; write webhook_proxy app:8080")
	}
	f := new(Forward)
	for _, upstream := range proxy.Upstreams {
		f.Upstreams = append(f.Upstreams, upstream.Dial)
	}
	var ofScheme reverseproxy.HTTPTransport // what their common scheme stands for
	if proxy.TransportRaw != nil {
		if err := json.Unmarshal(proxy.TransportRaw, &ofScheme); err != nil {
			return nil, err
		}
	}
	switch {
	case ofScheme.TLS != nil:
		f.Scheme = schemeHTTPS
	case slices.Contains(ofScheme.Versions, schemeH2C):
		f.Scheme = schemeH2C
	}
	return f, nil
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
		options["protocol"] = caddyconfig.JSON("webhook", nil)
		return caddyconfig.JSON(options, nil), nil
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
