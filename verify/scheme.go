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

// SchemeSigner is a Scheme that signs, too, so that test webhooks can be sent.
type SchemeSigner interface {
	Scheme

	// Sign signs a request, whose Body is set, with the first secret.
	Sign(r *Request) error
}

// SchemeNamespace is where Caddy modules are that implement [SchemeFactory]. The last
// part of a module's id is the scheme's name.
const SchemeNamespace = "webhooks.schemes"

// SchemeFactory makes a Scheme for an endpoint. It is called without secrets
// to check a Spec.
type SchemeFactory interface {
	NewScheme(spec *Spec, secrets []string) (Scheme, error)
}

// GuestSchemes returns the names of the schemes that the description names and that
// are not built in. Before it is used, UseScheme has to be called for each.
func (s *Spec) GuestSchemes() (names []string) {
	for _, way := range s.Ways() {
		if !slices.Contains(names, way.Scheme) && !isBuiltIn(way.Scheme) {
			names = append(names, way.Scheme)
		}
	}
	return names
}

// UseScheme gives the description what makes a scheme that is not built in.
func (s *Spec) UseScheme(name string, factory SchemeFactory) {
	if s.guests == nil {
		s.guests = make(map[string]SchemeFactory)
	}
	s.guests[name] = factory
}

// signatureSchemes are the schemes with a signature over content.
var signatureSchemes = []string{"hmac", "digest", "ed25519", "ecdsa_p256", "rsa_sha256", "rsa_sha1"}

// builtInSchemes are the other ones with keys.
var builtInSchemes = []string{"jwt", "aws_sns", "paypal"}

// plainSchemes are those without secrets of their own.
var plainSchemes = []string{"", "token", "basic", "none"}

// isBuiltIn reports whether there is a scheme of this name without a guest.
func isBuiltIn(name string) bool {
	return slices.Contains(plainSchemes, name) || slices.Contains(signatureSchemes, name) || slices.Contains(builtInSchemes, name)
}

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
		scheme, err := p.newGuest(secrets)
		return &guestScheme{scheme: scheme}, err
	}
}

// newGuest makes the scheme of a guest.
func (p *Provider) newGuest(secrets []string) (Scheme, error) {
	factory := p.Spec.guests[p.Spec.Scheme]
	if factory == nil {
		return nil, fmt.Errorf("scheme is %q; it can be %s, jwt, token, basic or none",
			p.Spec.Scheme, strings.Join(signatureSchemes, ", "))
	}
	return factory.NewScheme(p.Spec, secrets)
}

// signAsGuest has the scheme of a guest sign.
func (p *Provider) signAsGuest(m *message, secret string) error {
	scheme, err := p.newGuest([]string{secret})
	if err != nil {
		return err
	}
	signer, ok := scheme.(SchemeSigner)
	if !ok {
		return fmt.Errorf("the scheme %s verifies, but cannot sign", p.Spec.Scheme)
	}
	return signer.Sign(m.Request)
}

// guestScheme is a Scheme as a check.
type guestScheme struct{ scheme Scheme }

func (s *guestScheme) admit(m *message) error { return s.scheme.Admit(m.Request) }

func (s *guestScheme) verify(m *message) error {
	var err error
	m.covered, err = s.scheme.Verify(m.Request)
	return err
}

// coverage is known only when a request was verified: see message.covered.
func (*guestScheme) coverage() Coverage { return SignedNothing }
