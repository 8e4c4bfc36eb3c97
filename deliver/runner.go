package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Verdict is how an attempt ended.
type Verdict int

// The verdicts.
const (
	Failed    Verdict = iota // try again later
	Delivered                // the destination has it
	Refused                  // the destination will never take it
)

// Outcome is what came of an attempt.
type Outcome struct {
	Verdict    Verdict
	Failure    Failure       // why, if it was not delivered
	RetryAfter time.Duration // what the app asked for; 0: nothing
}

// Destination is where a Runner delivers.
type Destination struct {
	Name     string
	Schedule Schedule
	Gate     *Gate // nil: one with no limits but Concurrency

	// Attempt hands a delivery to the app. It returns soon after ctx has ended,
	// and may be called from several goroutines.
	Attempt func(ctx context.Context, d *Delivery) Outcome
}

// Events are told of what a Runner does. All functions must be set.
type Events struct {
	// Attempted is called after each attempt, with a record that has no body. Of an
	// attempt that somebody else settles there may be nothing but the destination.
	Attempted func(d *Delivery, outcome Outcome)

	// Died is called after a delivery has become a dead letter.
	Died func(d *Delivery, failure Failure)

	// Expired is called when deliveries were removed because of their age.
	Expired func(destination string, state State, count int)

	// Trouble is called when the store fails.
	Trouble func(destination string, err error)
}

// pause is how long a Runner waits after the store has failed.
const pause = time.Second

// Runner takes what is due out of a store and hands it to destinations, until
// it is stopped. Several may share a store, as before and after a reload.
type Runner struct {
	store        Store
	destinations []Destination
	events       Events
	maxAge       time.Duration // 0: for ever

	mu       sync.Mutex      // so that running does not grow after stop
	claims   context.Context // ends when no more is to be claimed
	stop     context.CancelFunc
	attempts context.Context // ends when attempts are to be cut short
	cut      context.CancelFunc
	running  sync.WaitGroup
}

// NewRunner starts a Runner. Dead letters that are older than maxAge are
// removed, and so is what waits for destinations that are not among those
// given; 0 is for ever.
func NewRunner(store Store, destinations []Destination, maxAge time.Duration, events Events) *Runner {
	r := &Runner{store: store, destinations: slices.Clone(destinations), events: events, maxAge: maxAge}
	r.claims, r.stop = context.WithCancel(context.Background())
	r.attempts, r.cut = context.WithCancel(context.Background())
	for i := range r.destinations {
		destination := &r.destinations[i]
		if destination.Gate == nil {
			destination.Gate = NewGate(Limits{})
		}
		r.running.Go(func() { r.serve(destination) })
	}
	if maxAge > 0 {
		r.running.Go(r.expire)
	}
	return r
}

// Stop claims no more and waits for the attempts that are being made. Those
// that are not over when ctx ends are cut short, and due again.
func (r *Runner) Stop(ctx context.Context) {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.running.Wait()
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
	r.cut()
	<-over
}

// serve delivers to one destination.
func (r *Runner) serve(destination *Destination) {
	for {
		room := destination.Gate.room(r.claims)
		if room == 0 {
			return // stopped
		}
		deliveries, err := r.store.Claim(r.claims, destination.Name, room)
		for _, d := range deliveries {
			r.begin(destination, d)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, ErrClosed) || r.claims.Err() != nil {
			return
		}
		r.events.Trouble(destination.Name, err)
		r.sleep(pause)
	}
}

// begin begins an attempt on a goroutine of its own, if it may begin. The outcome
// is settled when the attempt no longer counts: an engine may take a while.
func (r *Runner) begin(destination *Destination, d *Delivery) {
	gate := destination.Gate
	gate.mu.Lock()
	pass, may := gate.begin(true)
	gate.mu.Unlock()
	if !may || r.claims.Err() != nil || r.store.Paused(destination.Name) {
		if may {
			pass.Cut()
		}
		r.store.Release(d)
		return
	}
	gate.settle(+1)
	r.running.Go(func() {
		defer gate.settle(-1)
		outcome := r.attempt(destination, d)
		if outcome.Verdict == Failed && r.attempts.Err() != nil {
			pass.Cut()
		} else {
			pass.End(outcome)
		}
		d.Record.Body = nil
		r.settle(destination, d, outcome, pass.probe)
	})
}

