package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// direct is a first attempt whose destination only proxies. The reverse proxy
// runs on the sender's goroutine and request, as it does without
// webhook_deliver, which costs much less than a request of its own. Only the
// exchange with the app, which the transport makes, is on another goroutine:
// there it goes on if it is late and the sender has been answered.
type direct struct {
	attempt
	patience time.Duration // how long the sender may wait
	began    time.Time     // the exchange
	alarm    *alarm        // tells when it has; nil before the exchange, as are the next
	ctx      detached      // of the exchange

	transport *Transport // makes the exchange
	request   *http.Request

	response *http.Response // what it came to, if it was in time
	failure  error          // likewise

	url     *url.URL       // of the sender's request
	uri     string         // likewise
	without []headerField  // its headers that the app does not get
	room    [2]headerField // of those: most senders have one or two
}

// alarm is what wakes a sender that waits for an exchange, and what gives up the
// exchange. To make its parts for each one would cost as much as all else about
// it, so one that has not gone off is used again.
type alarm struct {
	timer  *time.Timer
	woken  chan struct{} // gets one when the exchange is over or late, whichever is first
	ctx    context.Context
	cancel context.CancelFunc
	of     *direct
}

var alarms = sync.Pool{New: func() any {
	a := &alarm{woken: make(chan struct{}, 1)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.timer = time.AfterFunc(time.Hour, func() { a.of.timeIsUp() })
	a.timer.Stop()
	return a
}}

// detached is the context of an exchange: what the sender's request has, but
// another end. What its variables are set to stays apart, because they may
// change when it has ended.
type detached struct {
	context.Context // ends it
	values          context.Context
	once            sync.Once
	vars            map[string]any
}

func (c *detached) Value(key any) any {
	if key == caddyhttp.VarsCtxKey {
		c.once.Do(func() { c.vars = make(map[string]any) }) // few exchanges ask for it
		return c.vars
	}
	if value := c.Context.Value(key); value != nil {
		return value // by which the package context knows its own
	}
	return c.values.Value(key)
}

// askDirectly has the app of the only destination answer the sender.
func (d *Deliver) askDirectly(w http.ResponseWriter, r *http.Request, v *verified) *attempt {
	a := &direct{patience: min(d.patience(v.event), time.Duration(d.Timeout))}
	a.to, a.direct, a.sender = d.To[0], true, w
	a.borrow(r, v.event)
	v.direct = a
	a.serve(r)
	v.direct = nil
	a.giveBack(r, v.event)
	if held := heldBodyOf(r); a.late() && held != nil {
		a.outlive(held)
	}
	return &a.attempt
}

// borrow makes the request of a sender what the first attempt of a destination
// without placeholders gets, as save and savedRequest.request do with a copy.
func (a *direct) borrow(r *http.Request, event *route.Event) {
	a.url, a.uri, a.without = r.URL, r.RequestURI, a.room[:0]
	if len(r.URL.RawQuery) > 0 {
		r.URL = (*url.URL)(withoutCredentials(r.URL, event))
		r.RequestURI = r.URL.RequestURI() // which a reverse proxy logs
	}
	for name, values := range r.Header {
		if isCredential(name, event) {
			a.without = append(a.without, headerField{name, values})
			delete(r.Header, name)
		}
	}
	if readableID(event) == "" {
		r.Header[headerDeliveryID] = []string{standardID(event)}
	}
	r.Header[headerAttempt] = firstAttempt
}

// firstAttempt is a header's value, which nobody changes.
var firstAttempt = []string{"1"}

// giveBack undoes borrow.
func (a *direct) giveBack(r *http.Request, event *route.Event) {
	r.URL, r.RequestURI = a.url, a.uri
	delete(r.Header, headerAttempt)
	if readableID(event) == "" {
		delete(r.Header, headerDeliveryID)
	}
	for _, field := range a.without {
		r.Header[field.name] = field.values
	}
}

// serve has the destination's reverse proxy answer.
func (a *direct) serve(r *http.Request) {
	defer a.finish()
	defer a.catch()
	a.conclude(a.to.answer(a, r))
}

// finish ends what belongs to the exchange when the sender has its answer, or
// gets none.
func (a *direct) finish() {
	if a.alarm == nil || a.late() {
		return
	}
	switch stopped := a.alarm.timer.Stop(); {
	case a.aborted:
		a.alarm.cancel()
	case stopped && a.passes: // nobody else knows it any more
		a.alarm.of = nil
		alarms.Put(a.alarm)
	}
}

// errLate is what the reverse proxy gets to know of an exchange that is late. By
// context.Canceled it sees that no upstream is to blame.
var errLate = fmt.Errorf("the app is late: %w", context.Canceled)

// exchange has an exchange made, and returns what it comes to while the sender
// waits.
func (a *direct) exchange(t *Transport, r *http.Request) (*http.Response, error) {
	alarm := alarms.Get().(*alarm)
	a.alarm, alarm.of = alarm, a
	a.ctx.Context, a.ctx.values = alarm.ctx, r.Context()
	a.transport, a.request = t, r.WithContext(&a.ctx)
	a.began = time.Now()
	alarm.timer.Reset(a.patience)
	a.to.of.crew.have(a)
	select {
	case <-alarm.woken:
	case <-r.Context().Done(): // the sender has given up; its webhook is not
		if alarm.timer.Stop() {
			a.timeIsUp()
		}
		<-alarm.woken
	}
	if a.late() {
		a.status = statusLate
		return nil, errLate
	}
	if a.failure == nil {
		a.decide(a.response.StatusCode, a.response.Header, nil)
	}
	if a.passes && a.header != nil {
		maps.Copy(a.sender.Header(), a.header) // the cookie of a policy
		a.header = nil
	}
	return a.response, a.failure
}

// statusLate keeps what the reverse proxy makes of errLate from being the answer.
const statusLate = 499

// timeIsUp has the sender wait no longer, unless its answer has begun. The
// exchange may go on as long as any attempt.
func (a *direct) timeIsUp() {
	time.AfterFunc(time.Until(a.began.Add(time.Duration(a.to.of.Timeout))), a.alarm.cancel)
	a.decided = make(chan struct{})
	if a.course.CompareAndSwap(undecided, tooLate) {
		a.alarm.woken <- struct{}{}
	}
}

// run makes the exchange. If it is late by then, it decides about the attempt.
func (a *direct) run() {
	response, err := a.send()
	switch {
	case err == nil && response.StatusCode < http.StatusOK:
		_ = response.Body.Close()
		err = errors.New("the app switches protocols")
	case err != nil && a.request.Context().Err() != nil:
		err = context.DeadlineExceeded // nothing else ends it
	}
	if a.makesIt() {
		a.handOver(response, err)
		return
	}
	if err != nil {
		a.decide(0, nil, err)
	} else {
		a.decide(response.StatusCode, response.Header, nil)
	}
	close(a.decided)
	if err == nil {
		exhaust(response.Body)
	}
	a.end()
}

// send sends the request. Nobody else would end a panic on this goroutine.
func (a *direct) send() (response *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.tellPanic("the exchange with an app panicked", p)
			err = errors.New("the exchange panicked")
		}
	}()
	return a.transport.send(a.request)
}

