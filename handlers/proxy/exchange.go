package proxy

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// exchange is one webhook that goes to an upstream, and the answer to it.
//
// All of it happens on the goroutine of the sender's request, with one exception:
// interim answers (1xx) are written to the sender by the goroutine that reads from
// the upstream's connection. It does so only until the transport has returned the
// final answer, which mu makes sure of.
type exchange struct {
	forward   *Forward
	sender    http.ResponseWriter
	out       *http.Request
	url       url.URL               // of out
	trace     httptrace.ClientTrace // likewise
	forwarded [3]string             // values of its headers

	upstream *upstream
	requests int64 // that it had when this one came
	retries  int
	response *http.Response

	began, asked time.Time
	latency      time.Duration // from asked to the head of the answer
	took         time.Duration // from asked to its end
	duration     time.Duration // from began to its end, or to the failure

	mu       sync.Mutex
	answered bool // the final answer is there, or none will be
}

// ask returns an upstream's answer. Another upstream is asked if no connection can
// be made to one; if there was a connection, the app may have taken the webhook.
func (x *exchange) ask(r *http.Request) (response *http.Response, err error) {
	held := webhook.BodyOf(r)
	x.prepare(r)
	for i, number := range x.forward.order() {
		x.retries = i
		x.point(x.forward.pool[number])
		if held != nil {
			held.Send(x.out)
		}
		response, err = x.roundTrip()
		_, undialed := errors.AsType[reverseproxy.DialError](err)
		if !undialed || held == nil && x.out.Body != nil || r.Context().Err() != nil {
			break
		}
	}
	return response, err
}

// point directs the request to an upstream.
func (x *exchange) point(u *upstream) {
	x.upstream, x.url.Host = u, u.host
	if x.forward.Scheme == schemeHTTPS { // what it answers to is its own name
		x.out.Host = u.Address
	}
}

func (x *exchange) roundTrip() (*http.Response, error) {
	x.requests = x.upstream.requests.Add(1) - 1
	x.asked = time.Now()
	x.setAnswered(false)
	response, err := x.forward.transport.RoundTrip(x.out)
	x.setAnswered(true)
	x.latency = time.Since(x.asked)
	if err != nil {
		x.upstream.requests.Add(-1)
	}
	if entry := x.forward.logger.Check(zap.DebugLevel, "upstream roundtrip"); entry != nil {
		fields := append(x.fields(x.latency), zap.Error(err))
		if response != nil {
			fields = append(fields, zap.Int("status", response.StatusCode))
		}
		entry.Write(fields...)
	}
	return response, err
}

func (x *exchange) setAnswered(answered bool) {
	x.mu.Lock()
	x.answered = answered
	x.mu.Unlock()
}

// interim passes an answer on that is not the final one. Its headers do not stay.
func (x *exchange) interim(status int, upstream textproto.MIMEHeader) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.answered {
		return nil
	}
	header := x.sender.Header()
	own := header.Clone()
	passed := http.Header(upstream).Clone()
	removeHopByHop(passed)
	addHeader(header, passed)
	x.sender.WriteHeader(status)
	clear(header)
	maps.Copy(header, own)
	return nil
}

// fields are those of log entries. The request's headers and query, which may hold
// credentials, are never among them.
func (x *exchange) fields(took time.Duration) []zap.Field {
	shown := *x.out
	shown.Header = nil
	shown.RequestURI, _, _ = strings.Cut(shown.RequestURI, "?")
	return []zap.Field{
		zap.String("upstream", x.upstream.address),
		zap.Duration("duration", took),
		zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: &shown}),
	}
}
