package verify

import (
	"encoding/base64"
	"fmt"
)

// Sign puts the credentials of config into a request, as the provider would:
// the first value of each kind. It serves for sending test webhooks; the
// request's Body must be set.
func Sign(spec *Spec, config *Config, r *Request) error {
	v, err := New(spec, config)
	if err != nil {
		return err
	}
	r.fields = &v.provider.finder
	tokens := config.Tokens
	if len(config.Secrets) > 0 {
		if v.provider.signature == nil {
			tokens = append(tokens, config.Secrets...)
		} else if err := v.provider.sign(r, config.Secrets[:1]); err != nil {
			return err
		}
	}
	if len(tokens) > 0 {
		header, prefix := spec.tokenHeader()
		r.Header.Set(header, prefix+tokens[0])
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
func (p *Provider) sign(r *Request, secrets []string) error {
	scheme, err := newHMAC(p, secrets)
	if err != nil {
		return err
	}
	timestamp := p.timestamp.format(r.Received)
	if from := p.timestamp.from; from != nil && from.kind == headerField {
		r.Header.Set(from.name, timestamp)
	}
	m := &message{Request: r, provider: p, signatures: signatures{timestamp: timestamp}}
	code, err := scheme.code(scheme.keys[0], m)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return p.signature.write(r, code, timestamp)
}

// Identify returns a request's event and id without verifying anything.
func (p *Provider) Identify(r *Request) (*Result, error) {
	r.fields = &p.finder
	return (&message{Request: r, provider: p}).identify(SignedNothing)
}
