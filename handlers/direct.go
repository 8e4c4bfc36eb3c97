package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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
	wait   *time.Timer        // how long the sender may
	cancel context.CancelFunc // gives up the exchange; nil before it has begun

	response *http.Response // what the exchange came to, if it was in time; after decided
	failure  error          // likewise
}

// askDirectly has the app of the only destination answer the sender.
func (d *Deliver) askDirectly(w http.ResponseWriter, r *http.Request, v *verified) *attempt {
	a := &direct{wait: time.NewTimer(d.patience(v.event))}
	defer a.wait.Stop()
	a.to, a.direct, a.sender, a.decided = d.To[0], true, w, make(chan struct{})
	v.direct = a
	restore := lend(r, v.event)
	a.serve(r)
	restore()
	v.direct = nil
	if held := heldBodyOf(r); a.late() && held != nil {
		a.outlive(held)
	}
	return &a.attempt
}

// serve has the destination's reverse proxy answer.
func (a *direct) serve(r *http.Request) {
	defer func() {
		if !a.late() && a.passes && a.cancel != nil {
			a.cancel()
		}
	}()
	defer a.catch()
	a.conclude(a.to.answer(a, r))
}

// lend makes the request of a sender what it is at a destination that uses no
// placeholders, as save and savedRequest.request do with a copy, and returns
// what undoes it.
func lend(r *http.Request, event *route.Event) (restore func()) {
	header, target := r.Header, r.URL
	r.Header = withoutCredentialHeaders(header, event)
	if event.ID == "" {
		r.Header[headerDeliveryID] = []string{standardID(event)}
	}
	r.Header[headerAttempt] = []string{"1"}
	r.URL = (*url.URL)(withoutCredentials(target, event))
	return func() { r.Header, r.URL = header, target }
}

// errLate is what the reverse proxy gets to know of an exchange that is late. By
// context.Canceled it sees that no upstream is to blame.
var errLate = fmt.Errorf("the app is late: %w", context.Canceled)

// exchange has an exchange made, and returns what it comes to while the sender
// waits.
func (a *direct) exchange(r *http.Request, roundTrip func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	// If it is late, the sender's request ends before it, and its variables change.
	ctx := context.WithValue(context.WithoutCancel(r.Context()), caddyhttp.VarsCtxKey, make(map[string]any))
	ctx, a.cancel = context.WithTimeout(ctx, time.Duration(a.to.of.Timeout))
	a.to.of.crew.run(func() { a.run(r.WithContext(ctx), roundTrip) })
	select {
	case <-a.decided:
	case <-a.wait.C:
		a.giveUp()
	case <-r.Context().Done(): // the sender has given up; its webhook is not
		a.giveUp()
	}
	if a.late() {
		a.status = statusLate
		return nil, errLate
	}
	if a.failure == nil {
		a.decide(a.response.StatusCode, a.response.Header, nil)
	}
	return a.response, a.failure
}

// statusLate keeps what the reverse proxy makes of errLate from being the answer.
const statusLate = 499

// run makes the exchange.
func (a *direct) run(r *http.Request, roundTrip func(*http.Request) (*http.Response, error)) {
	response, err := roundTrip(r)
	if err == nil && response.StatusCode < http.StatusOK {
		_ = response.Body.Close()
		err = errors.New("the app switches protocols")
	}
	a.response, a.failure = response, err
	late := !a.course.CompareAndSwap(undecided, inTime)
	var unread io.ReadCloser
	switch {
	case err != nil:
		if late {
			a.decide(0, nil, err)
		}
	case late:
		a.decide(response.StatusCode, response.Header, nil)
		unread = response.Body
	case a.to.of.verdict(response.StatusCode) == deliver.Failed:
		unread, response.Body = response.Body, http.NoBody // nobody waits for it
	default:
		close(a.decided)
		return
	}
	close(a.decided)
	if unread != nil {
		_, _ = io.Copy(io.Discard, unread) // so that the connection is used again
		_ = unread.Close()
	}
	a.cancel()
	if late {
		a.end()
	}
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
