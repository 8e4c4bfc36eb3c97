package delivery

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// attempt hands a webhook to a destination once. It is the ResponseWriter of the
// destination's handlers: as soon as they write the status, the outcome is known,
// and whether the answer goes to the sender.
//
// A delivery that was stored is attempted on the goroutine of the store's Runner,
// without a sender. A first attempt has two goroutines, because the exchange with
// the app may outlive the sender's request. The sender's goroutine makes one
// savedRequest, begins the attempts of all destinations and waits; each attempt has
// a goroutine, and a request made of that savedRequest, of its own. Which of
// them is first, the outcome or the end of the wait, decides the course, once:
//
//	sender's goroutine               course       attempt's goroutine
//
//	begin: await ───────────────── undecided ──── the handlers run
//	  │                                 │           │
//	  │ decided ◀─────────────────── inTime ◀────── decide: the status is written, or
//	  │                                 or          │       they return without one
//	  │ giveUp ─────────────────────▶ tooLate       │
//	  │                                 │           │
//	inTime:  stores what has failed; settle lets    │ inTime, it passes: waits for settle if
//	         the answer go; result waits for its    │   there are others, writes to the sender
//	         end                                    │ else: what is written is discarded
//	tooLate: stores the webhook with a lease,       │
//	         acknowledges it, keeps the body        │ tooLate: the outcome is settled in the
//	         it and leaves                          │   store, on a goroutine of its Runner
//	                                                ▼
//	                                              end: lets go of the body
//
// The sender's ResponseWriter is the attempt's from decide to end if the answer
// passes, and the sender's goroutine waits for that; in all other cases the attempt
// never touches it. The body is everybody's to read. When the sender's goroutine
// leaves before the attempt's end, the body no longer counts in max_buffered but
// among those that outlive their senders, of which there may be less.
type attempt struct {
	to      *Destination
	saved   *savedRequest // what its request is made of
	header  http.Header
	status  int             // 0: nothing was written
	outcome deliver.Outcome // how it ended; after decided
	err     error           // what the handlers returned if they wrote nothing; after over
	aborted bool            // they panicked in the middle of the answer; after over
	decided chan struct{}   // closed when outcome is known; if the answer goes straight to the sender, at the end

	sender     http.ResponseWriter // gets the answer, unless it is a failure or late; nil: nobody does
	senderRepl *caddy.Replacer     // of the sender's request
	others     *others             // destinations that are asked at the same time; nil: there are none

	pass *deliver.Pass // of a first attempt that was asked for; it ends when the outcome is known

	ctx context.Context    // of the exchange
	cut context.CancelFunc // ends it before its time

	mu     sync.Mutex
	course course
	over   bool   // the handlers have returned
	leave  func() // to be called then, if it is set
	left   bool   // the sender's goroutine has left it behind
	keeps  int64  // bytes of the body that are kept since

	known  bool            // the outcome is; only used by the handlers
	passes bool            // the answer goes to the sender; likewise
	repl   *caddy.Replacer // of the destination's request; likewise
}

// others is what there is to say between the attempt whose answer the sender
// gets, and who sees to other destinations.
type others struct {
	settled chan struct{} // closed when what they have not taken is stored, or cannot be
	failed  bool          // it cannot be; the sender gets another answer. After settled
	over    chan struct{} // closed when the attempt's handlers have returned
}

// course is whether an attempt is decided before its sender stops waiting.
type course int

const (
	undecided course = iota
	inTime
	tooLate // whoever began it goes on without its outcome
)

// begin begins a first attempt, which goes on if the sender's request ends.
func (to *Destination) begin(a *attempt, saved *savedRequest) {
	a.to, a.saved, a.decided = to, saved, make(chan struct{})
	a.ctx, a.cut = context.WithTimeout(context.Background(), time.Duration(to.of.Timeout))
	go a.make(1)
}

// attemptStored makes an attempt of a stored delivery.
func (to *Destination) attemptStored(ctx context.Context, d *deliver.Delivery) deliver.Outcome {
	saved, err := restore(d.Record)
	if err != nil {
		return deliver.Outcome{Verdict: deliver.Refused, Failure: deliver.Failure{Reason: err.Error()}}
	}
	a := &attempt{to: to, saved: saved, decided: make(chan struct{})}
	a.ctx, a.cut = context.WithTimeout(ctx, time.Duration(to.of.Timeout))
	a.make(d.Made + 1)
	return a.outcome
}

// make has the destination's handlers answer.
func (a *attempt) make(number int) {
	defer a.end()
	defer a.cut()
	r, span := a.trace(a.saved.request(a.ctx, a.to.of.server, a, number), number)
	defer func() { endSpan(span, a.outcome) }()
	defer a.catch()
	a.repl = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	v, _ := webhook.VerifiedOf(r)
	v.Buffer.Budget = a.to.of.delivery.budget // of its own, since the sender may be gone
	defer v.Buffer.Discharge()
	a.conclude(a.to.serve(a, r))
}

// catch ends a panic of the destination's handlers, which must not end the
// process. http.ErrAbortHandler is what a proxy panics with whose upstream has
// broken off.
func (a *attempt) catch() {
	if p := recover(); p != nil {
		a.aborted = a.status != 0
		if p != http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
			a.to.of.logger.Error("a handler of a destination panicked",
				zap.String("destination", a.to.fullName), zap.Any("panic", p), zap.Stack("stack"))
		}
		a.decide(0, nil, errors.New("the destination's handlers panicked"))
	}
}

