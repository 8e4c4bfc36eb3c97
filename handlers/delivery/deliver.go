package delivery

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Deliver is a handler that sees to it that verified webhooks reach the apps
// they are for, also if those are down.
//
// In the mode `spool` the app is asked first, and its answer goes back to the
// sender. Only if it fails (there is no answer, or one that is neither a success
// nor a refusal) or is late is the webhook stored, and acknowledged once it is
// on disk. It is then delivered with retries. In the mode `queue` each webhook
// is stored first and acknowledged at once.
//
// A refusal, which is a 4xx other than 408, 409, 425 and 429, is not tried again.
// In the mode `spool` the sender gets it; afterwards it is a dead letter.
//
// What a destination's handlers do is done again for each attempt, with the
// event, method, URI, headers and variables as they were. The sender's
// credentials are neither stored nor passed on: Authorization, cookies, tokens
// and the provider's signature. Apps get `Webhook-Delivery-Id`, which is the same
// for each attempt, and `Webhook-Attempt`, which counts them from 1.
type Deliver struct {
	// The name, by which the store knows its destinations over reloads and
	// restarts: up to 64 letters, digits, dots, hyphens and underscores. It is
	// needed, and must differ, where there are several. Default: default.
	Name string `json:"name,omitempty"`

	// spool (ask the app first) or queue (store first). Default: spool.
	Mode string `json:"mode,omitempty"`

	// In the mode spool, how long the sender may wait for the app. Default: five
	// sixths of the provider's own deadline; 2.5s if none is known.
	Wait caddy.Duration `json:"wait,omitempty"`

	// How long an attempt may take. Default: 1m.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The status that acknowledges a stored webhook, from 200 to 299.
	// Default: 202.
	Ack int `json:"ack,omitempty"`

	// How long to wait after each failed attempt; up to a tenth is added at
	// random, and more if the app asks for it by Retry-After. After one more
	// failed attempt than there are entries, the webhook is a dead letter.
	// Default: 10s, 1m, 5m, 30m, 2h, 6h, 24h.
	Retry []caddy.Duration `json:"retry,omitempty"`

	// What counts as delivered: a status, or a class by its first digit.
	// Default: 2.
	Success []int `json:"success,omitempty"`

	// Which answers are tried again although they are refusals: a status, or a class
	// by its first digit, such as 404 of an ingress whose app is not there yet.
	RetryOn []int `json:"retry_on,omitempty"`

	// An expression over the event: those with the same key reach a destination one
	// at a time, in the order in which they were acknowledged. What comes to nothing
	// is in no order.
	Order string `json:"order,omitempty"`

	// How many attempts of a destination are made at once, first ones included.
	// Default: 16 of what was stored, and as many first ones as there are senders.
	Concurrency int `json:"concurrency,omitempty"`

	// How many attempts of a destination begin in a time. Default: no limit.
	Rate *Rate `json:"rate,omitempty"`

	// When an app is taken to be down, and is asked by one webhook at a time only.
	// Default: after 10 failures, each 30s.
	Breaker *Breaker `json:"breaker,omitempty"`

	// In the mode queue, for how long a webhook is not attempted: a duration, or an
	// expression that comes to one, or to a number of seconds.
	Delay string `json:"delay,omitempty"`

	// Where webhooks go. In the mode spool all are asked, and the sender gets
	// the answer of the first.
	To []*Destination `json:"to,omitempty"`

	delivery *Manager
	schedule deliver.Schedule

	order, delay *route.Value // nil: not said
	outer        []string     // placeholders to be stored
	fixedDelay   time.Duration

	server  *caddyhttp.Server
	metrics *observe.Metrics
	logger  *zap.Logger
}

// Destination is one of the places where webhooks go.
type Destination struct {
	// The name, of the same characters. It is needed, and must differ, where there
	// are several.
	Name string `json:"name,omitempty"`

	// The routes that hand a webhook to its app.
	caddyhttp.Subroute

	fullName string        // by which the store knows it
	handlers webhook.Chain // what the routes come to; nil if there is something to decide between

	gate     *deliver.Gate         // of the store; set when that is open
	attempts [3]prometheus.Counter // first ones, by verdict
	of       *Deliver
	left     atomic.Int64 // first attempts that go on although their senders are gone
}

// Modes of Deliver.
const (
	modeSpool = "spool"
	modeQueue = "queue"
)

// Defaults of Deliver.
const (
	defaultDeliverName = "default"
	defaultWait        = 2500 * time.Millisecond
	defaultTimeout     = caddy.Duration(time.Minute)
	successClass       = 2
)

// CaddyModule returns the Caddy module information.
func (Deliver) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_deliver",
		New: func() caddy.Module { return new(Deliver) },
	}
}

