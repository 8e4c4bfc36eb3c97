package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Forward hands verified webhooks to an app, with the headers, the answers and the
// placeholders `{http.reverse_proxy.*}` of Caddy's `reverse_proxy`, but without its
// options, and for less work. It sends them from memory, where their verification
// has put them.
//
// Where there are several upstreams, each webhook goes to one of them at random, and
// to another one if no connection to that can be made. Webhooks that were not
// verified are refused. So are upgrades to other protocols.
type Forward struct {
	// The addresses of the app's instances. Each is one socket, and the same for all
	// requests: it has no placeholders.
	Upstreams []string `json:"upstreams,omitempty"`

	// http, https or h2c (HTTP/2 without TLS). With https the app is asked for by the
	// name and port in its address. Default: http.
	Scheme string `json:"scheme,omitempty"`

	pool      []*upstream
	transport *http.Transport
	known     *reverseproxy.Handler // by which Caddy's metrics and admin endpoint know the upstreams
	logger    *zap.Logger
}

// upstream is an instance of the app.
type upstream struct {
	reverseproxy.DialInfo
	address  string // as it is configured
	host     string // in the URLs of requests, by which the transport tells upstreams apart
	requests atomic.Int64
}

// The schemes that Forward knows besides http.
const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	schemeH2C   = "h2c"
)

// CaddyModule returns the Caddy module information.
func (Forward) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_forward",
		New: func() caddy.Module { return new(Forward) },
	}
}

// Provision makes the connections' pool.
func (f *Forward) Provision(ctx caddy.Context) error {
	f.logger = ctx.Logger()
	if len(f.Upstreams) == 0 {
		return errors.New("webhook_forward has no upstream")
	}
	options := &reverseproxy.HTTPTransport{
		WriteBufferSize: defaultWriteBuffer,
		KeepAlive:       &reverseproxy.KeepAlive{MaxIdleConnsPerHost: defaultIdleConns},
	}
	switch f.Scheme {
	case "", schemeHTTP:
	case schemeHTTPS:
		options.TLS = new(reverseproxy.TLSConfig)
	case schemeH2C:
		options.Versions = []string{schemeH2C, "2"}
	default:
		return fmt.Errorf("the scheme of webhook_forward is http, https or h2c, not %q", f.Scheme)
	}
	if err := options.Provision(ctx); err != nil {
		return err
	}
	f.transport = options.Transport
	if err := f.locate(); err != nil {
		return err
	}
	known := &reverseproxy.Handler{Transport: options}
	for _, address := range f.Upstreams {
		known.Upstreams = append(known.Upstreams, &reverseproxy.Upstream{Dial: address})
	}
	if err := known.Provision(ctx); err != nil {
		return err
	}
	f.known = known
	return nil
}

// locate finds out how the upstreams are dialed.
func (f *Forward) locate() error {
	elsewhere := make(map[string]*upstream) // than at the TCP address in a URL
	for i, address := range f.Upstreams {
		at, err := caddy.ParseNetworkAddress(address)
		if err != nil {
			return fmt.Errorf("upstream %s: %w", address, err)
		}
		if at.PortRangeSize() != 1 || strings.Contains(address, "{") {
			return fmt.Errorf("upstream %s: webhook_forward takes addresses of one socket, without placeholders; use reverse_proxy", address)
		}
		u := &upstream{address: address, DialInfo: reverseproxy.DialInfo{
			Network: at.Network, Address: at.JoinHostPort(0), Host: at.Host, Port: strconv.Itoa(int(at.StartPort)),
		}}
		if u.host = u.Address; at.Network != "tcp" {
			u.host = "upstream-" + strconv.Itoa(i)
			elsewhere[u.host] = u
		}
		f.pool = append(f.pool, u)
	}
	if len(elsewhere) == 0 {
		return nil
	}
	dial := f.transport.DialContext
	f.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && elsewhere[host] != nil {
			network, address = elsewhere[host].Network, elsewhere[host].Address
		}
		return dial(ctx, network, address)
	}
	return nil
}

// Cleanup ends idle connections.
func (f *Forward) Cleanup() error {
	if f.transport != nil {
		f.transport.CloseIdleConnections()
	}
	if f.known == nil {
		return nil
	}
	return f.known.Cleanup()
}

func (f *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	v, err := verified(r)
	if err != nil {
		return err
	}
	x := &exchange{forward: f, sender: w, began: time.Now()}
	r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).DeleteByPrefix(placeholderPrefix) // those of a proxy before this one
	v.Proxied = x
	defer func() { x.duration = time.Since(x.began) }()
	response, err := x.ask(r)
	switch {
	case err == nil:
		return x.answer(response)
	case errors.Is(err, context.Canceled): // the sender has given up
		w.WriteHeader(statusSenderGone)
		return nil
	default:
		return unanswered(err)
	}
}

// verified returns what a request holds if it is a webhook that may be sent.
func verified(r *http.Request) (*webhook.Verified, error) {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return nil, errUnverified()
	}
	return v, v.Overloaded(r)
}

// statusSenderGone stands in logs for an answer that nobody waits for.
const statusSenderGone = 499

// unanswered returns the error that stands for the answer of an app that gave none.
func unanswered(err error) error {
	status := http.StatusBadGateway
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		status = http.StatusGatewayTimeout
	}
	if strings.Contains(err.Error(), "operation was canceled") { // while it was being dialed, as package net says it
		status = statusSenderGone
	}
	return caddyhttp.Error(status, err)
}

// single is the order of one upstream.
var single = []int{0}

// order is the one in which the upstreams are asked.
func (f *Forward) order() []int {
	if len(f.pool) == 1 {
		return single
	}
	return rand.Perm(len(f.pool)) //nolint:gosec // it spreads load, and nobody gains by guessing it
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Forward)(nil)
	_ caddy.CleanerUpper          = (*Forward)(nil)
	_ caddyhttp.MiddlewareHandler = (*Forward)(nil)
)
