package delivery

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// maxLeft bounds how many first attempts of a destination may go on after their
// senders were answered: each has a connection, and holds its webhook.
const maxLeft = 100

// outliving is how many bytes of bodies are kept for attempts whose senders have
// been answered. They no longer count in max_buffered: what is stored refuses
// nobody else's webhook.
var outliving atomic.Int64

// outlivingBudget is how much that may be.
func (d *Manager) outlivingBudget() int64 { return d.budget / 4 }

// hangs reports whether the destination's app has not answered so many webhooks,
// or so large ones, that it is not asked about more: they are stored at once.
func (to *Destination) hangs() bool {
	left := to.left.Load()
	return left >= maxLeft || left > 0 && outliving.Load() >= to.of.delivery.outlivingBudget()
}

// way is how a webhook is to be delivered, as far as that depends on it.
type way struct {
	lane     string        // what is in order with it
	delay    time.Duration // in the mode queue
	patience time.Duration // of its sender
}

func (d *Deliver) wayOf(event *route.Event) (w way, err error) {
	if w.lane, err = d.laneOf(event); err == nil {
		w.delay, err = d.delayOf(event)
	}
	w.patience = d.patience(event)
	return w, err
}

// unordered is the answer to a webhook of which cannot be said how it is to be
// delivered. It is not acknowledged.
func (d *Deliver) unordered(event *route.Event, err error) error {
	d.logger.Error("a webhook cannot be delivered as configured; it is not acknowledged",
		webhook.EndpointOf(event).Field(), zap.String("event", event.Name), zap.String("id", event.ID), zap.Error(err))
	return caddyhttp.Error(http.StatusInternalServerError, errors.New("order or delay of the webhook failed"))
}

// queue stores a webhook for all destinations and acknowledges it.
func (d *Deliver) queue(w http.ResponseWriter, saved *savedRequest, way way, reason string) error {
	leftovers := make([]leftover, len(d.To))
	for i, to := range d.To {
		leftovers[i] = leftover{target: deliver.Target{Destination: to.fullName, Lane: way.lane}, reason: reason}
		if way.delay > 0 {
			leftovers[i].target.Due = d.delivery.now().Add(way.delay)
		}
	}
	if err := d.store(w, saved, leftovers); err != nil {
		return err
	}
	w.WriteHeader(d.Ack)
	return nil
}

// spool asks all destinations, and the answer of the first goes to the sender.
// What they have not taken in time is stored for them before that. See attempt
// for who does what meanwhile.
func (d *Deliver) spool(w http.ResponseWriter, r *http.Request, saved *savedRequest, way way, entered *entered) error {
	attempts := make([]attempt, len(d.To))
	first := &attempts[0]
	first.sender, first.senderRepl = w, r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if len(attempts) > 1 {
		first.others = &others{settled: make(chan struct{}), over: make(chan struct{})}
	}
	began := time.Now()
	for i, to := range d.To {
		attempts[i].pass = entered.pass(i)
		to.begin(&attempts[i], saved)
	}
	defer func() {
		for i := range attempts {
			attempts[i].detach(r)
		}
	}()
	d.await(r, way.patience, attempts)
	if leftovers := d.undelivered(attempts, began, way.lane); len(leftovers) > 0 {
		if err := d.store(w, saved, leftovers); err != nil {
			first.settle(false)
			entered.leaveWith(attempts)
			return err
		}
	}
	switch {
	case first.late() || first.outcome.Verdict == deliver.Failed:
		w.WriteHeader(d.Ack)
		return nil
	case first.outcome.Verdict == deliver.Refused && !alone(attempts):
		first.settle(false)
		w.WriteHeader(d.Ack)
		return nil
	}
	first.settle(true)
	return first.result()
}

// await waits until all attempts are decided, or late.
func (d *Deliver) await(r *http.Request, patience time.Duration, attempts []attempt) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for i := range attempts {
		a := &attempts[i]
		select {
		case <-a.decided:
			continue
		case <-timer.C:
		case <-r.Context().Done(): // the sender has given up; its webhook is not
		}
		timer.Reset(0) // for the others, too
		a.giveUp()
	}
}

// patience is how long the sender of a webhook may wait for the app.
func (d *Deliver) patience(event *route.Event) time.Duration {
	switch {
	case d.Wait != 0:
		return time.Duration(d.Wait)
	case event.AnswerWithin > 0:
		return event.AnswerWithin * 5 / 6
	default:
		return defaultWait
	}
}

// Why a webhook is stored.
const (
	reasonQueued  = "queued" // in the mode queue each one is
	reasonHeld    = "held"   // the app was not asked: see enter
	reasonFailed  = "failed"
	reasonLate    = "late"
	reasonRefused = "refused" // as a dead letter
)