// sleep waits, unless the Runner is stopped.
func (r *Runner) sleep(long time.Duration) {
	select {
	case <-time.After(long):
	case <-r.claims.Done():
	}
}

// Finish settles a delivery of which the caller makes the attempt, as soon as await
// returns what has come of it. The context of await ends when attempts are cut
// short. Stop waits for it, unless it was called before. There is no delivery if
// somebody else has the lease: then the attempt is only told of.
func (r *Runner) Finish(destination string, d *Delivery, await func(context.Context) Outcome) {
	finish := func() {
		outcome := await(r.attempts)
		if d == nil {
			r.events.Attempted(&Delivery{Destination: destination, Record: new(Record)}, outcome)
			return
		}
		for i := range r.destinations {
			if r.destinations[i].Name == destination {
				r.settle(&r.destinations[i], d, outcome, false)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.claims.Err() != nil {
		go finish()
		return
	}
	r.running.Go(finish)
}

// settle writes down what has come of an attempt. One that was a probe of the
// breaker does not count, since it was made for all that wait: unless the delivery
// has waited for longer than its schedule says, which must end.
func (r *Runner) settle(destination *Destination, d *Delivery, outcome Outcome, probe bool) {
	if outcome.Verdict != Delivered && r.attempts.Err() != nil {
		r.store.Release(d) // it was cut short, which says nothing of the app
		return
	}
	r.events.Attempted(d, outcome)
	now := r.store.Now()
	settle := func() error { return r.store.Done(context.Background(), d) }
	due, more := destination.Schedule.Next(now, d.Attempts+1, outcome.RetryAfter)
	switch {
	case outcome.Verdict == Delivered:
	case outcome.Verdict == Failed && probe && now.Sub(d.Stored) < destination.Schedule.Span():
		pause := max(destination.Gate.breakPause(), min(outcome.RetryAfter, MaxRetryAfter))
		settle = func() error {
			return r.store.Postpone(context.Background(), d, r.store.Now().Add(pause), outcome.Failure)
		}
	case outcome.Verdict == Failed && more:
		delay := due.Sub(now) // from when it is noted: the clock may be set meanwhile
		settle = func() error { return r.store.Retry(context.Background(), d, r.store.Now().Add(delay), outcome.Failure) }
	default:
		settle = func() error {
			err := r.store.Dead(context.Background(), d, outcome.Failure)
			if err == nil {
				r.events.Died(d, outcome.Failure)
			}
			return err
		}
	}
	// What cannot be noted would be attempted again and again.
	for {
		err := settle()
		if err == nil {
			return
		}
		r.events.Trouble(destination.Name, err)
		if errors.Is(err, ErrClosed) || r.claims.Err() != nil {
			r.store.Release(d)
			return
		}
		r.sleep(pause)
	}
}

// attempt makes one attempt. A panic is one that failed: it must not end the
// process, nor keep others from being delivered.
func (r *Runner) attempt(destination *Destination, d *Delivery) (outcome Outcome) {
	defer func() {
		if p := recover(); p != nil {
			outcome = Outcome{Failure: Failure{Reason: fmt.Sprintf("panic: %T", p)}}
		}
	}()
	return destination.Attempt(r.attempts, d)
}

// expireEvery is how often what is too old is looked for.
const expireEvery = time.Hour

// expire removes what is too old, until the Runner is stopped.
func (r *Runner) expire() {
	served := make(map[string]bool, len(r.destinations))
	for i := range r.destinations {
		served[r.destinations[i].Name] = true
	}
	for r.claims.Err() == nil {
		all, err := r.store.Stats(r.claims)
		if err != nil && r.claims.Err() == nil {
			r.events.Trouble("", err)
		}
		for i := range all {
			r.expireOf(all[i].Destination, Dead)
			if !served[all[i].Destination] {
				r.expireOf(all[i].Destination, Waiting)
			}
		}
		r.sleep(expireEvery)
	}
}

func (r *Runner) expireOf(destination string, state State) {
	filter := Filter{State: state, Destination: destination, Until: r.store.Now().Add(-r.maxAge)}
	removed, err := r.store.Remove(r.claims, filter)
	if removed > 0 {
		r.events.Expired(destination, state, removed)
	}
	if err != nil && r.claims.Err() == nil {
		r.events.Trouble(destination, err)
	}
}
