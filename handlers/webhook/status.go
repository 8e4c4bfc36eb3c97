package webhook

import (
	"net/http"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Statuses are the answers to refused requests.
var Statuses = map[verify.Reason]int{
	verify.MissingSignature: http.StatusUnauthorized,
	verify.MissingToken:     http.StatusUnauthorized,
	verify.BadSignature:     http.StatusUnauthorized,
	verify.BadToken:         http.StatusUnauthorized,
	verify.Stale:            http.StatusUnauthorized,
	verify.UnknownTenant:    http.StatusUnauthorized,
	verify.NoTenants:        http.StatusServiceUnavailable,
	verify.BadSource:        http.StatusForbidden,
	verify.BadMethod:        http.StatusMethodNotAllowed,
	verify.BadEncoding:      http.StatusUnsupportedMediaType,
	verify.TooLarge:         http.StatusRequestEntityTooLarge,
	verify.Overloaded:       http.StatusServiceUnavailable,
	verify.SlowBody:         http.StatusRequestTimeout,
	verify.Malformed:        http.StatusBadRequest,
	verify.KeysUnavailable:  http.StatusServiceUnavailable,
	verify.Replayed:         http.StatusConflict,
	verify.InFlight:         http.StatusConflict,
	verify.ReplayStore:      http.StatusServiceUnavailable,
}
