package handlers

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
)

// errSynchronous is why webhook_deliver cannot stand behind an endpoint whose
// senders ask.
var errSynchronous = errors.New("webhook_deliver would acknowledge a question where the sender wants the app's own answer " +
	"(synchronous); write webhook_proxy or reverse_proxy instead")

// asksHere is how ParseAuth and ParseHandleWebhook tell ParseDeliver that the
// requests are questions.
const asksHere = "webhook_synchronous"

// synchronousKey is what a context says to the modules that are provisioned
// behind an endpoint whose senders ask.
type synchronousKey struct{}

func isSynchronous(ctx caddy.Context) bool { return ctx.Value(synchronousKey{}) != nil }
