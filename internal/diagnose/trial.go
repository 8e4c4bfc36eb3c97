package diagnose

import (
	"context"
	"errors"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// offline is a fetcher that gets nothing: a diagnosis asks nobody.
type offline struct{}

func (offline) Fetch(context.Context, string) ([]byte, error) {
	return nil, errors.New("nothing is fetched while diagnosing")
}

// trial is the answer to whether a provider's verifier accepts a request.
type trial struct {
	result *verify.Result
	signed bool  // the credentials were checked, and right
	err    error // why it was refused
}

// try has a request verified. The clock window is off, and the method and the
// compression of the body are no reason to refuse.
func try(r *Request, spec *verify.Spec, config *verify.Config) trial {
	c := *config
	c.Tolerance = verify.Off
	c.Methods = []string{r.Method}
	t := attempt(r, spec, &c)
	if t.err == nil && t.result.Handshake != nil {
		// Some handshakes are answered whoever sends them.
		plain := *spec
		plain.Handshakes = nil
		t.signed = attempt(r, &plain, &c).err == nil
	}
	return t
}

func attempt(r *Request, spec *verify.Spec, config *verify.Config) trial {
	verifier, err := verify.New(spec, config, verify.WithFetcher(offline{}))
	if err != nil {
		return trial{err: err}
	}
	request := r.verifiable(spec, r.tokenTime())
	body := request.Body
	request.Body = nil // as it is until Admit has let the request pass
	if err := verifier.Admit(request); err != nil {
		return trial{err: err}
	}
	request.Body = body
	result, err := verifier.Verify(request)
	return trial{result: result, signed: err == nil, err: err}
}
