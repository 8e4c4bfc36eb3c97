package verify

import "fmt"

// Reason is the machine-readable word for a refusal. It is what operators see
// in {http.webhook.error}, in logs and in metrics.
type Reason string

// The reasons for which a request is refused.
const (
	MissingSignature Reason = "missing_signature"   // no signature was sent
	MissingToken     Reason = "missing_token"       // no token or Basic credentials were sent
	BadSignature     Reason = "bad_signature"       // wrong, undecodable or ambiguous signature
	BadToken         Reason = "bad_token"           // wrong or ambiguous token or Basic credentials
	Stale            Reason = "stale"               // good signature outside the clock window
	BadSource        Reason = "source"              // the sender's address is not allowed
	BadMethod        Reason = "method"              // the HTTP method is not allowed
	BadEncoding      Reason = "encoding"            // the body is compressed
	TooLarge         Reason = "too_large"           // the body exceeds the limit
	SlowBody         Reason = "slow_body"           // the body did not arrive in time
	Overloaded       Reason = "overloaded"          // there is no memory left for the body
	Malformed        Reason = "malformed"           // the payload is not what the scheme needs
	Unreadable       Reason = "unreadable"          // accepted, but its event's name or id could not be read
	KeysUnavailable  Reason = "keys_unavailable"    // the keys of a token or a certificate could not be fetched; the sender may come again
	Duplicate        Reason = "duplicate"           // the app has accepted this delivery already
	Replayed         Reason = "replayed"            // a delivery that is known, with another payload
	InFlight         Reason = "in_flight"           // a copy of it is still being handled
	UnknownTenant    Reason = "unknown_tenant"      // nobody, or nobody who is welcome, has the tenant's id
	NoTenants        Reason = "tenants_unavailable" // whether somebody has it cannot be told
	ReplayStore      Reason = "replay_store"        // whether it is known cannot be told
)

// Error is a refusal. Its text is for the operator and holds neither secrets
// nor payload.
type Error struct {
	Reason Reason // what kind of refusal it is
	Detail string // what exactly was wrong
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

// refuse returns an *Error with a formatted detail.
func refuse(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