// handOver gives the sender what has come of the exchange. The sender reads the
// body of an answer; that of a failure is read here.
func (a *direct) handOver(response *http.Response, err error) {
	a.response, a.failure = response, err
	if err != nil || a.to.of.verdict(response.StatusCode) != deliver.Failed {
		a.alarm.woken <- struct{}{}
		return
	}
	unread := response.Body
	response.Body = http.NoBody
	defer time.AfterFunc(time.Duration(a.to.of.Timeout), a.alarm.cancel).Stop()
	a.alarm.woken <- struct{}{}
	exhaust(unread)
}

// exhaust reads the body of an answer that nobody gets, for the connection to be
// used again.
func exhaust(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
}

// onlyProxies reports whether routes, which every request takes, hand a webhook to
// an upstream of webhook_proxy, and do nothing that takes long elsewhere than in
// the exchange, that is undone when it is over, or that depends on placeholders,
// which differ between a sender's request and one that was stored.
func onlyProxies(routes caddyhttp.RouteList) bool {
	if len(routes) != 1 || len(routes[0].HandlersRaw) != 1 {
		return false
	}
	var proxy struct {
		Handler       string                     `json:"handler"`
		Transport     map[string]json.RawMessage `json:"transport"`
		Upstreams     []struct{ Dial string }    `json:"upstreams"`
		Headers       json.RawMessage            `json:"headers"`
		LoadBalancing struct {
			SelectionPolicy json.RawMessage `json:"selection_policy"`
		} `json:"load_balancing"`
		HealthChecks  struct{ Active json.RawMessage } `json:"health_checks"`
		FlushInterval json.RawMessage                  `json:"flush_interval"`
	}
	raw := routes[0].HandlersRaw[0]
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if strict.Decode(&proxy) != nil || proxy.Handler != "reverse_proxy" || string(proxy.Transport["protocol"]) != `"webhook"` {
		return false
	}
	_, tellsAddresses := proxy.Transport["proxy_protocol"]
	return !tellsAddresses && !hasPlaceholders(raw)
}

// hasPlaceholders reports whether a text of a configuration has, or may have, one.
func hasPlaceholders(config json.RawMessage) bool {
	tokens := json.NewDecoder(bytes.NewReader(config))
	for {
		token, err := tokens.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if text, ok := token.(string); ok && strings.Contains(text, "{") {
			return true
		}
	}
}
