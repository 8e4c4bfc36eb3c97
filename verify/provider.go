package verify

import (
	"errors"
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Provider is a Spec that has been checked and made ready for use.
type Provider struct {
	Spec *Spec

	content   *content
	signature *signatureReader // nil without a scheme
	timestamp *timestampReader
	event, id sources
	finder    payload.Finder
}

// Compile checks a Spec.
func Compile(spec *Spec) (*Provider, error) {
	p := &Provider{Spec: spec}
	var err error
	if p.content, err = compileContent(spec); err != nil {
		return nil, err
	}
	switch spec.Scheme {
	case "", "token", "basic", "none":
	case "hmac", "digest":
		if len(spec.Content) == 0 {
			return nil, errors.New("content is not set; write what is signed, such as {body}")
		}
		if p.signature, err = compileSignature(spec); err != nil {
			return nil, err
		}
		if _, err = newHMAC(p, nil); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("scheme is %q; it can be hmac, digest, token, basic or none", spec.Scheme)
	}
	if p.timestamp, err = compileTimestamp(spec); err != nil {
		return nil, err
	}
	if p.event, err = parseSources(spec.Event); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	if p.id, err = parseSources(spec.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	p.prepare()
	return p, nil
}

// prepare collects what has to be read out of a body.
func (p *Provider) prepare() {
	p.content.prepare(&p.finder)
	p.event.prepare(&p.finder)
	p.id.prepare(&p.finder)
	if p.timestamp.from != nil {
		p.timestamp.from.prepare(&p.finder, false)
	}
	if p.signature != nil {
		for i := range p.signature.from {
			p.signature.from[i].prepare(&p.finder, true)
		}
	}
}

// EventExpression returns the expression that finds the event's name where no
// field holds it. Result.Event is empty then.
func (p *Provider) EventExpression() string { return p.event.expression }

// IDExpression returns the expression that finds the delivery's id where no
// field holds it. Result.ID is empty then.
func (p *Provider) IDExpression() string { return p.id.expression }

// FixedEvent returns the event's name if it is the same for all requests.
func (p *Provider) FixedEvent() (string, bool) { return p.event.fixed() }

// Coverage says how much of a request the provider's own scheme signs.
func (p *Provider) Coverage() Coverage {
	if p.signature == nil {
		return SignedNothing
	}
	return p.content.coverage()
}

// SignedFields names the fields that the provider's own scheme signs, in their
// order.
func (p *Provider) SignedFields() []string {
	var names []string
	p.content.each(func(f *field) {
		if f.kind != literalText && f.kind != secretKey {
			names = append(names, f.String())
		}
	})
	return names
}

// message is a request in the course of its verification.
type message struct {
	*Request
	provider   *Provider
	signatures signatures
	key        []byte // the secret being tried
}

// text returns a field of the request, or of what its verification knows.
func (m *message) text(f *field) (string, bool, error) {
	switch f.kind {
	case statedTimestamp:
		return m.timestamp()
	case deliveryID:
		id, err := m.provider.id.text(m.Request)
		return id, id != "", err
	case secretKey:
		return string(m.key), true, nil
	default:
		return f.text(m.Request)
	}
}

// timestamp returns the text of the time that the provider states.
func (m *message) timestamp() (string, bool, error) {
	if from := m.provider.timestamp.from; from != nil {
		return from.text(m.Request)
	}
	return m.signatures.timestamp, m.signatures.timestamp != "", nil
}

// result says what a verified message is.
func (m *message) result(signed Coverage) (*Result, error) {
	r, err := m.identify(signed)
	if err != nil {
		return nil, err
	}
	text, _, _ := m.timestamp()
	if r.Timestamp, err = m.provider.timestamp.check(text, m.Received); err != nil {
		return nil, err
	}
	return r, nil
}

// identify finds the event's name and the delivery's id.
func (m *message) identify(signed Coverage) (*Result, error) {
	r := &Result{Signed: signed}
	var err error
	if r.Event, err = m.provider.event.text(m.Request); err != nil && !tolerable(err, signed) {
		return nil, refuse(Malformed, "%v", err)
	}
	if r.ID, err = m.provider.id.text(m.Request); err != nil && !tolerable(err, signed) {
		return nil, refuse(Malformed, "%v", err)
	}
	if len(r.Event) > maxName || len(r.ID) > maxName {
		return nil, refuse(Malformed, "the event's name or the delivery's id is longer than %d bytes", maxName)
	}
	return r, nil
}

// maxName is the largest event name or delivery id in bytes.
const maxName = 1024

// tolerable reports whether a body that cannot be read may pass: its event is
// unknown then, and it is forwarded as it came. A name that stands twice may
// not, unless the provider signed it so: the application could read another
// value than the one that was routed by.
func tolerable(err error, signed Coverage) bool {
	return signed == SignedBody || !errors.Is(err, payload.ErrDuplicateName)
}

// Signs reports whether the provider's own scheme signs a field, which is
// named as in a Spec: "body.id", "header.X-Event".
func (p *Provider) Signs(name string) bool {
	f, err := parseField(name)
	return err == nil && p.signature != nil && p.content.covers(&f)
}

// HeaderNames returns the canonical names of the headers that are read to
// verify and to identify a request.
func (p *Provider) HeaderNames() []string {
	var names []string
	add := func(f *field) {
		if f.kind == headerField {
			names = append(names, f.name)
		}
	}
	p.content.each(add)
	for _, source := range []sources{p.event, p.id} {
		for _, t := range source.templates {
			for i := range t {
				add(&t[i])
			}
		}
	}
	if p.timestamp.from != nil {
		add(p.timestamp.from)
	}
	if p.signature != nil {
		for i := range p.signature.from {
			add(&p.signature.from[i])
		}
	}
	return names
}
