package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
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
	// restarts. It is needed, and must differ, where there are several.
	// Default: default.
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

	// Where webhooks go. In the mode spool all are asked, and the sender gets
	// the answer of the first.
	To []*Destination `json:"to,omitempty"`

	app      *App
	schedule deliver.Schedule
	server   *caddyhttp.Server
	metrics  *metrics
	logger   *zap.Logger
}

// Destination is one of the places where webhooks go.
type Destination struct {
	// The name. It is needed, and must differ, where there are several.
	Name string `json:"name,omitempty"`

	// The routes that hand a webhook to its app.
	caddyhttp.Subroute

	fullName string // by which the store knows it
	of       *Deliver
	late     atomic.Int64 // first attempts that go on although their webhooks are stored
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
	identity := moduleJSON(d) // before defaults are filled in and modules are loaded
	app, err := ctx.App(appName)
	if err != nil {
		return err
	}
	d.app = app.(*App)
	if d.metrics, err = registerMetrics(ctx); err != nil {
		return err
	}
	// Destinations get requests that no server has received. Their handlers
	// may look at the server nevertheless.
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		d.server = server
	} else {
		d.server = new(caddyhttp.Server)
	}
	d.fillDefaults()
	if err := d.check(); err != nil {
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
	}
	return d.app.delivery.register(d, string(identity))
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
	}
	for _, delay := range d.Retry {
		if delay <= 0 {
			return errors.New("a delay of retry must be positive")
		}
	}
	names := make(map[string]bool)
	for _, to := range d.To {
		if names[to.Name] || to.Name == "" && len(d.To) > 1 {
			return errors.New("each destination needs a name of its own")
		}
		names[to.Name] = true
	}
	return nil
}

func (d *Deliver) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	saved, err := save(r)
	if err != nil {
		return err
	}
	if d.Mode == modeQueue || slices.ContainsFunc(d.To, (*Destination).hangs) {
		return d.queue(w, saved)
	}
	return d.spool(w, r, saved)
}

// maxLate bounds how many first attempts of a destination may go on after
// their senders were answered: each holds its webhook in memory.
const maxLate = 100

// hangs reports whether the destination's app has not answered so many
// webhooks that it is not asked about more: they are stored at once.
func (to *Destination) hangs() bool { return to.late.Load() >= maxLate }

// queue stores a webhook for all destinations and acknowledges it.
func (d *Deliver) queue(w http.ResponseWriter, saved *savedRequest) error {
	leftovers := make([]leftover, len(d.To))
	for i, to := range d.To {
		leftovers[i] = leftover{deliver.Target{Destination: to.fullName}, "queued", deliver.Failure{}}
	}
	if err := d.store(w, saved, leftovers); err != nil {
		return err
	}
	w.WriteHeader(d.Ack)
	return nil
}

// spool asks all destinations. What those have not taken in time is stored for
// them, and then the sender is answered.
func (d *Deliver) spool(w http.ResponseWriter, r *http.Request, saved *savedRequest) error {
	attempts := make([]*attempt, len(d.To))
	for i, to := range d.To {
		attempts[i] = to.begin(saved)
	}
	timer := time.NewTimer(d.patience(r))
	defer timer.Stop()
	for _, a := range attempts {
		select {
		case <-a.decided:
		case <-timer.C:
			timer.Reset(0) // for the others, too
		case <-r.Context().Done(): // the sender has given up; its webhook is not
			timer.Reset(0)
		}
	}
	if err := d.store(w, saved, d.undelivered(saved, attempts)); err != nil {
		release(attempts)
		return err
	}
	first := attempts[0]
	if first.late || first.outcome.Verdict == deliver.Failed {
		release(attempts)
		w.WriteHeader(d.Ack)
		return nil
	}
	release(attempts[1:])
	return first.pass(w, r)
}

// patience is how long the sender of a webhook may wait for the app.
func (d *Deliver) patience(r *http.Request) time.Duration {
	if d.Wait != 0 {
		return time.Duration(d.Wait)
	}
	if event, ok := VerifiedEvent(r); ok && event.AnswerWithin > 0 {
		return event.AnswerWithin * 5 / 6
	}
	return defaultWait
}

