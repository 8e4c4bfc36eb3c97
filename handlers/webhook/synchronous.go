package webhook

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
)

// ErrSynchronous is why webhook_deliver cannot stand behind an endpoint whose
// senders ask.
var ErrSynchronous = errors.New("webhook_deliver would acknowledge a question where the sender wants the app's own answer " +
	"(synchronous); write webhook_proxy or reverse_proxy instead")

// AsksHere is how ParseAuth and ParseHandleWebhook tell ParseDeliver that the
// requests are questions.
const AsksHere = "webhook_synchronous"

// SynchronousKey is what a context says to the modules that are provisioned
// behind an endpoint whose senders ask.
type SynchronousKey struct{}

func IsSynchronous(ctx caddy.Context) bool { return ctx.Value(SynchronousKey{}) != nil }
