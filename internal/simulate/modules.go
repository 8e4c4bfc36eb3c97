package simulate

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/proxy"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// current is the trace of the request that is being simulated. Requests are
// simulated one after the other.
var current *Trace

// register makes the modules known that only simulations use, so that no
// configuration of a running Caddy can name them.
var register = sync.OnceFunc(func() {
	caddy.RegisterModule(probe{})
	caddy.RegisterModule(recorder{})
})

// probe notes where a request comes along.
type probe struct {
	Auth   int    `json:"auth"`
	Branch string `json:"branch,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (probe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.webhook_probe", New: func() caddy.Module { return new(probe) }}
}

func (p *probe) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if p.Auth < 0 {
		current.Branch = p.Branch
		return next.ServeHTTP(w, r)
	}
	current.auth = p.Auth
	current.Reached = true
	err := next.ServeHTTP(w, r)
	current.Event, _ = webhook.VerifiedEvent(r)
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	current.Reason, _ = repl.GetString("http.webhook.error")
	if err != nil {
		current.Err = err.Error()
	}
	return err
}

// recorder is a transport that sends nothing.
type recorder struct {
	Verified bool `json:"verified"` // it stands for a webhook_proxy
}

// CaddyModule returns the Caddy module information.
func (recorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.webhook_record", New: func() caddy.Module { return new(recorder) }}
}

// RoundTrip records the request and answers it with an empty 200.
func (rec *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	if rec.Verified {
		if err := proxy.CheckVerified(r); err != nil {
			return nil, err
		}
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	upstream := r.URL.Host
	if info, ok := reverseproxy.GetDialInfo(r.Context()); ok {
		upstream = info.Address
	}
	current.Sent = &Sent{
		Upstream: upstream,
		Method:   r.Method,
		URI:      r.URL.RequestURI(),
		Header:   r.Header.Clone(),
		Body:     body,
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  make(http.Header),
		Body:    io.NopCloser(bytes.NewReader(nil)),
		Request: r,
	}, nil
}

// Interface guards
var (
	_ caddyhttp.MiddlewareHandler = (*probe)(nil)
	_ http.RoundTripper           = (*recorder)(nil)
)
