package verify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// authority decides whether signatures are right.
type authority interface {
	// check reports whether any of the signatures is right for the content of
	// a message. Its errors are refusals.
	check(m *message, signatures [][]byte) (bool, error)

	// count is the number of keys, for the operator.
	count() int
}

// newAuthority makes the authority of a provider's scheme.
func newAuthority(p *Provider, secrets []string) (authority, error) {
	switch p.Spec.Scheme {
	case "hmac", "digest":
		return newHMAC(p, secrets)
	default:
		return newPublicKeys(p, secrets)
	}
}

// signedScheme is a signature over content that a template describes.
type signedScheme struct {
	provider  *Provider
	authority authority
}

func (s *signedScheme) coverage() Coverage { return s.provider.coverage() }

func (s *signedScheme) admit(m *message) error {
	for name, want := range s.provider.Spec.Require {
		if value := m.Header.Get(name); value != want {
			return refuse(BadSignature, "%s is %.40q, not %q", name, value, want)
		}
	}
	return s.provider.signature.admit(m)
}

func (s *signedScheme) verify(m *message) error {
	if err := s.provider.eachItem(m, s.verifyItem); err != nil {
		return err
	}
	if err := s.checkOracle(m); err != nil {
		return err
	}
	if public := m.publicURL; public != nil && public.RawQuery != "" && m.URL.RawQuery != "" && m.URL.RawQuery != public.RawQuery {
		return refuse(Malformed, "the query is not that of public_url, which is the one that is signed")
	}
	return s.provider.checkBodyHash(m)
}

// checkOracle refuses content that a handshake signs for anybody who asks.
func (s *signedScheme) checkOracle(m *message) error {
	if !s.provider.signsChallenges() {
		return nil
	}
	signed, err := m.contentBytes()
	if err != nil {
		return err
	}
	body := m.Body.Bytes()
	if len(body) == 0 || isChallenge(string(body)) || isChallenge(string(signed)) {
		return refuse(Malformed, "a body like this is signed for anybody who asks, so it proves nothing")
	}
	return nil
}

// verifyItem checks one signed part: the request, or an item of it.
func (s *signedScheme) verifyItem(m *message) error {
	if !m.signatures.final {
		if err := s.provider.signature.read(m); err != nil {
			return err
		}
	}
	ok, err := s.authority.check(m, m.signatures.decoded)
	if !ok && err == nil && s.provider.Spec.URL != nil && s.provider.Spec.URL.EitherPort {
		m.otherPort = true
		ok, err = s.authority.check(m, m.signatures.decoded)
	}
	if err != nil {
		return err
	}
	if !ok {
		return refuse(BadSignature, "%s does not match; %d key(s) were tried",
			s.provider.signature.places(), s.authority.count())
	}
	return s.provider.joints.check(m)
}

// eachItem calls f for the message, or for each element of the array that the
// provider signs one by one.
func (p *Provider) eachItem(m *message, f func(*message) error) error {
	if p.forEach == nil {
		return f(m)
	}
	span, err := m.span(p.forEach.slot)
	if err != nil {
		return refuse(Malformed, "%v", err)
	}
	items, err := payload.Elements(span.Of(m.Body.Document()))
	switch {
	case err != nil || !span.Found():
		return refuse(Malformed, "%s is not an array", p.forEach)
	case len(items) == 0:
		return refuse(Malformed, "%s is empty", p.forEach)
	}
	for _, item := range items {
		m.item = item
		if m.itemSpans, err = p.itemFinder.Find(item); err != nil {
			return refuse(Malformed, "%v", err)
		}
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// checkBodyHash compares the body with the hash that the signed part states.
func (p *Provider) checkBodyHash(m *message) error {
	if p.bodyHash == nil {
		return nil
	}
	spec := p.Spec.BodyHash
	text, present, err := m.text(p.bodyHash)
	switch {
	case err != nil:
		return refuse(BadSignature, "ambiguous: %v", err)
	case !present && len(m.Body.Bytes()) == 0, !present && spec.ExceptForms && m.Body.IsForm():
		return nil
	case !present:
		return refuse(BadSignature, "%s is absent, so nothing binds the body", p.bodyHash)
	}
	if !equalHash(spec.Encoding, text, m.Body.Bytes()) {
		return refuse(BadSignature, "%s is not the hash of the body", p.bodyHash)
	}
	return nil
}

// equalHash reports whether text is the encoded SHA-256 of content.
func equalHash(encoding, text string, content []byte) bool {
	stated, err := encodings[defaultText(encoding, "hex")].decode(nil, text)
	sum := sha256.Sum256(content)
	return err == nil && hmac.Equal(stated, sum[:])
}

// compileBodyHash finds the field in which a request states the hash of its
// body.
func compileBodyHash(spec *Spec) (*field, error) {
	if spec.BodyHash == nil {
		return nil, nil
	}
	if encoding := spec.BodyHash.Encoding; encoding != "" && encodings[encoding].decode == nil {
		return nil, fmt.Errorf("body_hash: encoding is %q; it can be hex, base64 or base64url", encoding)
	}
	f, err := parseField(spec.BodyHash.From)
	if err != nil {
		return nil, fmt.Errorf("body_hash: %w", err)
	}
	switch f.kind {
	case headerField, queryField, formField, bodyPath:
		return &f, nil
	case bodySHA256Hex, bodySHA256Base64:
		return nil, fmt.Errorf("body_hash: a request cannot state the hash in %s, which is computed from the body; "+
			"leave body_hash out and write {%[1]s} into content", &f)
	default:
		return nil, fmt.Errorf("body_hash: a request cannot state the hash in %s; "+
			"it can in header.NAME, query.NAME, form.NAME or body.PATH", &f)
	}
}

// compileForEach finds the array whose elements are verified one by one.
func compileForEach(spec *Spec) (*field, error) {
	if spec.ForEach == "" {
		return nil, nil
	}
	f, err := parseField(spec.ForEach)
	if err == nil && f.kind != bodyPath {
		err = errors.New("it must be a path in the body, such as body.items")
	}
	if err != nil {
		return nil, fmt.Errorf("for_each: %w", err)
	}
	return &f, nil
}

// contentBytes returns what was signed in one piece, for algorithms that
// cannot take it bit by bit.
func (m *message) contentBytes() ([]byte, error) {
	var out bytes.Buffer
	err := m.provider.content.writeTo(&out, m)
	return out.Bytes(), err
}
