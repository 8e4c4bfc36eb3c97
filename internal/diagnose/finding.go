package diagnose

import (
	"fmt"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Input is what is known besides the request.
type Input struct {
	Secrets   []string // any of which may be the key
	PublicURL string   // the URL by which the provider knows the endpoint; may be empty
}

// Finding is how a request was authenticated.
type Finding struct {
	Provider  string   // a built-in one, or a name for the one that Spec describes
	Builtin   bool     // it is built in
	Also      []string // other built-in providers that sign alike
	Secret    int      // the index of the secret that is right; -1 if it was not needed
	Handshake bool     // it is no event, but part of setting the webhook up
	Change    string   // what has to be undone so that it verifies; empty: nothing

	spec      *verify.Spec
	publicURL string
	basic     bool // the secret is a user and a password
	trimmed   bool // the secret was copied with something around it
	result    *verify.Result
	score     int
}

// Spec is the description of the provider.
func (f *Finding) Spec() *verify.Spec { return f.spec }

// Stated returns the time that the provider states, and its age.
func (f *Finding) stated() (time.Time, bool) {
	if f.result == nil || f.result.Timestamp.IsZero() {
		return time.Time{}, false
	}
	return f.result.Timestamp, true
}

// Diagnosis is the outcome of a search.
type Diagnosis struct {
	Finding *Finding // nil: none
	Clues   []string // what was seen, where nothing was found

	request      *Request
	combinations *combinations
}

// Find searches for the provider of a request: among the built-in ones, among
// combinations of what providers do, then for what may have changed the
// request on its way.
func Find(r *Request, in *Input) (*Diagnosis, error) {
	if len(in.Secrets) == 0 {
		return nil, fmt.Errorf("no secret is given")
	}
	c := newCombinations(r, in)
	d := &Diagnosis{request: r, combinations: c}
	known := builtin(r, in)
	if known != nil && known.Secret >= 0 {
		d.Finding = known
		return d, nil
	}
	for _, look := range []func(*Request, *Input) *Finding{trimmed, hyphenated} {
		if d.Finding = look(r, in); d.Finding != nil {
			return d, nil
		}
	}
	f, err := c.find()
	if err != nil {
		return nil, err
	}
	switch {
	case f != nil:
		d.Finding = f
	case known != nil && !c.signedInHead():
		d.Finding = known
	default:
		if d.Finding = changed(r, in, c); d.Finding == nil {
			d.Clues = clues(r, c)
		}
	}
	return d, nil
}

// endpoint returns the path of the request for a configuration; one that holds
// a secret is not shown.
func (d *Diagnosis) endpoint() string {
	if path := d.request.URL.Path; path != "" && !d.combinations.tells(path) {
		return path
	}
	return "/webhook"
}
