package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// provisionTenants sets up who is told apart at an endpoint that tenants share. The
// configuration is the endpoint's with the credentials of nobody.
func (a *Auth) provisionTenants(app *App, spec *verify.Spec, config *verify.Config) error {
	if a.Tenant == nil {
		return nil
	}
	source, err := app.tenants.Find(a.Tenant.From)
	if err != nil {
		return err
	}
	a.gate = tenants.NewGate(source, spec, a.EndpointName(), *config, a.verifier, func(id string) []verify.Option {
		if a.receiver == nil {
			return nil
		}
		return []verify.Option{verify.WithIssued(a.receiver.decideFor(id))}
	})
	return nil
}

// visitor finds out whose webhook a request is said to be. Where there are no tenants,
// all are of one.
func (a *Auth) visitor(r *http.Request, repl *caddy.Replacer) (tenants.Visitor, error) {
	if a.gate == nil {
		verifier := a.current.Load()
		if verifier != a.verifier {
			a.observer.VerifiedBy(r, verifier)
		}
		return tenants.Visitor{Verifier: verifier}, nil
	}
	from, err := a.gate.Find(r.Context(), repl.ReplaceAll(a.Tenant.ID, ""))
	if err != nil {
		return from, err
	}
	if from.Tenant != nil {
		webhook.SetTenant(r, from.Tenant.ID)
	}
	a.observer.VerifiedBy(r, from.Verifier)
	return from, nil
}

// ofTenant returns whose webhook a request would be, and the configuration with that
// tenant's credentials; those of nobody if there is no such tenant.
func (a *Auth) ofTenant(r *verify.Request) (id string, config verify.Config, err error) {
	id = a.tenantOf(r)
	config, err = a.gate.Config(context.Background(), id)
	return id, config, err
}

// tenantOf returns the id of the tenant whose a request says it is.
func (a *Auth) tenantOf(r *verify.Request) string {
	request := (&http.Request{Method: r.Method, URL: r.URL, Host: r.URL.Host, Header: r.Header}).WithContext(context.Background())
	return caddyhttp.NewTestReplacer(request).ReplaceAll(a.Tenant.ID, "")
}

// VerifierFor returns what decides about a request: where there are tenants, that of the
// one whose it says it is. The error is not nil if it is refused whatever it proves.
func (a *Auth) VerifierFor(r *verify.Request) (*verify.Verifier, error) {
	if a.gate == nil {
		return a.Verifier(), nil
	}
	from, err := a.gate.Find(context.Background(), a.tenantOf(r))
	if err == nil && from.Refusal != nil {
		err = from.Refusal
	}
	return from.Verifier, err
}

// blame says why a request is refused; nil if it is not. Whoever is not welcome has
// been held against credentials that nobody has, so that it gets the same answer after
// the same time as one who is welcome and has the wrong ones.
func (a *Auth) blame(from *tenants.Visitor, err error) error {
	refusal, ok := errors.AsType[*verify.Error](err)
	if from.Refusal != nil && (err == nil || ok && webhook.Statuses[refusal.Reason] == http.StatusUnauthorized) {
		return from.Refusal
	}
	if a.gate != nil && ok {
		a.gate.Refused(from, refusal.Reason)
	}
	return err
}

// attribute notes in an event whose it is.
func (a *Auth) attribute(event *route.Event, from *tenants.Visitor) {
	if from.Tenant == nil {
		return
	}
	event.Tenant, event.Vars = from.Tenant.ID, from.Tenant.Vars
	a.gate.Verified(from, event.Received)
}

// provisionTenants loads the sources of tenants.
func (a *App) provisionTenants(ctx caddy.Context) error {
	if len(a.TenantsRaw) == 0 {
		return nil
	}
	metrics, err := observe.RegisterMetrics(ctx)
	if err != nil {
		return err
	}
	configured := make(map[string]string, len(a.TenantsRaw))
	for name, raw := range a.TenantsRaw { // before they are loaded, which drops them
		configured[name] = string(raw)
		for _, result := range []tenant.Result{tenant.Found, tenant.NotFound, tenant.Unreadable, tenant.Failed} {
			metrics.TenantLookups.WithLabelValues(name, string(result)) // makes it, as 0
		}
	}
	modules, err := ctx.LoadModule(a, "TenantsRaw")
	if err != nil {
		return err
	}
	return a.tenants.Provision(ctx, modules.(map[string]any), configured, func(source string, result tenant.Result) {
		metrics.TenantLookups.WithLabelValues(source, string(result)).Inc()
	})
}
