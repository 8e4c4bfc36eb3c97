package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Sign puts the credentials of config into a request, as the provider would:
// the first value of each kind. It serves for sending test webhooks; the
// request's Body must be set. Schemes with private keys cannot be played.
func Sign(spec *Spec, config *Config, r *Request) error {
	v, err := New(spec, config)
	if err != nil {
		return err
	}
	p := v.provider
	tokens := config.Tokens
	if len(config.Secrets) > 0 {
		if spec.Scheme == "token" {
			tokens = append(tokens, config.Secrets...)
		} else if err := p.sign(v.message(r), config.Secrets[:1]); err != nil {
			return err
		}
	}
	if len(tokens) > 0 && (spec.Token == nil || !spec.Token.HandshakeOnly) {
		if p.token.kind != headerField {
			return fmt.Errorf("cannot put a token into %s", &p.token)
		}
		r.Header.Set(p.token.name, p.tokenPrefix+tokens[0])
	}
	for _, token := range config.TokenHeaders {
		r.Header.Set(token.Name, token.Values[0])
	}
	if len(config.Basic) > 0 {
		pair := config.Basic[0].Username + ":" + config.Basic[0].Password
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return nil
}

// sign computes the provider's own signature. A timestamp that stands in the
// body stays as it is.
func (p *Provider) sign(m *message, secrets []string) error {
	if p.signature == nil || p.Spec.Scheme != "hmac" && p.Spec.Scheme != "digest" || p.forEach != nil {
		return errors.New("webhooks of this provider can be verified, but not made: only the provider can sign them")
	}
	keys, err := newHMAC(p, secrets)
	if err != nil {
		return err
	}
	for name, value := range p.Spec.Require {
		m.Header.Set(name, value)
	}
	timestamp := p.timestamp.format(m.Received)
	if name, ok := p.timestamp.from.header(); ok {
		m.Header.Set(name, timestamp)
	}
	m.signatures.timestamp = timestamp
	code, err := keys.code(keys.keys[0], m)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return p.signature.write(m, code, timestamp)
}

// header returns the header that the first source reads.
func (s sources) header() (string, bool) {
	if len(s.templates) == 0 || len(s.templates[0]) != 1 || s.templates[0][0].kind != headerField {
		return "", false
	}
	return s.templates[0][0].name, true
}

// write puts a signature into a request, as the provider would.
func (s *signatureReader) write(m *message, signature []byte, timestamp string) error {
	value := s.spec.Prefix + s.encoding.encode(signature)
	if list := s.spec.List; list != nil && list.Assign != "" {
		value = strings.Replace(list.Tag, "*", "any", 1) + list.Assign + value
		if s.timestampTag != "" {
			value = s.timestampTag + list.Assign + timestamp + list.Separator + value
		}
	}
	switch from := s.from[0]; from.kind {
	case headerField:
		m.Header.Set(from.name, value)
	case numberedHeader:
		m.Header.Set(from.name+"1", value)
	default:
		return fmt.Errorf("cannot put a signature into %s", s.places())
	}
	return nil
}

// Identify returns a request's event and id without verifying anything.
func (p *Provider) Identify(r *Request) (*Result, error) {
	return p.message(r).identify(SignedNothing)
}
