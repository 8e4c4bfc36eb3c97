package handlers

import (
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
)

// Look has the running app look after its endpoints as at a time.
func Look(at time.Time) { observe.Running.Current().Look(at) }

// CredentialPlaces says what of a request is not stored, for tests.
var CredentialPlaces = credentialPlaces

// ErrorUnseen reports whether the endpoint answers refusals itself.
func (a *Auth) ErrorUnseen() bool { return a.errorUnseen() }
