package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// provisionHistory sets up what is kept of the requests of this handler.
func (a *Auth) provisionHistory(app *App) error {
	recorder, err := app.history.NewRecorder(&a.Endpoint, a.verifier, a.identity)
	if recorder != nil {
		a.history, a.observer.History = recorder, recorder
	}
	a.observer.LogAccepted = a.LogAccepted || app.LogAccepted
	return err
}

// readRefused reads the body of a request that is refused by its head, if it is kept
// nevertheless, so that it can be verified again. A body that cannot be read is not kept.
func (a *Auth) readRefused(w http.ResponseWriter, r *http.Request, request *verify.Request, body *webhook.Buffer, err error) {
	refusal, ok := errors.AsType[*verify.Error](err)
	if !ok || !a.history.Quarantines(refusal.Reason) {
		return
	}
	if webhook.ReadBody(w, r, body, a.MaxSize, time.Duration(a.ReadBody), nil) == nil {
		request.SetBody(body.Data, a.verifier.Provider().Spec.FormField)
	}
}

// resend hands on a webhook of the archive. One that was accepted is not verified again: its
// token is not kept. One that was refused is, as of when it came, and must pass. It counts
// neither as a sign of life nor as a delivery to be remembered.
func (a *Auth) resend(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, v *webhook.Verified, again *history.Resend, next caddyhttp.Handler,
) error {
	if !again.At(a.observer.Endpoint) {
		return caddyhttp.Error(http.StatusMisdirectedRequest, errors.New("elsewhere"))
	}
	event, err := a.eventAgain(w, r, repl, v, again)
	refusal, refused := errors.AsType[*verify.Error](err)
	switch {
	case refused:
		again.Refuse(refusal)
	case err != nil:
		return err
	}
	if refused || again.VerifyOnly() {
		w.WriteHeader(http.StatusNoContent) // nobody but the operator has asked
		return nil
	}
	a.admit(r, repl, v, event)
	r.Header[history.HeaderResend] = []string{"1"}
	return a.forward(w, r, repl, event, next)
}

// eventAgain makes an event of a request of the archive.
func (a *Auth) eventAgain(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, v *webhook.Verified, again *history.Resend,
) (*route.Event, error) {
	if err := webhook.ReadBody(w, r, &v.Buffer, a.MaxSize, time.Duration(a.ReadBody), nil); err != nil {
		return nil, err
	}
	request := webhook.NewRequest(r)
	request.Received = again.Summary().Received
	from, err := a.visitor(r, repl)
	if err != nil {
		return nil, err
	}
	verifier := a.history.Claims()
	if again.Refused() {
		verifier = from.Verifier
		if err := verifier.Admit(request); err != nil {
			return nil, a.blame(&from, err)
		}
	}
	request.SetBody(v.Buffer.Data, a.verifier.Provider().Spec.FormField)
	result, err := verifier.Verify(request)
	if again.Refused() {
		err = a.blame(&from, err)
	}
	if err != nil {
		return nil, err
	}
	if result.Handshake != nil {
		return nil, &verify.Error{Reason: verify.Malformed, Detail: "it is a handshake, which is answered once"}
	}
	event, err := route.NewEvent(verifier.Provider(), a.identity, request, result)
	if err != nil {
		return nil, &verify.Error{Reason: verify.Malformed, Detail: err.Error()}
	}
	if signed := verify.Coverage(again.Summary().Signed); !again.Refused() && !again.Summary().Redacted && signed != "" {
		if event.Signed = signed; signed == verify.SignedBody {
			event.Body.Trust()
		}
	}
	a.attribute(event, &from)
	event.Tenant = again.Summary().Tenant
	event.Credentials, event.RequireSigned, event.Ref = a.secrets, a.RequireSigned, again.Summary().Ref
	webhook.SetBody(r, v.Body.Hold(v.Buffer.Data, v.Buffer.Shared(), event.Body))
	return event, nil
}
