package verify

import (
	"errors"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// errLongName is why a name or an id is not used that nobody vouches for.
var errLongName = errors.New("it is longer than a name or an id can be")

// Identify says what an unverified request would be, as far as it can be read: so
// it takes the route that it will take once it has to be verified. Nothing of it is
// signed, whatever it states. The request is one that nothing was checked of, and its
// Body must be set.
func (v *Verifier) Identify(r *Request, refusal *Error) *Result {
	m := v.message(r)
	result := &r.result
	*result = Result{Signed: SignedNothing, Refusal: refusal}
	for _, found := range []struct {
		from sources
		to   *string
	}{{m.provider.event, &result.Event}, {m.provider.id, &result.ID}} {
		text, err := found.from.text(m)
		if err == nil && len(text) > MaxName {
			err = errLongName
		}
		switch {
		case err == nil:
			*found.to = text
		case result.Unreadable == nil && !errors.Is(err, payload.ErrNotJSON):
			result.Unreadable = err
		}
	}
	// A time outside the window decides nothing here, so the one of the arrival counts.
	if text, stated, err := m.timestamp(); err == nil && stated {
		if at, _, refused := m.provider.timestamp.check(text, m.Received); refused == nil {
			result.Timestamp = at
		}
	}
	return result
}
