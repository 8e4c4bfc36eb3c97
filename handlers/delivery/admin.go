package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// QueueAPI is the part of Caddy's admin API that shows and changes what
// `webhook_deliver` keeps:
//
// Request | Description
// --------|------------
// `GET /webhooks/queue` | What is kept for each destination
// `GET /webhooks/queue/entries` | The deliveries that the query chooses
// `GET /webhooks/queue/record` | One of them, by `ref`, with its payload
// `POST /webhooks/queue/requeue` | Makes dead letters due at once, also by its name of old, `replay`
// `POST /webhooks/queue/drop` | Deletes deliveries
// `POST /webhooks/queue/retry` | Makes waiting deliveries due at once, with the attempts they have had
// `POST /webhooks/queue/pause` | Has nothing attempted at a `destination`, until it is resumed
// `POST /webhooks/queue/resume` | The inverse
// `POST /webhooks/queue/move` | Gives what is kept for the destination `from` to the destination `to`
//
// Deliveries are chosen by `state` (`waiting`, `dead`), `ref`, `id`,
// `destination`, `provider`, `event`, and `since` and `until` (RFC 3339) in the
// query. To change all there are, `all=true` must be said. A list has at most
// `limit` entries (default 100, at most 1000), and goes on with `after`, the
// `ref` of its last one.
type QueueAPI struct{}

// CaddyModule returns the Caddy module information.
func (QueueAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.webhook_queue",
		New: func() caddy.Module { return new(QueueAPI) },
	}
}

// Routes implements caddy.AdminRouter.
func (QueueAPI) Routes() []caddy.AdminRoute {
	route := func(path, method string, serve func(*Manager, *http.Request) (any, error)) caddy.AdminRoute {
		return caddy.AdminRoute{Pattern: "/webhooks/queue" + path, Handler: queueRoute{method, serve, path == ""}}
	}
	return []caddy.AdminRoute{
		route("", http.MethodGet, showQueue),
		route("/entries", http.MethodGet, listEntries),
		route("/record", http.MethodGet, showRecord),
		route("/requeue", http.MethodPost, requeueDead),
		route("/replay", http.MethodPost, requeueDead),
		route("/drop", http.MethodPost, dropEntries),
		route("/retry", http.MethodPost, retryNow),
		route("/pause", http.MethodPost, setPaused(true)),
		route("/resume", http.MethodPost, setPaused(false)),
		route("/move", http.MethodPost, moveQueue),
	}
}

// queueRoute answers with what a function returns, as JSON.
type queueRoute struct {
	method string
	serve  func(*Manager, *http.Request) (any, error)
	anyway bool // it can answer although no store is open
}

func (q queueRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	if r.Method != q.method {
		w.Header().Set("Allow", q.method)
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("method %s is not allowed here", r.Method)}
	}
	current := delivering.Current()
	if current == nil || current.store == nil && !q.anyway {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no store is open: this configuration has neither webhook_deliver nor store, or is still starting")}
	}
	answer, err := q.serve(current, r)
	if known, ok := errors.AsType[caddy.APIError](err); ok {
		return known
	}
	switch {
	case errors.Is(err, deliver.ErrNotFound):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case errors.Is(err, errQuery):
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	case errors.Is(err, deliver.ErrUnavailable) || errors.Is(err, deliver.ErrClosed):
		w.Header().Set("Retry-After", strconv.Itoa(queueRetryAfter))
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(answer)
}

// queueRetryAfter is the number of seconds in which a cluster has a leader
// again, and a reload is over.
const queueRetryAfter = 5

// errQuery says that a query cannot be understood.
var errQuery = errors.New("wrong query")

// Queue is what is kept for a destination.
type Queue struct {
	deliver.Stats

	// Age is for how many seconds the oldest waiting delivery has been stored.
	Age float64 `json:"age"`

	// Configured is whether the configuration has the destination.
	Configured bool `json:"configured"`

	// Down is whether its app is taken to be down.
	Down bool `json:"down,omitempty"`

	// Store is where it is kept, if that is not the store of the configuration.
	Store string `json:"store,omitempty"`
}