// Provision sets up the destinations and announces them to the app, which
// delivers what is stored for them.
func (d *Deliver) Provision(ctx caddy.Context) error {
	d.logger = ctx.Logger()
	if webhook.IsSynchronous(ctx) {
		return webhook.ErrSynchronous
	}
	identity := caddyconfig.JSON(d, nil) // before defaults are filled in and modules are loaded
	app, err := ctx.App(webhook.AppName)
	if err != nil {
		return err
	}
	d.delivery = app.(interface{ Delivery() *Manager }).Delivery()
	if d.metrics, err = observe.RegisterMetrics(ctx); err != nil {
		return err
	}
	// Destinations get requests that no server has received. Their handlers
	// may look at the server nevertheless.
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		d.server = server
	} else {
		d.server = new(caddyhttp.Server)
	}
	d.outer = outerPlaceholders(identity)
	d.fillDefaults()
	if err := d.check(); err != nil {
		return fmt.Errorf("webhook_deliver %s: %w", d.Name, err)
	}
	if err := d.compile(); err != nil {
		return fmt.Errorf("webhook_deliver %s: %w", d.Name, err)
	}
	for _, to := range d.To {
		to.of, to.fullName = d, d.Name
		if to.Name != "" {
			to.fullName += "/" + to.Name
		}
		if err := to.Provision(ctx); err != nil {
			return fmt.Errorf("webhook_deliver %s: %w", to.fullName, err)
		}
		to.handlers = unconditional(&to.Subroute)
		for verdict := range to.attempts {
			to.attempts[verdict] = d.metrics.Attempts.WithLabelValues(to.fullName, verdictName(deliver.Verdict(verdict)))
		}
		// Alerts see an increase only of what was there before.
		d.metrics.DeadLetters.WithLabelValues(to.fullName)
		for _, reason := range storedReasons {
			d.metrics.Stored.WithLabelValues(to.fullName, reason)
		}
	}
	return d.delivery.register(d, string(identity))
}

func (d *Deliver) fillDefaults() {
	if d.Name == "" {
		d.Name = defaultDeliverName
	}
	if d.Mode == "" {
		d.Mode = modeSpool
	}
	if d.Timeout == 0 {
		d.Timeout = defaultTimeout
	}
	if d.Ack == 0 {
		d.Ack = http.StatusAccepted
	}
	if len(d.Success) == 0 {
		d.Success = []int{successClass}
	}
	d.schedule = deliver.DefaultSchedule
	if len(d.Retry) > 0 {
		d.schedule = make(deliver.Schedule, len(d.Retry))
		for i, delay := range d.Retry {
			d.schedule[i] = time.Duration(delay)
		}
	}
}

// errNoName is what is wrong with names that cannot stand in paths, metrics and
// all stores.
var errNoName = errors.New("this cannot be a name; use up to 64 letters, digits, dots, hyphens and underscores")

func (d *Deliver) check() error {
	switch {
	case d.Mode != modeSpool && d.Mode != modeQueue:
		return fmt.Errorf("mode is spool or queue, not %q", d.Mode)
	case d.Wait < 0 || d.Timeout < 0:
		return errors.New("wait and timeout cannot be negative")
	case d.Ack < 200 || d.Ack > 299:
		return fmt.Errorf("ack is a status from 200 to 299, not %d", d.Ack)
	case len(d.To) == 0:
		return errors.New("it has no destination")
	case !fromcaddyfile.IsDeliverName(d.Name):
		return errNoName
	}
	for _, delay := range d.Retry {
		if delay <= 0 {
			return errors.New("a delay of retry must be positive")
		}
	}
	if err := d.checkLimits(); err != nil {
		return err
	}
	names := make(map[string]bool)
	for _, to := range d.To {
		if names[to.Name] || to.Name == "" && len(d.To) > 1 {
			return errors.New("each destination needs a name of its own")
		}
		if to.Name != "" && !fromcaddyfile.IsDeliverName(to.Name) {
			return fmt.Errorf("destination %q: %w", to.Name, errNoName)
		}
		names[to.Name] = true
	}
	return nil
}

func (d *Deliver) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return caddyhttp.Error(http.StatusInternalServerError,
			errors.New("webhook_deliver works only after webhook_auth or inside handle_webhook"))
	}
	v.Delivered = true
	if v.Event.Synchronous {
		d.logger.Error(webhook.ErrSynchronous.Error(), webhook.EndpointOf(v.Event).Field())
		return caddyhttp.Error(http.StatusInternalServerError, errors.New("webhook_deliver cannot answer a question"))
	}
	if err := webhook.BufferBody(r, v); err != nil {
		return err
	}
	saved := save(r, v.Event, d.outer)
	way, err := d.wayOf(v.Event)
	if err != nil {
		return d.unordered(v.Event, err)
	}
	v.Event.Body.Drop()
	if d.Mode == modeQueue {
		return d.queue(w, saved, way, reasonQueued)
	}
	entered, may := d.enter(r.Context(), way.lane)
	if !may {
		return d.queue(w, saved, way, reasonHeld)
	}
	defer entered.left()
	return d.spool(w, r, saved, way, &entered)
}

// unconditional returns the handlers of routes that every request takes, or nil
// if they are not like that.
func unconditional(routes *caddyhttp.Subroute) (handlers webhook.Chain) {
	if routes.Errors != nil {
		return nil
	}
	for _, route := range routes.Routes {
		if len(route.MatcherSets) > 0 || route.Group != "" || route.Terminal {
			return nil
		}
		handlers = append(handlers, route.Handlers...)
	}
	return handlers
}

// serve has the routes answer.
func (to *Destination) serve(w http.ResponseWriter, r *http.Request) error {
	if to.handlers != nil {
		return to.handlers.ServeHTTP(w, r, emptyHandler)
	}
	return to.ServeHTTP(w, r, emptyHandler)
}

// emptyHandler ends a chain without an answer.
var emptyHandler = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// Interface guards
var (
	_ caddy.Provisioner           = (*Deliver)(nil)
	_ caddyhttp.MiddlewareHandler = (*Deliver)(nil)
)
