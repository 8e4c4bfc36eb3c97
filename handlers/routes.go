package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Routes is a middleware that lets a verified webhook take the first of its
// routes that matches, and the next handler if none does. The directive
// `handle_webhook` puts its `on` and `otherwise` blocks into one.
//
// It differs from `subroute` in what it costs: only routes that the event's
// name can match are looked at, and none is made anew for a request. So fifty
// blocks cost what one does. Which route is taken is counted, and shown in logs.
// Its routes can have neither `group` nor `terminal`: one is taken.
type Routes struct {
	// The provider whose webhooks come along here. It is a label of the metric
	// `caddy_webhook_routed_total`.
	Provider string `json:"provider,omitempty"`

	// The name of the endpoint where they arrive, which is another label.
	// Default: the provider.
	Endpoint string `json:"endpoint,omitempty"`

	// The routes, in the order in which they are tried.
	Routes []NamedRoute `json:"routes,omitempty"`

	byName map[string][]*NamedRoute // what an event may take, by the names that routes ask for
	others []*NamedRoute            // what an event of another name may take

	unnamed    []*NamedRoute // what does not ask for the event's name
	ruleErrors *prometheus.CounterVec
}

// NamedRoute is one way that a verified webhook can take.
type NamedRoute struct {
	// The name of this way, such as `on 1` or `otherwise`. It is a label of the
	// metric `caddy_webhook_routed_total`.
	Name string `json:"name,omitempty"`

	caddyhttp.Route

	events *MatchEvent // of whose names or categories the event has one; nil where they do not decide
	routed prometheus.Counter
}

// CaddyModule returns the Caddy module information.
func (Routes) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_routes",
		New: func() caddy.Module { return new(Routes) },
	}
}

// Provision loads the matchers and handlers of the routes, and finds out which
// of them an event may take.
func (rs *Routes) Provision(ctx caddy.Context) error {
	m, err := observe.RegisterMetrics(ctx)
	if err != nil {
		return err
	}
	rs.ruleErrors = m.RuleErrors
	if err := rs.checkObserved(ctx); err != nil {
		return err
	}
	if ctx, err = rs.withSynchronous(ctx); err != nil {
		return err
	}
	for i := range rs.Routes {
		way := &rs.Routes[i]
		if err := way.Provision(ctx, nil); err != nil {
			return fmt.Errorf("route %d: %w", i, err)
		}
		way.events = way.eventMatcher()
		way.routed = m.Routed.WithLabelValues(rs.Provider, rs.endpoint().Name, way.Name)
	}
	rs.sort()
	return nil
}

// endpoint is where the webhooks arrive.
func (rs *Routes) endpoint() webhook.Endpoint {
	return webhook.Endpoint{Provider: rs.Provider, Name: cmp.Or(rs.Endpoint, rs.Provider)}
}

// Validate refuses a way that could not be told from others.
func (rs *Routes) Validate() error {
	if rs.Provider == "" {
		return errors.New("webhook_routes needs a provider")
	}
	for i := range rs.Routes {
		switch way := &rs.Routes[i]; {
		case way.Name == "":
			return fmt.Errorf("route %d of webhook_routes needs a name", i)
		case way.Group != "" || way.Terminal:
			return fmt.Errorf("route %s of webhook_routes: remove group and terminal; the first route that matches is the only one", way.Name)
		}
	}
	return nil
}

// sort finds out which routes an event may take, by its name.
func (rs *Routes) sort() {
	rs.byName = make(map[string][]*NamedRoute)
	for i := range rs.Routes {
		for _, pattern := range rs.Routes[i].names() {
			if !strings.Contains(pattern, "*") {
				rs.byName[pattern] = nil
			}
		}
	}
	for i := range rs.Routes {
		way := &rs.Routes[i]
		for name := range rs.byName {
			if way.open() || way.names().Match(name) {
				rs.byName[name] = append(rs.byName[name], way)
			}
		}
		if way.events == nil {
			rs.unnamed = append(rs.unnamed, way)
		}
		if way.open() || strings.Contains(strings.Join(way.names(), ""), "*") {
			rs.others = append(rs.others, way)
		}
	}
}

// names are the patterns of names that a route asks for.
func (way *NamedRoute) names() route.Patterns {
	if way.events == nil {
		return nil
	}
	return way.events.Names
}

// open reports whether an event of any name may take this way.
func (way *NamedRoute) open() bool { return way.events == nil || len(way.events.Categories) > 0 }

// mayTake reports whether an event may take this way, by its name and its
// categories. It is asked before the matchers, which Caddy runs in no particular
// order, so that no rule fails for an event that it was not written for.
func (way *NamedRoute) mayTake(event *route.Event) bool {
	return way.events == nil || way.events.mayMatch(event)
}

// eventMatcher returns the matcher that decides by the event, if one does.
func (way *NamedRoute) eventMatcher() *MatchEvent {
	if len(way.MatcherSets) != 1 {
		return nil // there are alternatives
	}
	for _, matcher := range way.MatcherSets[0] {
		if events, ok := matcher.(*MatchEvent); ok {
			return events
		}
	}
	return nil
}

func (rs *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return caddyhttp.Error(http.StatusInternalServerError,
			errors.New("webhook_routes works only after webhook_auth or inside handle_webhook"))
	}
	event := v.Event
	for _, way := range rs.candidates(event) {
		takes := way.mayTake(event)
		if refused := v.Overloaded(r); refused != nil {
			return refused
		}
		if !takes {
			continue
		}
		matched, err := way.MatcherSets.AnyMatchWithError(r)
		if err != nil {
			return err
		}
		if matched {
			way.routed.Inc()
			event.Route = way.Name
			return webhook.Chain(way.Handlers).ServeHTTP(w, r, next)
		}
	}
	return next.ServeHTTP(w, r)
}

// candidates returns the routes that an event may take, in their order. Where
// its name may not be read, these are the ones that do not ask for it.
func (rs *Routes) candidates(event *route.Event) []*NamedRoute {
	if !event.MayRead("event") {
		if len(rs.unnamed) < len(rs.Routes) {
			webhook.TellUnsigned(event, "event")
			rs.ruleErrors.WithLabelValues(event.Provider, event.Endpoint, route.Reason(nil)).Inc()
		}
		return rs.unnamed
	}
	if named, ok := rs.byName[event.Name]; ok {
		return named
	}
	return rs.others
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Routes)(nil)
	_ caddy.Validator             = (*Routes)(nil)
	_ caddyhttp.MiddlewareHandler = (*Routes)(nil)
)