func showQueue(d *Manager, r *http.Request) (any, error) { return d.queues(r.Context()) }

func queueOf(stats deliver.Stats) Queue {
	q := Queue{Stats: stats}
	if !stats.Oldest.IsZero() {
		q.Age = max(time.Since(stats.Oldest).Seconds(), 0)
	}
	return q
}

// Bounds of a list.
const (
	defaultEntries = 100
	maxEntries     = 1000
)

func listEntries(d *Manager, r *http.Request) (any, error) {
	query := r.URL.Query()
	filter, err := queueFilter(query)
	if err != nil {
		return nil, err
	}
	limit := defaultEntries
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxEntries {
			return nil, fmt.Errorf("%w: limit is a number from 1 to %d", errQuery, maxEntries)
		}
	}
	entries, err := d.store.List(r.Context(), *filter, limit)
	if entries == nil {
		entries = []deliver.Entry{}
	}
	return entries, err
}

// QueueRecord is a stored webhook.
type QueueRecord struct {
	*deliver.Record

	// Body is the payload.
	Body []byte `json:"body"`
}

func showRecord(d *Manager, r *http.Request) (any, error) {
	record, err := d.store.Read(r.Context(), r.URL.Query().Get("ref"))
	if err != nil {
		return nil, err
	}
	return QueueRecord{Record: record, Body: record.Body}, nil
}

// QueueChange is how many deliveries were changed.
type QueueChange struct {
	// How many there were.
	Count int `json:"count"`
}

func requeueDead(d *Manager, r *http.Request) (any, error) {
	filter, err := changeFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	if filter.State == deliver.Waiting {
		return nil, fmt.Errorf("%w: what waits is retried, by POST /webhooks/queue/retry", errQuery)
	}
	count, err := d.store.Requeue(r.Context(), *filter)
	return QueueChange{count}, err
}

func dropEntries(d *Manager, r *http.Request) (any, error) {
	filter, err := changeFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	count, err := d.store.Remove(r.Context(), *filter)
	return QueueChange{count}, err
}

// changeFilter is the filter of a change, which must choose something.
func changeFilter(query url.Values) (*deliver.Filter, error) {
	filter, err := queueFilter(query)
	if err != nil {
		return nil, err
	}
	if query.Has("after") || query.Has("limit") {
		return nil, fmt.Errorf("%w: after and limit are for lists; what they leave out would be changed, too", errQuery)
	}
	chosen := *filter
	chosen.State = ""
	if chosen == (deliver.Filter{}) && query.Get("all") != "true" {
		return nil, fmt.Errorf("%w: nothing is chosen; give an id, a destination or the like, or all=true", errQuery)
	}
	return filter, nil
}

// queueFilter reads what a query chooses. A parameter that is unknown is an
// error: a typing mistake must not choose more than was meant.
func queueFilter(query url.Values) (*deliver.Filter, error) {
	filter := new(deliver.Filter)
	for name, values := range query {
		value := values[0]
		if len(values) > 1 || value == "" {
			return nil, fmt.Errorf("%w: %s needs one value", errQuery, name)
		}
		var err error
		switch name {
		case "state":
			if filter.State = deliver.State(value); filter.State != deliver.Waiting && filter.State != deliver.Dead {
				err = errors.New("it is waiting or dead")
			}
		case "ref":
			filter.Ref = value
		case "id":
			filter.ID = value
		case "destination":
			filter.Destination = value
		case "provider":
			filter.Provider = value
		case "event":
			filter.Event = value
		case "since":
			filter.Since, err = time.Parse(time.RFC3339, value)
		case "until":
			filter.Until, err = time.Parse(time.RFC3339, value)
		case "after":
			filter.After = value
		case "limit", "all":
		default:
			err = errors.New("there is no such parameter")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errQuery, name, err)
		}
	}
	return filter, nil
}

// Interface guard
var _ caddy.AdminRouter = (*QueueAPI)(nil)
