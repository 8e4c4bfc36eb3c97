package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// maxLate bounds how many first attempts of a destination may go on after
// their senders were answered: each holds its webhook in memory.
const maxLate = 100

// hangs reports whether the destination's app has not answered so many
// webhooks that it is not asked about more: they are stored at once.
func (to *Destination) hangs() bool { return to.late.Load() >= maxLate }

// queue stores a webhook for all destinations and acknowledges it.
func (d *Deliver) queue(w http.ResponseWriter, r *http.Request, event *route.Event) error {
	leftovers := make([]leftover, len(d.To))
	for i, to := range d.To {
		leftovers[i] = leftover{deliver.Target{Destination: to.fullName}, "queued", deliver.Failure{}}
	}
	if err := d.store(w, save(r, event), leftovers); err != nil {
		return err
	}
	w.WriteHeader(d.Ack)
	return nil
}

// spool asks all destinations, and the answer of the first goes to the sender.
// What they have not taken in time is stored for them before that.
func (d *Deliver) spool(w http.ResponseWriter, r *http.Request, v *verified) error {
	var alone [1]*attempt
	attempts := alone[:]
	if d.To[0].onlyProxies && len(d.To) == 1 {
		alone[0] = d.askDirectly(w, r, v)
	} else {
		attempts = d.askAll(w, r, v.event)
	}
	first := attempts[0]
	if leftovers, token := d.undelivered(attempts); len(leftovers) > 0 {
		saved := save(r, v.event)
		saved.Late = token
		if err := d.store(w, saved, leftovers); err != nil {
			first.settle(false)
			return err
		}
	}
	if first.late() || first.outcome.Verdict == deliver.Failed {
		w.WriteHeader(d.Ack)
		return nil
	}
	first.settle(true)
	return first.result()
}

// askAll asks all destinations, each on a goroutine and with a request of its own.
func (d *Deliver) askAll(w http.ResponseWriter, r *http.Request, event *route.Event) []*attempt {
	attempts := make([]*attempt, len(d.To))
	for i, to := range d.To {
		attempts[i] = to.newAttempt()
	}
	first := attempts[0]
	first.sender, first.senderRepl = w, r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if len(attempts) > 1 {
		first.others = &others{settled: make(chan struct{}), over: make(chan struct{})}
	}
	for _, a := range attempts {
		a.saved = save(r, event)
		d.crew.have(a)
	}
	d.await(r, event, attempts)
	return attempts
}

// await waits until all attempts are decided, or late.
func (d *Deliver) await(r *http.Request, event *route.Event, attempts []*attempt) {
	timer := time.NewTimer(d.patience(event))
	defer timer.Stop()
	for _, a := range attempts {
		select {
		case <-a.decided:
			continue
		case <-timer.C:
		case <-r.Context().Done(): // the sender has given up; its webhook is not
		}
		timer.Reset(0) // for the others, too
		a.giveUp()
	}
	if held := heldBodyOf(r); held != nil {
		for _, a := range attempts {
			a.outlive(held)
		}
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

// leftover is a destination that a webhook has to be stored for.
type leftover struct {
	target  deliver.Target
	reason  string          // queued, failed, late or refused
	failure deliver.Failure // of the first attempt
}

// undelivered returns what has to be stored after the first attempts, and by what
// token those are known that go on.
func (d *Deliver) undelivered(attempts []*attempt) (leftovers []leftover, token string) {
	for i, a := range attempts {
		if !a.late() {
			a.to.attempts[a.outcome.Verdict].Inc()
			if a.outcome.Verdict == deliver.Delivered || a.outcome.Verdict == deliver.Refused && i == 0 {
				continue // it is done, or the sender is told
			}
		}
		l := leftover{target: deliver.Target{Destination: a.to.fullName, Attempts: 1}}
		switch {
		case a.late():
			l.reason = "late"
			token = a.keepTrack(token)
			l.target.Due, _ = d.schedule.Next(time.Now(), 1, 0)
		case a.outcome.Verdict == deliver.Failed:
			l.reason, l.failure = "failed", a.outcome.Failure
			l.target.Failure = l.failure
			l.target.Due, _ = d.schedule.Next(time.Now(), 1, a.outcome.RetryAfter)
		default:
			l.reason, l.failure = "refused", a.outcome.Failure
			l.target.Dead = &l.failure
		}
		leftovers = append(leftovers, l)
	}
	return leftovers, token
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
