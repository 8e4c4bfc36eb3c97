package handlers

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// passAll withholds no answer.
var passAll = verify.Statuses{"off"}

// asks reports whether the requests to an endpoint are questions.
func asks(app *App, config *verify.Config) bool {
	spec, err := app.spec(config.Provider)
	return err == nil && config.Effective(spec).Synchronous
}

// noteSynchronous remembers that the senders at an endpoint ask.
func (a *App) noteSynchronous(e webhook.Endpoint) {
	if a.synchronous == nil {
		a.synchronous = make(map[webhook.Endpoint]bool)
	}
	a.synchronous[e] = true
}

// withSynchronous returns what the routes are to be provisioned with. Their
// webhook_auth stands before them, and is known by now.
func (rs *Routes) withSynchronous(ctx caddy.Context) (caddy.Context, error) {
	app, err := ctx.App(webhook.AppName)
	if err != nil {
		return ctx, err
	}
	if app.(*App).synchronous[rs.endpoint()] {
		ctx = ctx.WithValue(webhook.SynchronousKey{}, true)
	}
	return ctx, nil
}
