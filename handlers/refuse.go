package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// refusedLater tells of a verified webhook for which there was no memory: its sender
// may come again.
func (a *Auth) refusedLater(w http.ResponseWriter, r *http.Request, reason verify.Reason) {
	if reason == verify.Overloaded {
		w.Header().Set("Retry-After", laterRetry)
		a.observer.Refusals.Log(r, string(reason), webhook.ErrNoRoom.Detail)
	}
}

// refuse turns an error into an answer: the status for the sender, the reason
// for the operator.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, body *webhook.Buffer, err error) error {
	if !body.Whole {
		body.Drop() // before the rest is drained, for which a sender may take its time
		webhook.Drain(w, r, time.Duration(a.ReadBody))
	}
	// An error route may proxy, too: not what was refused, nor in our name.
	webhook.ReplaceBody(r, nil)
	webhook.RemoveSpoofable(r, nil)
	refusal, ok := errors.AsType[*verify.Error](err)
	if !ok {
		refusal = refusedElsewhere(err)
	}
	repl.Set(webhook.ErrorPlaceholder, string(refusal.Reason))
	a.observer.Refused(r, refusal)
	if !ok {
		return err
	}
	status := webhook.Statuses[refusal.Reason]
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", laterRetry)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", strings.Join(a.verifier.Methods(), ", "))
	case http.StatusUnauthorized:
		for _, challenge := range a.challenge {
			if challenge == bearerChallenge && a.Issued != nil && refusal.Reason == verify.BadToken {
				challenge = renewChallenge
			}
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	// A webhook_auth before this one tells an error from an answer of the app.
	if _, verified := webhook.VerifiedOf(r); !verified && status < http.StatusInternalServerError && a.errorUnseen() {
		w.WriteHeader(status)
		return nil
	}
	// What was wrong goes to the log only: an error route may show the
	// message to the sender.
	return caddyhttp.Error(status, errors.New(string(refusal.Reason)))
}

// refusedElsewhere says why a handler before this one, such as request_body, did
// not let the body be read.
func refusedElsewhere(err error) *verify.Error {
	refusal := &verify.Error{Reason: verify.Malformed, Detail: "a handler before this one does not let the body be read"}
	if handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err); ok && handlerErr.StatusCode == http.StatusRequestEntityTooLarge {
		refusal.Reason = verify.TooLarge
	}
	return refusal
}

// laterRetry is after how many seconds a sender may try again whose webhook
// could not be decided about: there was no memory, no keys, or no store.
const laterRetry = "5"
