package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// retryAfter is when senders are asked to come again, in seconds.
const retryAfter = 5

// replayGate keeps copies of an endpoint's deliveries from the app.
type replayGate struct {
	replay.Gate

	idSigned bool
	endpoint string
	window   time.Duration
}

// replayGate returns the gate of an endpoint; nil if its deliveries are not
// remembered.
func (a *App) replayGate(auth *Auth) (*replayGate, error) {
	if auth.Replay <= 0 {
		return nil, nil
	}
	name := auth.Provider + " " + auth.Name
	config, err := json.Marshal(auth.Endpoint)
	if err != nil {
		return nil, err
	}
	switch other, taken := a.endpoints[name]; {
	case taken && other != string(config):
		return nil, fmt.Errorf("replay: another endpoint is called %q, too, and each would take the other's deliveries for "+
			"duplicates; name them apart: name <endpoint>", auth.EndpointName())
	case taken:
		auth.logger.Warn("two endpoints with the same configuration share what they remember of deliveries; "+
			"if these are two webhooks at the provider, name them apart: name <endpoint>",
			auth.observer.Endpoint.Field())
	}
	a.endpoints[name] = string(config)
	window := time.Duration(auth.Replay)
	if tolerance := auth.verifier.Tolerance(); window < 2*tolerance {
		auth.logger.Warn("replay is shorter than twice the tolerance, so a delivery can be sent again after it was forgotten",
			auth.observer.Endpoint.Field(), zap.Duration("replay", window), zap.Duration("tolerance", tolerance))
	}
	return &replayGate{
		Gate: replay.Gate{Store: a.replay.open},

		idSigned: auth.identity.IDSigned(),
		endpoint: name,
		window:   window,
	}, nil
}

// claim says which delivery a verified request is.
func (g *replayGate) claim(verifier *verify.Verifier, r *verify.Request, event *route.Event) (*replay.Claim, error) {
	delivery, err := verifier.Delivery(r, event.Signed, event.Name, event.ID, g.idSigned)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_ = binary.Write(sum, binary.BigEndian, uint64(len(g.endpoint))) // a hash takes everything
	sum.Write([]byte(g.endpoint))
	if event.Tenant != "" {
		// The ids of one tenant's deliveries are nothing to another's.
		_ = binary.Write(sum, binary.BigEndian, uint64(len(event.Tenant)))
		sum.Write([]byte(event.Tenant))
	}
	sum.Write(delivery.Key[:])
	claim := &replay.Claim{
		Digest: delivery.Digest,
		Bound:  delivery.Bound,
		Owner:  rand.Text(),
		Lease:  replay.Lease,
		TTL:    g.window,
	}
	sum.Sum(claim.Key[:0])
	return claim, nil
}

// forwardOnce hands an event on unless it is a copy of one that the app has
// accepted or is being asked about. The app's acceptance, which is any 2xx, is
// remembered; whatever else happens, a panic too, lets the next copy through.
func (a *Auth) forwardOnce(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, v *webhook.Verified, claim *replay.Claim, next caddyhttp.Handler,
) error {
	event := v.Event
	outcome, err := a.replay.Reserve(r.Context(), claim)
	if err == nil && outcome.State == replay.Done {
		return a.answerDuplicate(w, r, repl, event, outcome.Status)
	}
	if refusal := refusalOf(outcome, err); refusal != nil {
		if err != nil {
			a.observer.Metrics.ReplayErrors.Inc()
		}
		if refusal.Reason != verify.Replayed {
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		}
		err = a.refuse(w, r, repl, &v.Buffer, refusal)
		observe.SetLogFields(r, a.observer.Endpoint, event, string(refusal.Reason))
		return err
	}
	accepted := 0
	defer func() {
		if err := a.replay.Settle(r.Context(), claim, accepted); err != nil {
			a.observer.Metrics.ReplayErrors.Inc()
			a.logger.Error("how a webhook ended could not be remembered; a copy of it may be handled again",
				a.observer.Endpoint.Field(), zap.String("id", event.ID), zap.Error(err))
		}
	}()
	answer := caddyhttp.NewResponseRecorder(w, nil, nil)
	if err := a.forward(answer, r, repl, event, next); err != nil {
		return err
	}
	switch status := answer.Status(); {
	case status == 0:
		accepted = http.StatusOK // what the server says for a handler that says nothing
	case status >= 200 && status < 300:
		accepted = status
	}
	return nil
}

// refusalOf says why a claim is refused; nil if it holds.
func refusalOf(outcome replay.Outcome, err error) *verify.Error {
	switch {
	case err != nil:
		return &verify.Error{Reason: verify.ReplayStore, Detail: err.Error()}
	case outcome.State == replay.Swapped:
		return &verify.Error{Reason: verify.Replayed, Detail: "this delivery is known, and had another payload"}
	case outcome.State == replay.InFlight:
		return &verify.Error{Reason: verify.InFlight, Detail: "the app has not answered to a copy of this delivery yet"}
	}
	return nil
}

// answerDuplicate tells the sender of a copy what the sender of the first one
// was told.
func (a *Auth) answerDuplicate(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, event *route.Event, status int,
) error {
	repl.Set(webhook.ErrorPlaceholder, string(verify.Duplicate))
	a.observer.Ended(r, &observe.Ending{Outcome: string(verify.Duplicate), Event: event, Status: status, Arrival: a.observer.ArrivalOf(r)})
	a.observer.Duplicates.Log(r, string(verify.Duplicate), "",
		zap.String("event", event.Name), zap.String("id", event.ID), zap.Int("status", status))
	w.WriteHeader(status)
	return nil
}
