package observe

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
)

// Admin is a module that shows what webhooks have come, below `/webhooks/` of
// Caddy's administration endpoint, whose checks of Host, Origin and access
// count here, too. All of it is for reading.
//
// Path | Content
// -----|--------
// `/webhooks/` | A page for browsers, which open it by `caddy webhooks inspect`
// `/webhooks/providers` | The endpoints that are configured, by their providers and names, with their counters
// `/webhooks/observe` | The endpoints with `observe`: what would have been refused, and whether that can begin
// `/webhooks/deliveries` | The deliveries that are kept, the latest first. Query: `provider`, `endpoint`, `tenant`, `event` (`*` for any characters), `outcome`, `text` (in the id, the request or the payload), `after` and `before` (numbers), `limit`
// `/webhooks/deliveries/<number>` | One of them, with its headers, what was decided and what a rewrite has changed
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.webhooks",
		New: func() caddy.Module { return new(Admin) },
	}
}

// adminPrefix begins the paths of this module.
const adminPrefix = "/webhooks/"

// Routes returns the routes of the module.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminPrefix, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// page is what a browser loads.
//
//go:embed inspector/*.html inspector/*.js inspector/*.css
var page embed.FS

// pageFiles are the files of the page, and their types.
var pageFiles = map[string]string{
	"index.html":    "text/html; charset=utf-8",
	"inspector.js":  "text/javascript; charset=utf-8",
	"detail.js":     "text/javascript; charset=utf-8",
	"actions.js":    "text/javascript; charset=utf-8",
	"dom.js":        "text/javascript; charset=utf-8",
	"tenants.js":    "text/javascript; charset=utf-8",
	"inspector.css": "text/css; charset=utf-8",
}

// contentPolicy lets the page load its own files and nothing else. What is
// shown came from strangers: text that is taken for markup or script would be
// an error of the browser, before it could do anything.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("method not allowed")}
	}
	header := w.Header()
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	name := strings.TrimPrefix(r.URL.Path, adminPrefix)
	if number, ok := strings.CutPrefix(name, "deliveries/"); ok {
		return serveDelivery(w, number, r.URL.Query().Get("instance"))
	}
	switch name {
	case "providers":
		return showJSON(w, endpointStates())
	case "observe":
		return showJSON(w, observedStates())
	case "deliveries":
		return serveDeliveries(w, r)
	case "":
		name = "index.html"
	}
	contentType, ok := pageFiles[name]
	if !ok {
		return notFound("there is nothing at " + r.URL.Path)
	}
	content, err := page.ReadFile(path.Join("inspector", name))
	if err != nil {
		return err
	}
	header.Set("Content-Type", contentType)
	_, err = w.Write(content) //nolint:gosec // one of the files that are listed above
	return err
}

// deliveryList is a page of the list.
type deliveryList struct {
	Instance   string            `json:"instance"`            // numbers count anew with another one
	Forgotten  uint64            `json:"forgotten,omitempty"` // the latest one that was kept, and is not any more
	Total      int               `json:"total"`               // how many are kept that the query selects, before and after aside
	Deliveries []inspect.Summary `json:"deliveries"`
}

func serveDeliveries(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	filter := inspect.Filter{
		Provider: query.Get("provider"), Endpoint: query.Get("endpoint"), Tenant: query.Get("tenant"),
		Event: query.Get("event"), Outcome: query.Get("outcome"), Text: query.Get("text"),
	}
	numbers := []error{number(query.Get("after"), &filter.After), number(query.Get("before"), &filter.Before)}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		filter.Limit = limit
		numbers = append(numbers, err)
	}
	if err := errors.Join(numbers...); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf("after, before and limit are numbers: %w", err)}
	}
	if filter.Outcome != "" && !slices.Contains(Outcomes, filter.Outcome) {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf("there is no outcome %.80q%s", filter.Outcome, suggest.DidYouMean(filter.Outcome, Outcomes))}
	}
	found, total := deliveries.Page(filter)
	list := deliveryList{
		Instance: deliveries.Instance(), Forgotten: deliveries.Forgotten(filter), Total: total, Deliveries: []inspect.Summary{},
	}
	for _, d := range found {
		list.Deliveries = append(list.Deliveries, d.Summary)
	}
	return showJSON(w, list)
}

