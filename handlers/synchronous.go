package handlers

import (
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// errSynchronous is why webhook_deliver cannot stand behind an endpoint whose
// senders ask.
var errSynchronous = errors.New("webhook_deliver would acknowledge a question where the sender wants the app's own answer " +
	"(synchronous); write webhook_proxy or reverse_proxy instead")

// passAll withholds no answer.
var passAll = verify.Statuses{"off"}

// asksHere is how ParseAuth and ParseHandleWebhook tell ParseDeliver that the
// requests are questions.
const asksHere = "webhook_synchronous"

// asks reports whether the requests to an endpoint are questions.
func asks(app *App, config *verify.Config) bool {
	spec, err := app.spec(config.Provider)
	return err == nil && config.Effective(spec).Synchronous
}

// synchronousKey is what a context says to the modules that are provisioned
// behind an endpoint whose senders ask.
type synchronousKey struct{}

func isSynchronous(ctx caddy.Context) bool { return ctx.Value(synchronousKey{}) != nil }

// noteSynchronous remembers that the senders at an endpoint ask.
func (a *App) noteSynchronous(e endpoint) {
	if a.synchronous == nil {
		a.synchronous = make(map[endpoint]bool)
	}
	a.synchronous[e] = true
}

// withSynchronous returns what the routes are to be provisioned with. Their
// webhook_auth stands before them, and is known by now.
func (rs *Routes) withSynchronous(ctx caddy.Context) (caddy.Context, error) {
	app, err := ctx.App(appName)
	if err != nil {
		return ctx, err
	}
	if app.(*App).synchronous[rs.endpoint()] {
		ctx = ctx.WithValue(synchronousKey{}, true)
	}
	return ctx, nil
}
