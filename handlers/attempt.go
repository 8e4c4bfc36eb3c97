package handlers

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// attempt hands a webhook to a destination once. It is the ResponseWriter of
// the destination's handlers: as soon as they write the status, the outcome is
// known. Where the answer goes is decided by another goroutine; until then they
// wait.
type attempt struct {
	to      *Destination
	header  http.Header
	status  int             // 0: nothing was written
	decided chan struct{}   // closed when outcome is known
	over    chan struct{}   // closed when the handlers have returned
	outcome deliver.Outcome // how it ended; after decided
	err     error           // what the handlers returned if they wrote nothing; after over
	aborted bool            // they panicked in the middle of the answer; after over

	answer    http.ResponseWriter // where the answer goes; nil: nowhere. After directed
	directed  chan struct{}       // closed when that is decided
	direction sync.Once

	repl   *caddy.Replacer // of the destination's request; set before its handlers run
	sender *caddy.Replacer // of the sender's request, if the answer goes to it; after directed

	late bool // it was not decided in time; only used by who began it
}

func (to *Destination) newAttempt() *attempt {
	return &attempt{
		to: to, header: make(http.Header),
		decided: make(chan struct{}), over: make(chan struct{}), directed: make(chan struct{}),
	}
}

// begin starts the first attempt, which goes on when the sender's request is
// over. Its answer waits for pass or release.
func (to *Destination) begin(saved *savedRequest) *attempt {
	a := to.newAttempt()
	go a.run(context.Background(), saved, 1)
	return a
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
	a.direct(nil)
	a.run(ctx, saved, d.Attempts+1)
	return a.outcome
}

// run has the destination's handlers answer.
func (a *attempt) run(ctx context.Context, saved *savedRequest, number int) {
	defer close(a.over)
	defer func() {
		// A panic must not end the process. http.ErrAbortHandler is what a
		// proxy panics with whose upstream has broken off.
		if p := recover(); p != nil {
			a.aborted = a.status != 0
			if p != http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
				a.to.of.logger.Error("a handler of a destination panicked",
					zap.String("destination", a.to.fullName), zap.Any("panic", p), zap.Stack("stack"))
			}
			a.decide(0, errors.New("the destination's handlers panicked"))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.to.of.Timeout))
	defer cancel()
	r := saved.request(ctx, a.to.of.server, a, number)
	a.repl = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	err := a.to.ServeHTTP(a, r, emptyHandler)
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
	a.decide(status, err)
}

// emptyHandler ends a chain without an answer.
var emptyHandler = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// decide notes the outcome, unless it is known already.
func (a *attempt) decide(status int, err error) {
	select {
	case <-a.decided:
		return
	default:
	}
	a.outcome = deliver.Outcome{Verdict: a.to.of.verdict(status)}
	if a.outcome.Verdict == deliver.Delivered && err != nil {
		a.outcome.Verdict = deliver.Failed
	}
	if a.outcome.Verdict != deliver.Delivered {
		a.outcome.Failure = deliver.Failure{Status: status, Reason: http.StatusText(status)}
		a.outcome.RetryAfter = retryAfterOf(a.header, time.Now())
	}
	if err != nil {
		a.outcome.Failure.Reason = err.Error()
	}
	close(a.decided)
}

// undecided reports whether the outcome is not known yet.
func (a *attempt) undecided() bool {
	select {
	case <-a.decided:
		return false
	default:
		return true
	}
}

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
func (a *attempt) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. It waits until it is decided
// where the answer goes.
func (a *attempt) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return // there are no interim answers, and no upgrades
	}
	a.status = status
	a.decide(status, nil)
	<-a.directed
	if a.answer != nil {
		if proxied, ok := a.repl.Get(proxiedStatus); ok && proxied == status {
			a.sender.Set(proxiedStatus, status) // for map_status: it is an app's answer
		}
		maps.Copy(a.answer.Header(), a.header)
		a.answer.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *attempt) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.answer == nil {
		return len(p), nil
	}
	return a.answer.Write(p)
}

// FlushError implements http.Flusher as http.ResponseController knows it.
func (a *attempt) FlushError() error {
	a.WriteHeader(http.StatusOK)
	if a.answer == nil {
		return nil
	}
	return http.NewResponseController(a.answer).Flush()
}

// direct decides where the answer goes.
func (a *attempt) direct(answer http.ResponseWriter) {
	a.direction.Do(func() {
		a.answer = answer
		close(a.directed)
	})
}

// release drops the answers of attempts.
func release(attempts []*attempt) {
	for _, a := range attempts {
		a.direct(nil)
	}
}

// pass has the answer go to the sender of r, and returns when it is complete.
func (a *attempt) pass(w http.ResponseWriter, r *http.Request) error {
	a.sender = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	a.direct(w)
	<-a.over
	if a.aborted {
		panic(http.ErrAbortHandler)
	}
	return a.err
}

// lateAttempts are first attempts that were not over when their webhooks were
// stored, by savedRequest.Late and destination. They are not given up: what
// they come to is the outcome of the next attempt, if that is a success.
var lateAttempts sync.Map

// lateMemory is how long it is remembered that a late attempt was a success.
const lateMemory = time.Hour

// keepTrack makes a late attempt known by a token, which it makes up if there
// is none yet, and returns it.
func (a *attempt) keepTrack(token string) string {
	if token == "" {
		token = uuid.NewString()
	}
	key := token + " " + a.to.fullName
	lateAttempts.Store(key, a)
	a.to.late.Add(1)
	go func() {
		<-a.decided
		a.to.late.Add(-1)
		a.to.of.countAttempt(a.to.fullName, a.outcome)
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
	a := found.(*attempt)
	select {
	case <-a.decided:
		lateAttempts.Delete(token + " " + destination)
		return a.outcome, true
	case <-ctx.Done():
		return outcome, false
	}
}

// Interface guard
var _ http.ResponseWriter = (*attempt)(nil)
