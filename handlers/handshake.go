package handlers

import (
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// pendingSecret stands for the secret that a provider makes up and sends in a
// handshake, until the operator knows it.
const pendingSecret = "pending"

// maxShown is the longest text of a handshake, in bytes, that is logged.
const maxShown = 256

// awaitSecret reports whether an operator waits for the secret that a handshake
// brings. A word that everybody knows is no key, so it is replaced by a text that
// nobody knows.
func awaitSecret(spec *verify.Spec, config *verify.Config, unknown string) bool {
	if !bringsSecret(spec) {
		return false
	}
	awaited := false
	for i, secret := range config.Secrets {
		if strings.TrimSpace(secret) == pendingSecret {
			config.Secrets[i], awaited = unknown, true
		}
	}
	return awaited
}

// bringsSecret reports whether the provider sends secrets in handshakes.
func bringsSecret(spec *verify.Spec) bool {
	return slices.ContainsFunc(spec.Handshakes, func(h verify.Handshake) bool { return h.Show != "" })
}

// handshake tells of a handshake that was answered, unless too many are. Anybody
// can send one, so what it brings is shown only while the operator waits for it,
// and never as if it were known whose it is.
func (a *Auth) handshake(r *http.Request, answer *verify.Answer) {
	detail, shown := "", zap.Skip()
	switch {
	case answer.Show == "":
	case !a.pending.Load():
		detail = "the secret that it brings is not shown; while you set the webhook up, let " + pendingSecret + " be a secret"
	case len(answer.Show) > maxShown:
		detail = "what it brings is too long for a secret, and is not shown"
	default:
		detail = "anybody can send this: take it only if you are setting the webhook up right now"
		shown = zap.String("unverified_secret", answer.Show)
	}
	a.observer.Handshakes.Log(r, observe.OutcomeHandshake, detail, shown)
}

// answerHandshake answers a request by which the provider makes sure that the
// endpoint is meant to get its webhooks.
func (a *Auth) answerHandshake(w http.ResponseWriter, r *http.Request, answer *verify.Answer) error {
	a.observer.Ended(r, &observe.Ending{Outcome: observe.OutcomeHandshake, Status: answer.Status, Arrival: a.observer.ArrivalOf(r)})
	a.handshake(r, answer)

	header := w.Header()
	for name, value := range answer.Header {
		header.Set(name, value)
	}
	header.Set("X-Content-Type-Options", "nosniff")
	if answer.ContentType != "" {
		header.Set("Content-Type", answer.ContentType)
	}
	w.WriteHeader(answer.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(answer.Body) //nolint:gosec // what is echoed is short, printable and never HTML
	return err
}
