package handlers

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// attempt hands a webhook to a destination once. It is the ResponseWriter of
// the destination's handlers: as soon as they write the status, the outcome is
// known, and whether the answer goes to the sender.
type attempt struct {
	to      *Destination
	saved   *savedRequest // what run makes the request of
	header  http.Header
	status  int             // 0: nothing was written
	outcome deliver.Outcome // how it ended; after decided
	err     error           // what the handlers returned if they wrote nothing; after over
	aborted bool            // they panicked in the middle of the answer; after over
	decided chan struct{}   // closed when outcome is known; if the answer goes straight to the sender, when over
	ended   atomic.Bool     // the handlers have returned
	holds   atomic.Int64    // bytes that count until then, see buffered

	direct     bool                // it is part of a direct, whose exchange closes decided
	sender     http.ResponseWriter // gets the answer, unless it is a failure or late; nil: nobody does
	senderRepl *caddy.Replacer     // of the sender's request
	others     *others             // destinations that are asked at the same time; nil: there are none

	course atomic.Int32    // undecided, inTime or tooLate
	known  bool            // the outcome is; only used by the handlers
	passes bool            // the answer goes to the sender; likewise
	repl   *caddy.Replacer // of the destination's request, if it is another one; likewise
}

// others is what there is to say between the attempt whose answer the sender
// gets, and who sees to other destinations.
type others struct {
	settled chan struct{} // closed when what they have not taken is stored, or cannot be
	failed  bool          // it cannot be; the sender gets another answer. After settled
	over    chan struct{} // closed when the attempt's handlers have returned
}

// The courses of an attempt.
const (
	undecided = iota
	inTime
	tooLate // whoever began it goes on without its outcome
)

func (to *Destination) newAttempt() *attempt {
	return &attempt{to: to, decided: make(chan struct{})}
}

// attempt makes an attempt of a stored delivery.
func (to *Destination) attempt(ctx context.Context, d *deliver.Delivery) deliver.Outcome {
	saved, err := restore(d.Record)
	if err != nil {
		return deliver.Outcome{Verdict: deliver.Refused, Failure: deliver.Failure{Reason: err.Error()}}
	}
	if outcome, ok := lateOutcome(ctx, saved.Late, to.fullName); ok && outcome.Verdict == deliver.Delivered {
		to.of.metrics.lateDelivered.Inc()
		to.of.logger.Info("an app that was late has taken the webhook; it is not delivered again",
			zap.String("destination", to.fullName), zap.String("id", d.Record.ID))
		return outcome
	}
	a := to.newAttempt()
	a.make(ctx, saved, d.Attempts+1)
	return a.outcome
}

// run makes a first attempt, also if the sender's request ends meanwhile.
func (a *attempt) run() { a.make(context.Background(), a.saved, 1) }

// make has the destination's handlers answer.
func (a *attempt) make(ctx context.Context, saved *savedRequest, number int) {
	defer a.end()
	defer a.catch()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.to.of.Timeout))
	defer cancel()
	r := saved.request(ctx, a.to.of.server, a, number)
	a.repl = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	a.conclude(a.to.answer(a, r))
}

// catch ends a panic of the destination's handlers, which must not end the
// process. http.ErrAbortHandler is what a proxy panics with whose upstream has
// broken off.
func (a *attempt) catch() {
	if p := recover(); p != nil {
		a.aborted = a.status != 0
		if p != http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
			a.tellPanic("a handler of a destination panicked", p)
		}
		a.decide(0, nil, errors.New("the destination's handlers panicked"))
	}
}

func (a *attempt) tellPanic(what string, p any) {
	a.to.of.logger.Error(what, zap.String("destination", a.to.fullName), zap.Any("panic", p), zap.Stack("stack"))
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
	a.outcome = deliver.Outcome{Verdict: a.to.of.verdict(status)}
	if a.outcome.Verdict == deliver.Delivered && err != nil {
		a.outcome.Verdict = deliver.Failed
	}
	if a.outcome.Verdict != deliver.Delivered {
		a.outcome.Failure = deliver.Failure{Status: status, Reason: http.StatusText(status)}
		a.outcome.RetryAfter = retryAfterOf(header, time.Now())
	}
	if err != nil {
		a.outcome.Failure.Reason = err.Error()
	}
	a.passes = a.makesIt() && a.sender != nil && a.outcome.Verdict != deliver.Failed
	if !a.direct && !a.straight() {
		close(a.decided)
	}
}

// makesIt reports whether the attempt is in time, and makes sure that it is not
// given up any more.
func (a *attempt) makesIt() bool {
	return a.course.CompareAndSwap(undecided, inTime) || a.course.Load() == inTime
}

// straight reports whether the answer goes to the sender without anybody's
// leave, so that nobody has to be woken before it has gone.
func (a *attempt) straight() bool { return a.passes && a.others == nil }