// number reads a number of a query, if there is one.
func number(text string, into *uint64) (err error) {
	if text != "" {
		*into, err = strconv.ParseUint(text, 10, 64)
	}
	return err
}

// shownDelivery is a delivery with what was made of its payload.
type shownDelivery struct {
	*inspect.Delivery
	Rewrite []string `json:"rewrite,omitempty"` // lines that were removed or added
}

// serveDelivery answers with a delivery. A link to one may have been made by an earlier
// process, whose instance it then names.
func serveDelivery(w http.ResponseWriter, text, instance string) error {
	var wanted uint64
	if err := number(text, &wanted); err != nil || wanted == 0 {
		return notFound("a delivery has a number")
	}
	d, ok := deliveries.Get(wanted)
	if !ok || instance != "" && instance != deliveries.Instance() {
		return notFound("the delivery is not kept, or not any more")
	}
	shown := shownDelivery{Delivery: d}
	if d.Sent.Content != "" && d.Body.Content != "" {
		shown.Rewrite = inspect.Diff([]byte(d.Body.Content), []byte(d.Sent.Content))
	}
	return showJSON(w, shown)
}

// endpointState is what has come to an endpoint.
type endpointState struct {
	Provider     string            `json:"provider"`
	Endpoint     string            `json:"endpoint"`
	Outcomes     map[string]uint64 `json:"outcomes"`                // how often, since the process began
	App          map[string]uint64 `json:"app"`                     // what the app has answered, by class: 2xx to 5xx, or none
	LastVerified float64           `json:"last_verified,omitempty"` // Unix time
	ExpectEvery  string            `json:"expect_every,omitempty"`
	Silent       bool              `json:"silent,omitempty"`
	Inspected    bool              `json:"inspected"` // its deliveries are kept
}

// endpointStates describes the endpoints of the configuration, by their
// providers and names.
func endpointStates() []*endpointState {
	states := make(map[webhook.Endpoint]*endpointState)
	if current := Running.Current(); current != nil {
		for _, o := range current.observers {
			state := states[o.Endpoint]
			if state == nil {
				state = o.state()
				states[o.Endpoint] = state
			}
			if o.expectEvery > 0 {
				state.ExpectEvery = o.expectEvery.String()
			}
		}
	}
	list := slices.AppendSeq([]*endpointState{}, maps.Values(states))
	slices.SortFunc(list, func(a, b *endpointState) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Endpoint, b.Endpoint))
	})
	return list
}

func (o *Observer) state() *endpointState {
	state := &endpointState{
		Provider:  o.Endpoint.Provider,
		Endpoint:  o.Endpoint.Name,
		Outcomes:  make(map[string]uint64),
		App:       make(map[string]uint64),
		Silent:    o.heartbeat.silent.Load(),
		Inspected: deliveries.Keeps(o.Endpoint.Inspected()),
	}
	var read dto.Metric
	for name, counter := range o.Metrics.outcomes {
		if counter.Write(&read) == nil && read.GetCounter().GetValue() > 0 {
			state.Outcomes[name] = uint64(read.GetCounter().GetValue())
		}
	}
	for i, counter := range o.Metrics.answers {
		if counter.Write(&read) == nil && read.GetCounter().GetValue() > 0 {
			state.App[classes[i]] = uint64(read.GetCounter().GetValue())
		}
	}
	if o.Metrics.LastVerified.Write(&read) == nil {
		state.LastVerified = read.GetGauge().GetValue()
	}
	return state
}

func showJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

func notFound(text string) error {
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New(text)}
}

// Interface guards
var _ caddy.AdminRouter = (*Admin)(nil)
