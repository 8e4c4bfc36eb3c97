package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
)

// AdminAPI is the part of Caddy's admin API that looks for webhooks in the archive, and
// does something with them:
//
// Request | Description
// --------|------------
// `GET /webhooks/events` | A list of the events that the query selects, those that came last first. It goes on with `before`, the `next` of the answer
// `POST /webhooks/events/search` | The same, selected by a JSON object in the body, which no log shows
// `GET /webhooks/events/latest` | What has come after the number `after`, of the last 1000 events
// `GET /webhooks/events/<ref>` | One event, with its headers, its payload and what became of it
// `GET /webhooks/events/<ref>/request` | The request as HTTP/1.1 has it
// `POST /webhooks/events/verify` | Verifies the event `ref` anew, as of when it came
// `POST /webhooks/events/resend` | Hands the event `ref` to the endpoint's routes again; one that was refused is verified anew first
// `POST /webhooks/events/purge` | Erases the events that are selected, from the disk as well
//
// Events are selected by `ref`, `id`, `provider`, `endpoint`, `tenant`, `event` (`*` for any
// characters), `outcome`, `status` (such as 503 or 5xx), `refused` (true or false), `since`
// and `until` (RFC 3339), `where` (an expression as in `on … when`) and `text` (in the id or
// the payload). To erase all there are, `all=true` must be said. A list has at most `limit`
// events (default 100, at most 1000).
type AdminAPI struct{}

// CaddyModule returns the Caddy module information.
func (AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.webhook_events",
		New: func() caddy.Module { return new(AdminAPI) },
	}
}

// eventsPath begins the paths of this module.
const eventsPath = "/webhooks/events"

// Routes implements caddy.AdminRouter.
func (AdminAPI) Routes() []caddy.AdminRoute {
	route := func(path, method string, serve func(*Manager, *http.Request) (any, error)) caddy.AdminRoute {
		return caddy.AdminRoute{Pattern: eventsPath + path, Handler: eventsRoute{method, serve}}
	}
	return []caddy.AdminRoute{
		route("", http.MethodGet, listEvents),
		route("/search", http.MethodPost, listEvents),
		route("/latest", http.MethodGet, latestEvents),
		route("/verify", http.MethodPost, verifyEvent),
		route("/resend", http.MethodPost, resendEvent),
		route("/purge", http.MethodPost, purgeEvents),
		route("/", http.MethodGet, oneEvent),
	}
}

// eventsRoute answers with what a function returns: a request as it is, all else as JSON.
type eventsRoute struct {
	method string
	serve  func(*Manager, *http.Request) (any, error)
}

func (e eventsRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	if r.Method != e.method {
		w.Header().Set("Allow", e.method)
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("method %s is not allowed here", r.Method)}
	}
	current := keeping.Current()
	if current == nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errNoArchive}
	}
	// Caddy gives a request ten seconds; a large archive may need more.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	answer, err := e.serve(current, r)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case errors.Is(err, errQuery) || errors.Is(err, archive.ErrCursor):
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	case errors.Is(err, archive.ErrClosed):
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if raw, ok := answer.(rawRequest); ok {
		header.Set("Content-Type", "application/octet-stream") // it came from strangers; no browser is to show it
		header.Set("Content-Disposition", `attachment; filename="`+raw.ref+`.http"`)
		_, err := w.Write(raw.content) //nolint:gosec // likewise
		return err
	}
	header.Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// rawRequest is an answer that is a request.
type rawRequest struct {
	ref     string
	content []byte
}

// Events are a part of a list.
type Events struct {
	// Events are the events, those that came last first.
	Events []*archive.Summary `json:"events"`

	// Next continues the list, as before; it is absent if that was all.
	Next string `json:"next,omitempty"`
}

func listEvents(m *Manager, r *http.Request) (any, error) {
	values, err := selectorsOf(r)
	if err != nil {
		return nil, err
	}
	filter, err := filterOf(values)
	if err != nil {
		return nil, err
	}
	open, err := m.open()
	if err != nil {
		return nil, err
	}
	page, err := open.Query(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list := Events{Events: []*archive.Summary{}, Next: page.Next}
	for _, record := range page.Records {
		list.Events = append(list.Events, &record.Summary)
	}
	return list, nil
}

func latestEvents(_ *Manager, r *http.Request) (any, error) {
	after := uint64(0)
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%w: after is a number", errQuery)
		}
	}
	return latest.after(after), nil
}

// Event is one event as a whole.
type Event struct {
	archive.Summary

	// Headers are those of the request, in the order of their names.
	Headers []inspect.Header `json:"headers"`

	// Body is the payload, if it is text.
	Body string `json:"body,omitempty"`

	// Binary is the payload, if it is no text.
	Binary []byte `json:"binary,omitempty"`
}

// oneEvent answers for <ref> and <ref>/request.
func oneEvent(m *Manager, r *http.Request) (any, error) {
	ref, rest, raw := strings.Cut(strings.TrimPrefix(r.URL.Path, eventsPath+"/"), "/")
	if raw && rest != "request" {
		return nil, archive.ErrNotFound
	}
	open, err := m.open()
	if err != nil {
		return nil, err
	}
	record, err := open.Get(r.Context(), ref)
	if err != nil {
		return nil, err
	}
	if raw {
		return rawRequest{record.Ref, record.Request()}, nil
	}
	event := &Event{Summary: record.Summary}
	for line := range strings.Lines(string(record.Head)) {
		if name, value, ok := strings.Cut(line, ": "); ok {
			event.Headers = append(event.Headers, inspect.Header{Name: name, Value: strings.TrimRight(value, "\r\n")})
		}
	}
	if utf8.Valid(record.Body) {
		event.Body = string(record.Body)
	} else {
		event.Binary = record.Body
	}
	return event, nil
}

// Purged is what was erased.
type Purged struct {
	// Count is how many events there were.
	Count int `json:"count"`
}

func purgeEvents(m *Manager, r *http.Request) (any, error) {
	values, err := selectorsOf(r)
	if err != nil {
		return nil, err
	}
	filter, err := changeFilter(values)
	if err != nil {
		return nil, err
	}
	open, err := m.open()
	if err != nil {
		return nil, err
	}
	count, err := open.Purge(r.Context(), filter)
	latest.forget(filter)
	return Purged{count}, err
}

// Interface guard
var _ caddy.AdminRouter = (*AdminAPI)(nil)