// conclude sees to what the destination's handlers return if they have written
// nothing.
func (a *attempt) conclude(err error) {
	if a.status != 0 {
		return
	}
	a.err = err
	if err == nil {
		err = errors.New("no directive answers at the destination")
	}
	status := 0
	if handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		status = handlerErr.StatusCode
		if handlerErr.Err != nil {
			err = handlerErr.Err // without the place in Caddy's code
		}
	}
	a.decide(status, a.header, err)
}

// decide notes the outcome, unless it is known already.
func (a *attempt) decide(status int, header http.Header, err error) {
	if a.known {
		return
	}
	a.known = true
	if a.saved.Event.Refusal == "" { // what is said to a stranger tells nothing of the app
		a.to.of.metrics.AppAnswered(webhook.Endpoint{Provider: a.saved.Event.Provider, Name: cmp.Or(a.saved.Event.Endpoint, a.saved.Event.Provider)}, a.status)
	}
	a.outcome = deliver.Outcome{Verdict: a.to.of.verdict(status)}
	cut := a.outcome.Verdict == deliver.Refused && a.ctx.Err() != nil // the proxy calls it 499, and not the app
	if a.outcome.Verdict == deliver.Delivered && err != nil || cut {
		a.outcome.Verdict = deliver.Failed
	}
	if a.outcome.Verdict != deliver.Delivered {
		a.outcome.Failure = deliver.Failure{Status: status, Reason: http.StatusText(status)}
		a.outcome.RetryAfter = retryAfterOf(header, time.Now())
	}
	if err != nil {
		a.outcome.Failure.Reason = err.Error()
	}
	if a.pass != nil {
		a.pass.End(a.outcome) // before the sender knows, whose next webhook may need the room
	}
	a.passes = a.claimInTime() && a.sender != nil && a.outcome.Verdict != deliver.Failed
	if !a.passesAlone() {
		close(a.decided)
	}
}

// claimInTime reports whether the attempt is in time, and makes sure that it is not
// given up any more.
func (a *attempt) claimInTime() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.course == undecided {
		a.course = inTime
	}
	return a.course == inTime
}

// passesAlone reports whether the answer goes to the sender without anybody's leave.
// Then decided is closed when it has gone: to wake the sender's goroutine before
// would only have it wait again.
func (a *attempt) passesAlone() bool { return a.passes && a.others == nil }

// end says that the handlers have returned, and lets go of what was kept for them.
func (a *attempt) end() {
	a.mu.Lock()
	a.over = true
	if a.left {
		a.to.left.Add(-1)
		outliving.Add(-a.keeps)
	}
	leave := a.leave
	a.mu.Unlock()
	if leave != nil {
		leave()
	}
	if a.others != nil {
		close(a.others.over)
	}
	if a.passesAlone() {
		close(a.decided)
	}
}

// detach says that the sender's goroutine leaves the attempt behind, and keeps the
// body for it as long as it takes. There is room for so many, and so much, only;
// what is more is cut short.
func (a *attempt) detach(r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.left = true
	if held := webhook.BodyOf(r); held != nil {
		a.keeps = int64(len(held.Content))
		if held.Buffer != nil {
			held.Buffer.Retain()
		}
	}
	left, kept := a.to.left.Add(1), outliving.Add(a.keeps)
	if left > maxLeft || kept > a.to.of.delivery.outlivingBudget() {
		a.cut()
	}
}

// leaveAtEnd calls leave when the handlers have returned.
func (a *attempt) leaveAtEnd(leave func()) {
	a.mu.Lock()
	if !a.over {
		a.leave = leave
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	leave()
}

// giveUp makes an attempt late, unless it is decided at the same time.
func (a *attempt) giveUp() {
	a.mu.Lock()
	if a.course == undecided {
		a.course = tooLate
	}
	late := a.course == tooLate
	a.mu.Unlock()
	if !late {
		<-a.decided
	}
}

// late reports whether it was given up.
func (a *attempt) late() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.course == tooLate
}

// settle lets the answer go to the sender, unless what other destinations have not
// taken could not be stored.
func (a *attempt) settle(stored bool) {
	if a.others != nil {
		a.others.failed = !stored
		close(a.others.settled)
	}
}

// result waits until the answer is with the sender, and returns the error that
// stands for it if there is none.
func (a *attempt) result() error {
	if a.others != nil {
		<-a.others.over
	}
	if a.aborted {
		panic(http.ErrAbortHandler)
	}
	return a.err
}

// awaitLate returns what a late attempt comes to. It is cut short when the context
// ends: then it is as if it had not been made.
func (a *attempt) awaitLate(ctx context.Context) deliver.Outcome {
	select {
	case <-a.decided:
	case <-ctx.Done():
		a.cut()
		<-a.decided
	}
	if a.outcome.Verdict == deliver.Delivered {
		a.to.of.metrics.LateDelivered.Inc()
		a.to.of.logger.Info("an app that was late has taken the webhook; it is not delivered again",
			zap.String("destination", a.to.fullName), zap.String("id", a.saved.Event.ID))
	}
	return a.outcome
}