// leftover is a destination that a webhook has to be stored for.
type leftover struct {
	target  deliver.Target
	reason  string          // queued, failed, late or refused
	failure deliver.Failure // of the first attempt
}

// undelivered returns what has to be stored after the first attempts.
func (d *Deliver) undelivered(saved *savedRequest, attempts []*attempt) []leftover {
	var leftovers []leftover
	now := time.Now()
	for i, a := range attempts {
		l := leftover{target: deliver.Target{Destination: a.to.fullName, Attempts: 1}}
		if a.undecided() {
			a.late = true
			l.reason = "late"
			saved.Late = a.keepTrack(saved.Late)
			l.target.Due, _ = d.schedule.Next(now, 1, 0)
			leftovers = append(leftovers, l)
			continue
		}
		d.countAttempt(a.to.fullName, a.outcome)
		l.failure = a.outcome.Failure
		switch a.outcome.Verdict {
		case deliver.Failed:
			l.reason = "failed"
			l.target.Failure = l.failure
			l.target.Due, _ = d.schedule.Next(now, 1, a.outcome.RetryAfter)
			leftovers = append(leftovers, l)
		case deliver.Refused:
			if i > 0 { // the sender is not told
				l.reason = "refused"
				l.target.Dead = &l.failure
				leftovers = append(leftovers, l)
			}
		}
	}
	return leftovers
}

// Bounds of storing.
const (
	storeTimeout    = 3 * time.Second
	storeRetryAfter = 30 // seconds after which a sender may try again
)

// store stores a webhook for destinations, or refuses it in a way that makes
// its sender try again.
func (d *Deliver) store(w http.ResponseWriter, saved *savedRequest, leftovers []leftover) error {
	if len(leftovers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := d.append(ctx, saved, leftovers); err != nil {
		d.metrics.storeRefused.Inc()
		d.logger.Error("a webhook could not be stored; it is not acknowledged",
			zap.String("provider", saved.Event.Provider), zap.String("event", saved.Event.Name),
			zap.String("id", saved.Event.ID), zap.Error(err))
		w.Header().Set("Retry-After", strconv.Itoa(storeRetryAfter))
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("the webhook could not be stored"))
	}
	for i := range leftovers {
		d.noteStored(saved, &leftovers[i])
	}
	return nil
}

func (d *Deliver) append(ctx context.Context, saved *savedRequest, leftovers []leftover) error {
	store, err := d.app.delivery.opened(ctx)
	if err != nil {
		return err
	}
	record, err := saved.record(d.Name)
	if err != nil {
		return err
	}
	targets := make([]deliver.Target, len(leftovers))
	for i := range leftovers {
		targets[i] = leftovers[i].target
	}
	return store.Append(ctx, record, targets)
}

// noteStored tells the operator what was stored.
func (d *Deliver) noteStored(saved *savedRequest, l *leftover) {
	d.metrics.stored.WithLabelValues(l.target.Destination, l.reason).Inc()
	switch l.reason {
	case "queued":
	case "refused":
		d.app.delivery.died(&letter{
			destination: l.target.Destination, provider: saved.Event.Provider, event: saved.Event.Name,
			id: saved.Event.ID, attempts: 1, failure: l.failure,
		})
	default:
		d.logger.Warn("webhook is stored, to be delivered later",
			zap.String("destination", l.target.Destination), zap.String("because", l.reason),
			zap.Int("status", l.failure.Status), zap.String("failure", l.failure.Reason),
			zap.String("provider", saved.Event.Provider), zap.String("event", saved.Event.Name),
			zap.String("id", saved.Event.ID))
	}
}

// countAttempt counts an attempt by how it ended.
func (d *Deliver) countAttempt(destination string, outcome deliver.Outcome) {
	d.metrics.attempts.WithLabelValues(destination, verdictName(outcome.Verdict)).Inc()
}

func verdictName(verdict deliver.Verdict) string {
	switch verdict {
	case deliver.Delivered:
		return "delivered"
	case deliver.Refused:
		return "refused"
	default:
		return "failed"
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Deliver)(nil)
	_ caddyhttp.MiddlewareHandler = (*Deliver)(nil)
)
