package handlers

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// responseWriter is what the handlers after verification write to. It knows the status,
// and keeps an app's answer from the sender if its status is one for which
// providers disable an endpoint. What the operator answers, with respond or in
// handle_response, is passed on: it is meant.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper
	withhold verify.Statuses
	before   []headerField // the headers without the app's
	repl     *caddy.Replacer
	status   int  // the last that was written; 0 if none was
	final    bool // it is no 1xx
	withheld bool

	room [2]headerField // of before: Caddy itself sets one or two
}

type headerField struct {
	name   string
	values []string
}

// newResponseWriter wraps the writer that the app's answer goes to.
func (a *Auth) newResponseWriter(w http.ResponseWriter, repl *caddy.Replacer) *responseWriter {
	n := &responseWriter{withhold: a.withhold, repl: repl}
	n.ResponseWriter = w
	n.before = n.room[:0]
	for name, values := range w.Header() {
		n.before = append(n.before, headerField{name, slices.Clip(values)})
	}
	return n
}

func (n *responseWriter) WriteHeader(status int) {
	if n.final {
		return
	}
	n.status = status
	if n.final = status >= 200; n.final && n.withhold.Include(status) {
		if proxied, ok := n.repl.Get(webhook.ProxiedStatus); ok && proxied == status {
			n.withheld = true
			return
		}
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *responseWriter) Write(p []byte) (int, error) {
	n.WriteHeader(http.StatusOK)
	if n.withheld {
		return len(p), nil
	}
	return n.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (n *responseWriter) ReadFrom(from io.Reader) (int64, error) {
	n.WriteHeader(http.StatusOK)
	if n.withheld {
		return io.Copy(io.Discard, from)
	}
	return n.ResponseWriterWrapper.ReadFrom(from)
}

// FlushError is what http.ResponseController calls. There is nothing to be
// flushed of an answer that is kept, or that has not begun.
func (n *responseWriter) FlushError() error {
	if n.status == 0 || n.withheld {
		return nil
	}
	return http.NewResponseController(n.ResponseWriter).Flush()
}

// unanswered returns the error that stands for an answer by which an app
// switches to a protocol that nobody asked for: Caddy's proxy then writes nothing,
// and the sender would take that for a 200.
func (n *responseWriter) unanswered(a *Auth, event *route.Event) error {
	proxied, ok := n.repl.Get(webhook.ProxiedStatus)
	if n.final || !ok || proxied != http.StatusSwitchingProtocols {
		return nil
	}
	if n.status == http.StatusSwitchingProtocols { // asked for, and done
		return nil
	}
	a.logger.Error("the app switches protocols instead of answering; the sender gets a 502",
		webhook.EndpointOf(event).Field(), zap.String("event", event.Name), zap.String("id", event.ID))
	return caddyhttp.Error(http.StatusBadGateway, errors.New("app_status"))
}

// result returns the error that stands for an answer that was kept.
func (n *responseWriter) result(a *Auth, event *route.Event) error {
	if !n.withheld {
		return n.unanswered(a, event)
	}
	header := n.Header()
	clear(header)
	for _, field := range n.before {
		header[field.name] = field.values
	}
	a.logger.Error("the app's answer is one for which providers disable an endpoint; the sender gets a 502",
		a.observer.Endpoint.Field(), zap.String("event", event.Name), zap.String("id", event.ID),
		zap.Int("status", n.status))
	return caddyhttp.Error(http.StatusBadGateway, errors.New("app_status"))
}
