package handlers

import (
	"errors"
	"io"
	"maps"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// statusMapper keeps an app's answer from the sender if its status is one for
// which providers disable an endpoint. What the operator answers, with respond
// or in handle_response, is passed on: it is meant.
type statusMapper struct {
	*caddyhttp.ResponseWriterWrapper
	statuses verify.Statuses
	before   http.Header // the headers without the app's
	repl     *caddy.Replacer
	wrote    bool
	withheld int // the status of the answer that is kept; 0 if none is
}

// mapStatus wraps the writer that the app's answer goes to.
func (a *Auth) mapStatus(w http.ResponseWriter, r *http.Request) *statusMapper {
	return &statusMapper{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		statuses:              a.MapStatus,
		before:                w.Header().Clone(),
		repl:                  r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer),
	}
}

// proxiedStatus is the placeholder in which reverse_proxy notes its upstream's
// status.
const proxiedStatus = "http.reverse_proxy.status_code"

func (m *statusMapper) WriteHeader(status int) {
	if m.wrote {
		return
	}
	if m.wrote = status >= 200; m.wrote && m.statuses.Include(status) {
		if proxied, ok := m.repl.Get(proxiedStatus); ok && proxied == status {
			m.withheld = status
			return
		}
	}
	m.ResponseWriterWrapper.WriteHeader(status)
}

func (m *statusMapper) Write(p []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	if m.withheld != 0 {
		return len(p), nil
	}
	return m.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (m *statusMapper) ReadFrom(from io.Reader) (int64, error) {
	m.WriteHeader(http.StatusOK)
	if m.withheld != 0 {
		return io.Copy(io.Discard, from)
	}
	return m.ResponseWriterWrapper.ReadFrom(from)
}

// FlushError is what http.ResponseController calls. There is nothing to be
// flushed of an answer that is kept.
func (m *statusMapper) FlushError() error {
	if m.withheld != 0 {
		return nil
	}
	return http.NewResponseController(m.ResponseWriter).Flush()
}

// result returns the error that stands for an answer that was kept.
func (m *statusMapper) result(a *Auth, event *route.Event) error {
	if m.withheld == 0 {
		return nil
	}
	header := m.Header()
	clear(header)
	maps.Copy(header, m.before)
	a.logger.Error("the app's answer is one for which providers disable an endpoint; the sender gets a 502",
		zap.String("provider", event.Provider), zap.String("event", event.Name), zap.String("id", event.ID),
		zap.Int("status", m.withheld))
	return caddyhttp.Error(http.StatusBadGateway, errors.New("app_status"))
}