// end says that the handlers have returned.
func (a *attempt) end() {
	a.ended.Store(true)
	a.letGo()
	if a.others != nil {
		close(a.others.over)
	}
	if a.straight() {
		close(a.decided)
	}
}

// outlive has the webhook stay in memory, and count, until the attempt is over.
func (a *attempt) outlive(webhook *heldBody) {
	if a.ended.Load() {
		return
	}
	if webhook.source != nil {
		webhook.source.retain()
	}
	size := int64(len(webhook.content))
	buffered.Add(size)
	a.holds.Store(size)
	if a.ended.Load() {
		a.letGo()
	}
}

func (a *attempt) letGo() { buffered.Add(-a.holds.Swap(0)) }

// giveUp makes an attempt late, unless it is decided at the same time.
func (a *attempt) giveUp() {
	if !a.course.CompareAndSwap(undecided, tooLate) {
		<-a.decided
	}
}

// late reports whether it was given up.
func (a *attempt) late() bool { return a.course.Load() == tooLate }

// temporary are those of 4xx that do not mean that a request will never be
// taken: it came too late or too early, is in conflict with another, or there
// are too many.
var temporary = []int{
	http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
}

// verdict is what an app's status means. 0 is no answer.
func (d *Deliver) verdict(status int) deliver.Verdict {
	switch {
	case slices.Contains(d.Success, status) || slices.Contains(d.Success, status/100):
		return deliver.Delivered
	case status/100 == 4 && !slices.Contains(temporary, status):
		return deliver.Refused
	default:
		return deliver.Failed
	}
}

// retryAfterOf reads what an app asks for: seconds or a date.
func retryAfterOf(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Header implements http.ResponseWriter.
func (a *attempt) Header() http.Header {
	switch {
	case a.passes:
		return a.sender.Header()
	case a.header == nil:
		a.header = make(http.Header)
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter. It waits until the answer may go
// to the sender, if it does.
func (a *attempt) WriteHeader(status int) {
	if status < 200 || a.status != 0 { // in this order: interim ones are written by another goroutine
		return // there are no interim answers, and no upgrades
	}
	a.status = status
	a.decide(status, a.header, nil)
	if a.passes && a.others != nil {
		<-a.others.settled
		a.passes = !a.others.failed
	}
	if !a.passes {
		return
	}
	if !a.direct {
		a.passStatus(status)
	}
	maps.Copy(a.sender.Header(), a.header)
	a.sender.WriteHeader(status)
}

// passStatus tells map_status at the sender's request that a status is an app's.
func (a *attempt) passStatus(status int) {
	if proxied, ok := a.repl.Get(proxiedStatus); ok && proxied == status {
		a.senderRepl.Set(proxiedStatus, status)
	}
}

// Write implements http.ResponseWriter.
func (a *attempt) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.passes {
		return len(p), nil
	}
	return a.sender.Write(p)
}

// FlushError implements http.Flusher as http.ResponseController knows it.
func (a *attempt) FlushError() error {
	a.WriteHeader(http.StatusOK)
	if !a.passes {
		return nil
	}
	return http.NewResponseController(a.sender).Flush()
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

// lateAttempts are first attempts that were not over when their webhooks were
// stored, by savedRequest.Late and destination. They are not given up: what
// they come to is the outcome of the next attempt, if that is a success. Nothing
// else of them is kept.
var lateAttempts sync.Map

type lateAttempt struct {
	over    chan struct{} // closed when the outcome is known
	outcome deliver.Outcome
}

// lateMemory is how long it is remembered that a late attempt was a success.
const lateMemory = time.Hour

// keepTrack makes a late attempt known by a token, which it makes up if there
// is none yet, and returns it.
func (a *attempt) keepTrack(token string) string {
	if token == "" {
		token = uuid.NewString()
	}
	key := token + " " + a.to.fullName
	kept := &lateAttempt{over: make(chan struct{})}
	lateAttempts.Store(key, kept)
	a.to.late.Add(1)
	go func() {
		<-a.decided
		kept.outcome = a.outcome
		close(kept.over)
		a.to.late.Add(-1)
		a.to.attempts[a.outcome.Verdict].Inc()
		if a.outcome.Verdict != deliver.Delivered {
			lateAttempts.Delete(key)
			return
		}
		time.AfterFunc(lateMemory, func() { lateAttempts.Delete(key) })
	}()
	return token
}

// lateOutcome waits for a late first attempt, and returns what it came to. ok
// is false if there is none in this process.
func lateOutcome(ctx context.Context, token, destination string) (outcome deliver.Outcome, ok bool) {
	if token == "" {
		return outcome, false
	}
	found, ok := lateAttempts.Load(token + " " + destination)
	if !ok {
		return outcome, false
	}
	late := found.(*lateAttempt)
	select {
	case <-late.over:
		lateAttempts.Delete(token + " " + destination)
		return late.outcome, true
	case <-ctx.Done():
		return outcome, false
	}
}

// Interface guard
var _ http.ResponseWriter = (*attempt)(nil)
