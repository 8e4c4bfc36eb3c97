package proxy

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Transport is Caddy's HTTP transport for verified webhooks. It sends them from
// memory, where their verification has put them. That takes fewer writes than
// to copy a stream, and lets a failed attempt be repeated at another upstream
// without request buffers, also for methods with a body.
//
// What is sent is the body as it arrived, or as `webhook_rewrite` has made it. A
// body that another handler has put in its place is sent as it is read. A request
// that was not verified is an error; active health checks are sent.
//
// It takes all options of the transport `http`, of which two have other
// defaults: a write buffer of 64 KiB, so that most webhooks go out in one write,
// and 128 idle connections for each upstream.
//
// Unless the reverse proxy logs at debug level, the log entries that it makes of
// a request to an upstream have no headers and no query: some of them may hold
// credentials, and Caddy writes them down for each request before it knows whether
// anything is to be logged.
type Transport struct {
	reverseproxy.HTTPTransport

	hidesHeaders bool // what the reverse proxy does after an attempt needs none
}

const (
	defaultWriteBuffer = 64 << 10
	defaultIdleConns   = 128
)

// CaddyModule returns the Caddy module information.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.webhook",
		New: func() caddy.Module { return new(Transport) },
	}
}

// Provision sets the defaults and makes the connections' pool.
func (t *Transport) Provision(ctx caddy.Context) error {
	if t.WriteBufferSize == 0 {
		t.WriteBufferSize = defaultWriteBuffer
	}
	if t.KeepAlive == nil {
		t.KeepAlive = new(reverseproxy.KeepAlive)
	}
	if t.KeepAlive.MaxIdleConnsPerHost == 0 {
		t.KeepAlive.MaxIdleConnsPerHost = defaultIdleConns
	}
	t.hidesHeaders = canHideHeaders(ctx)
	return t.HTTPTransport.Provision(ctx)
}

// canHideHeaders reports whether the reverse proxy that has this transport can do
// without a request's headers once it was sent: nobody wants to see them, and
// none decide whether it is sent again.
func canHideHeaders(ctx caddy.Context) bool {
	for _, module := range slices.Backward(ctx.Modules()) { // it may stand inside another one
		if proxy, ok := module.(*reverseproxy.Handler); ok {
			retries := proxy.LoadBalancing != nil && len(proxy.LoadBalancing.RetryMatchRaw) > 0
			return !retries && !ctx.Logger(proxy).Core().Enabled(zap.DebugLevel)
		}
	}
	return false
}

// RoundTrip sends one attempt of a request, whose body it takes from memory if it
// is there. It changes the request, which the reverse proxy has made for this
// attempt, only when it was sent.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := CheckVerified(r); err != nil {
		return nil, err
	}
	if v, ok := webhook.VerifiedOf(r); ok { // what stands in the request may need what there was no room for
		if refused := v.Overloaded(r); refused != nil {
			return nil, refused
		}
	}
	attempt := new(http.Request)
	*attempt = *r
	if held := webhook.BodyOf(r); held != nil {
		held.Send(attempt)
	}
	response, err := t.HTTPTransport.RoundTrip(attempt)
	if t.hidesHeaders && (err != nil || response.StatusCode != http.StatusSwitchingProtocols) {
		r.Header = nil
		r.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
	}
	return response, err
}

// CheckVerified returns an error if a request that came to a server has not
// been verified. Those of active health checks have no variables.
func CheckVerified(r *http.Request) error {
	if r.Context().Value(caddyhttp.VarsCtxKey) == nil {
		return nil
	}
	if _, ok := webhook.VerifiedEvent(r); ok {
		return nil
	}
	return errUnverified()
}

// errUnverified is the answer to a request that is no verified webhook.
func errUnverified() error {
	return caddyhttp.Error(http.StatusInternalServerError, errors.New(
		"webhook_proxy works only after webhook_auth or inside handle_webhook; use reverse_proxy for other requests"))
}

// Interface guards
var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ caddyfile.Unmarshaler                            = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.TLSTransport                        = (*Transport)(nil)
	_ reverseproxy.H2CTransport                        = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
