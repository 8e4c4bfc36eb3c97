package verify

import (
	"fmt"
	"slices"
	"strings"
)

// Scheme verifies requests in a way that no Spec can describe. A Scheme is
// used by many goroutines at a time. Its errors are of type *Error.
type Scheme interface {
	// Admit refuses what can be refused before the body is read.
	Admit(r *Request) error

	// Verify checks a request with its body, and says how much of it the
	// signature covers.
	Verify(r *Request) (Coverage, error)
}

// SchemeFactory makes a Scheme for an endpoint. It is called without secrets
// to check a Spec.
type SchemeFactory interface {
	NewScheme(spec *Spec, secrets []string) (Scheme, error)
}

// LookupScheme finds a scheme that is not built in by its name. Package
// handlers makes it look for Caddy modules in the namespace webhooks.schemes.
var LookupScheme = func(name string) (SchemeFactory, bool) { return nil, false }

// signatureSchemes are the schemes with a signature over content.
var signatureSchemes = []string{"hmac", "digest", "ed25519", "ecdsa_p256", "rsa_sha256", "rsa_sha1"}

// plainSchemes are those without secrets of their own.
var plainSchemes = []string{"", "token", "basic", "none"}

// check is one kind of credential.
type check interface {
	// admit refuses what can be refused without the body.
	admit(m *message) error
	// verify checks the rest.
	verify(m *message) error
	// coverage says how much of a request the credential binds.
	coverage() Coverage
}

// newScheme makes the check of a provider's own scheme.
func newScheme(p *Provider, secrets []string, fetcher Fetcher) (check, error) {
	switch name := p.Spec.Scheme; {
	case slices.Contains(signatureSchemes, name):
		authority, err := newAuthority(p, secrets)
		if err != nil {
			return nil, err
		}
		return &signedScheme{provider: p, authority: authority}, nil
	case name == "jwt":
		return newJWT(p.Spec, secrets, "secret")
	case name == "aws_sns":
		return newSNS(p, secrets, fetcher)
	case name == "paypal":
		return newPayPal(secrets, fetcher)
	default:
		factory, ok := LookupScheme(name)
		if !ok {
			return nil, fmt.Errorf("scheme is %q; it can be %s, jwt, token, basic or none",
				name, strings.Join(signatureSchemes, ", "))
		}
		scheme, err := factory.NewScheme(p.Spec, secrets)
		return &foreignScheme{scheme: scheme}, err
	}
}

// foreignScheme is a Scheme as a check.
type foreignScheme struct{ scheme Scheme }

func (s *foreignScheme) admit(m *message) error { return s.scheme.Admit(m.Request) }

func (s *foreignScheme) verify(m *message) error {
	var err error
	m.covered, err = s.scheme.Verify(m.Request)
	return err
}

// coverage is known only when a request was verified: see message.covered.
func (*foreignScheme) coverage() Coverage { return SignedNothing }