var storedReasons = []string{reasonQueued, reasonHeld, reasonFailed, reasonLate, reasonRefused}

// leftover is a destination that a webhook has to be stored for.
type leftover struct {
	target  deliver.Target
	reason  string            // one of storedReasons
	failure deliver.Failure   // of the first attempt
	late    *attempt          // that goes on; else nil
	lease   *deliver.Delivery // what that one settles, when it is stored; nil if somebody else does
}

// undelivered returns what has to be stored after the first attempts.
func (d *Deliver) undelivered(attempts []attempt, began time.Time, lane string) (leftovers []leftover) {
	for i := range attempts {
		a := &attempts[i]
		late := a.late()
		if !late {
			a.to.attempts[a.outcome.Verdict].Inc()
			if a.outcome.Verdict == deliver.Delivered || a.outcome.Verdict == deliver.Refused && i == 0 && alone(attempts) {
				continue // it is done, or the sender is told
			}
		}
		l := leftover{target: deliver.Target{Destination: a.to.fullName, Attempts: 1, Lane: lane}}
		switch {
		case late:
			l.reason, l.late = reasonLate, a
			l.target.LeaseEnd = began.Add(time.Duration(d.Timeout))
			l.target.Due, _ = d.schedule.Next(d.delivery.now(), 1, 0)
		case a.outcome.Verdict == deliver.Failed:
			l.reason, l.failure = reasonFailed, a.outcome.Failure
			l.target.Failure = l.failure
			l.target.Due, _ = d.schedule.Next(d.delivery.now(), 1, a.outcome.RetryAfter)
		default:
			l.reason, l.failure = reasonRefused, a.outcome.Failure
			l.target.Dead = &l.failure
		}
		leftovers = append(leftovers, l)
	}
	return leftovers
}

// alone reports whether no destination but the first has taken a webhook, or may take
// it yet: then its answer is the sender's. Else the sender would try again, and the
// others would have it once more.
func alone(attempts []attempt) bool {
	for i := range attempts[1:] {
		if a := &attempts[1+i]; a.late() || a.outcome.Verdict != deliver.Refused {
			return false
		}
	}
	return true
}

// Bounds of storing.
const (
	storeTimeout    = 3 * time.Second
	storeRetryAfter = 30 // seconds after which a sender may try again
)

// store stores a webhook for destinations, or refuses it in a way that makes
// its sender try again.
func (d *Deliver) store(w http.ResponseWriter, saved *savedRequest, leftovers []leftover) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := d.append(ctx, saved, leftovers); err != nil {
		d.metrics.StoreRefused.Inc()
		d.logger.Error("a webhook could not be stored; it is not acknowledged",
			saved.endpoint().Field(), zap.String("event", saved.Event.Name),
			zap.String("id", saved.Event.ID), zap.Error(err))
		w.Header().Set("Retry-After", strconv.Itoa(storeRetryAfter))
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("the webhook could not be stored"))
	}
	for i := range leftovers {
		l := &leftovers[i]
		d.noteStored(saved, l)
		if l.late != nil {
			d.delivery.runner.Finish(l.target.Destination, l.lease, l.late.awaitLate)
		}
	}
	return nil
}

func (d *Deliver) append(ctx context.Context, saved *savedRequest, leftovers []leftover) error {
	store, err := d.delivery.opened(ctx)
	if err != nil {
		return err
	}
	record, err := saved.record(d.Name)
	if err != nil {
		return err
	}
	targets := make([]deliver.Target, len(leftovers))
	for i := range leftovers {
		l := &leftovers[i]
		targets[i] = l.target
		if l.late != nil {
			targets[i].Lease = func(lease *deliver.Delivery) { l.lease = lease }
		}
	}
	return store.Append(ctx, record, targets)
}

// noteStored tells the operator what was stored.
func (d *Deliver) noteStored(saved *savedRequest, l *leftover) {
	d.metrics.Stored.WithLabelValues(l.target.Destination, l.reason).Inc()
	switch l.reason {
	case reasonQueued, reasonHeld:
	case reasonRefused:
		d.delivery.died(&letter{
			destination: l.target.Destination, endpoint: saved.endpoint(), event: saved.Event.Name,
			id: saved.Event.ID, ref: saved.Event.Ref, attempts: 1, failure: l.failure,
		})
	default:
		d.logger.Warn("webhook is stored, to be delivered later",
			zap.String("destination", l.target.Destination), zap.String("because", l.reason),
			zap.Int("status", l.failure.Status), zap.String("failure", l.failure.Reason),
			saved.endpoint().Field(), zap.String("event", saved.Event.Name),
			zap.String("id", saved.Event.ID))
	}
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
