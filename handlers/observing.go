package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// beginObserving says at load that nothing is refused at an endpoint, if that is so.
func (a *Auth) beginObserving(app *App) error {
	if !a.Observe {
		return nil
	}
	// What was seen under another configuration says nothing of this one.
	config, err := json.Marshal(struct {
		Endpoint *verify.Endpoint
		Spec     *verify.Spec
	}{&a.Endpoint, a.verifier.Provider().Spec})
	if err != nil {
		return err
	}
	a.observer.Observe(config)
	if a.Tenant != nil {
		app.noteObserved(a.observer.Endpoint)
	}
	a.logger.Warn("observe: this endpoint refuses no webhook, and marks what it would refuse by Webhook-Verified: false; "+
		"remove observe when caddy webhooks observe ends with 0", a.observer.Endpoint.Field())
	return nil
}

// observe makes an event of a request that was refused, at an endpoint that only
// observes. It returns the refusal where that stands nevertheless: the body could not
// be read, or there is no memory for it.
//
// The request is described anew: nothing that the verifier has noted of it before
// counts, such as that its sender vouches for the body.
func (a *Auth) observe(w http.ResponseWriter, r *http.Request, v *webhook.Verified, refused error) (*route.Event, error) {
	refusal, ok := errors.AsType[*verify.Error](refused)
	if !ok {
		return nil, refused
	}
	switch refusal.Reason {
	case verify.TooLarge, verify.SlowBody, verify.Overloaded:
		return nil, refused
	}
	if !v.Buffer.Whole { // it was refused by its head
		if err := webhook.ReadBody(w, r, &v.Buffer, a.MaxSize, time.Duration(a.ReadBody), nil); err != nil {
			return nil, err
		}
	}
	provider, request := a.verifier.Provider(), webhook.NewRequest(r)
	request.SetBody(v.Buffer.Data, provider.Spec.FormField)
	request.Body.SetMemory(&v.Buffer)
	a.observer.ArrivedAgain(r, request)
	event, err := route.NewEvent(provider, a.identity, request, a.verifier.Identify(request, refusal))
	if full := v.Buffer.Refusal(); full != nil {
		return nil, full
	}
	if err != nil {
		return nil, err
	}
	event.Tenant, event.Credentials = webhook.TenantOf(r), a.secrets // never its vars: anybody can name a tenant
	webhook.SetBody(r, v.Body.Hold(v.Buffer.Data, v.Buffer.Shared(), event.Body))
	return event, nil
}

// noteObserved remembers that an endpoint with tenants only observes.
func (a *App) noteObserved(e webhook.Endpoint) {
	if a.observed == nil {
		a.observed = make(map[webhook.Endpoint]bool)
	}
	a.observed[e] = true
}

// checkObserved refuses routes that a request must not take which has proven nothing.
// Their webhook_auth stands before them, and is known by now.
func (rs *Routes) checkObserved(ctx caddy.Context) error {
	app, err := ctx.App(webhook.AppName)
	if err != nil || !app.(*App).observed[rs.endpoint()] {
		return err
	}
	return checkObserved(rs)
}

// tenantVar is what stands in a configuration for what is known of a tenant: a placeholder,
// or a call in an expression.
var tenantVar = regexp.MustCompile(`\{http\.webhook\.tenant\.[^{}\s]+\}|\bvars\s*\([^)]*\)`)

// checkObserved refuses routes that lead where a tenant's vars say, behind an endpoint
// that only observes: who has proven nothing must not choose whose app it reaches.
func checkObserved(routes any) error {
	config, err := json.Marshal(routes)
	if err != nil {
		return err
	}
	if name := tenantVar.Find(config); name != nil {
		return errors.New("observe lets unverified requests pass, which have no vars of a tenant, so " + string(name) +
			" would be empty; write what is the same for all tenants until you remove observe")
	}
	return nil
}
