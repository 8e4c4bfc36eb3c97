package verify

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Way is another way in which a provider signs. What is not said here is as it
// is in the description.
type Way struct {
	// How secrets are used: a scheme with a signature, jwt, or token. Secrets are
	// shared in all ways of a provider, or public keys in all of them.
	Scheme string `json:"scheme,omitempty"`

	// The hash of hmac and digest.
	Hash string `json:"hash,omitempty"`

	// How the text of a secret becomes a key. A secret that is not written so is
	// not tried in this way.
	Key string `json:"key,omitempty"`

	// Where the signature is and how it is written.
	Signature *Signature `json:"signature,omitempty"`

	// Where a static token is.
	Token *Token `json:"token,omitempty"`

	// What a JSON Web Token must say.
	JWT *JWT `json:"jwt,omitempty"`

	// Where the time is that the provider states.
	Timestamp *Timestamp `json:"timestamp,omitempty"`

	// What is signed.
	Content Content `json:"content,omitempty"`

	// How the URL is written that is part of content.
	URL *URL `json:"url,omitempty"`

	// Refuse signed values that contain the text that separates them.
	RefuseSeparators bool `json:"refuse_separators,omitempty"`

	// A hash of the body that the signed part of the request states.
	BodyHash *BodyHash `json:"body_hash,omitempty"`

	// The path of an array in the body, each element of which must verify.
	ForEach string `json:"for_each,omitempty"`

	// The headers that a request names as signed.
	Headers *SignedHeaders `json:"headers,omitempty"`

	// Header values that must be as given.
	Require map[string]string `json:"require,omitempty"`
}

// Ways returns a description for each way in which the provider signs, the
// first one as the description itself is.
func (s *Spec) Ways() []*Spec {
	first := *s
	first.Or = nil
	ways := []*Spec{&first}
	for i := range s.Or {
		way := first
		eachOwn(&s.Or[i], &way, func(from, to reflect.Value) { to.Set(from) })
		ways = append(ways, &way)
	}
	return ways
}

// eachOwn calls f with each field that a way describes and the one of that name
// in a description.
func eachOwn(way *Way, spec *Spec, f func(from, to reflect.Value)) {
	from, to := reflect.ValueOf(way).Elem(), reflect.ValueOf(spec).Elem()
	for i := range from.NumField() {
		if field := from.Field(i); !field.IsZero() {
			f(field, to.FieldByName(from.Type().Field(i).Name))
		}
	}
}

// describesWay reports whether the description says anything of how the
// provider signs, which replaces the ways of the one that it is like.
func (s *Spec) describesWay() bool {
	spec, way := reflect.ValueOf(s).Elem(), reflect.TypeFor[Way]()
	for field := range way.Fields() {
		if !spec.FieldByName(field.Name).IsZero() {
			return true
		}
	}
	return false
}

// compileWays checks the other ways in which the provider signs.
func (p *Provider) compileWays() error {
	p.ways = []*Provider{p}
	for i, spec := range p.Spec.Ways()[1:] {
		way, err := compileOne(spec, p.finder)
		if err == nil {
			err = p.checkWay(way)
		}
		if err != nil {
			return fmt.Errorf("or %d: %w", i+1, err)
		}
		way.root = p
		p.ways = append(p.ways, way)
	}
	return p.checkLast()
}

// checkWay refuses a way that does not go with the first one.
func (p *Provider) checkWay(way *Provider) error {
	for _, spec := range []*Spec{p.Spec, way.Spec} {
		if !slices.Contains(signatureSchemes, spec.Scheme) && spec.Scheme != "jwt" && spec.Scheme != "token" || spec.PublishesKeys() {
			return fmt.Errorf("a provider of the scheme %q signs in one way only", spec.Scheme)
		}
	}
	if p.Spec.TakesPublicKeys() != way.Spec.TakesPublicKeys() {
		return errors.New("one way has public keys and another one shared secrets, so that who knows the public key could sign; " +
			"describe two providers")
	}
	return nil
}

// lastSigning is the last way in which anything is signed, or nil. By what it
// signs a delivery is known, whichever way it has come: whoever has a request
// that can be verified in several ways could leave out all signatures but one.
func (p *Provider) lastSigning() *Provider {
	for _, way := range slices.Backward(p.ways) {
		if way.signature != nil {
			return way
		}
	}
	return nil
}

// checkLast refuses a last way that signs something that another one does not:
// who has seen a request of that one could change it, and it would be a new
// delivery.
func (p *Provider) checkLast() error {
	last := p.lastSigning()
	for i, way := range p.ways {
		if way == last || way.signature == nil {
			continue
		}
		for s := range last.content.segments {
			segment := &last.content.segments[s]
			for k := range segment.template {
				f := &segment.template[k]
				if f.kind != literalText && f.kind != secretKey && !way.fixesOf(last, f, segment.lower) {
					return fmt.Errorf("or: the last way signs %s, but way %d does not; write the way that signs most first, and the "+
						"one that signs least last, so that a copy is known in whichever way it is verified", f, i+1)
				}
			}
		}
		if tagged := last.signature.timestampTag; tagged != "" && (tagged != way.signature.timestampTag || last.signature.spec.From[0] != way.signature.spec.From[0]) {
			return fmt.Errorf("or: the last way has its time in the signature's list, and way %d elsewhere", i+1)
		}
	}
	return nil
}

// fixesOf reports whether what a field means in another way cannot change under a
// signature of this one.
func (p *Provider) fixesOf(other *Provider, f *field, inAnyCase bool) bool {
	if reflect.DeepEqual(p.Spec.Content, other.Spec.Content) && reflect.DeepEqual(p.Spec.Timestamp, other.Spec.Timestamp) {
		return true
	}
	if f.kind == statedTimestamp && (p.Spec.Timestamp == nil || !slices.Equal(p.Spec.Timestamp.From, other.Spec.Timestamp.From)) {
		place, ok := other.timestamp.from.only()
		return ok && p.fixes(place, inAnyCase)
	}
	return p.fixes(f, inAnyCase)
}

// fixes reports whether a field cannot change under a signature, save perhaps
// for the case of its letters.
func (p *Provider) fixes(f *field, inAnyCase bool) bool {
	if p.coverage() == SignedBody && f.inDocument() {
		return true
	}
	for i := range p.content.segments {
		s := &p.content.segments[i]
		if s.lower && !inAnyCase {
			continue
		}
		for _, covered := range s.covered() {
			if p.binds(&covered, f) {
				return true
			}
		}
	}
	return false
}

// anyOf is a provider's scheme with several ways. The first that verifies
// counts: what it signs is signed, and nothing else.
type anyOf struct{ ways []way }

// way is one of them with those secrets that are written as its keys are.
type way struct {
	provider *Provider
	check
	numbers []int // of its secrets in the configuration, from 1
}

// newScheme makes the check of the provider's scheme, in all of its ways.
func (p *Provider) newScheme(secrets []string, fetcher Fetcher) (check, error) {
	if len(p.ways) == 1 {
		return newScheme(p, secrets, fetcher)
	}
	used := make([]bool, len(secrets))
	a := new(anyOf)
	for _, provider := range p.ways {
		var fitting []string
		var numbers []int
		for i, secret := range secrets {
			if _, err := provider.newWay([]string{secret}); err == nil {
				fitting, numbers, used[i] = append(fitting, secret), append(numbers, i+1), true
			}
		}
		if len(fitting) == 0 {
			continue
		}
		c, err := provider.newWay(fitting)
		if err != nil {
			return nil, err
		}
		a.ways = append(a.ways, way{provider, c, numbers})
	}
	if i := slices.Index(used, false); i >= 0 {
		_, err := p.newWay(secrets[i : i+1])
		return nil, fmt.Errorf("secret %d of %d, by itself: %w", i+1, len(secrets), err)
	}
	return a, nil
}

func (p *Provider) newWay(secrets []string) (check, error) {
	if p.Spec.Scheme == "token" {
		token := newToken(p, p.token, p.tokenPrefix, secrets)
		token.secrets = len(secrets)
		return token, nil
	}
	return newScheme(p, secrets, nil)
}

// enter makes a message one that is read as a way describes it.
func (w *way) enter(m *message) {
	m.provider = w.provider
	m.signatures, m.key, m.matched, m.otherPort = signatures{}, nil, nil, false
	m.item, m.itemSpans, m.Request.result.Used.Secret = nil, nil, 0
}

// admit lets a message pass that may verify in some way.
func (a *anyOf) admit(m *message) error {
	return a.first(m, func(w *way) error { return w.admit(m) })
}

func (a *anyOf) verify(m *message) error {
	return a.first(m, func(w *way) error {
		if err := w.admit(m); err != nil {
			return err
		}
		if err := m.refuseMark(w.coverage()); err != nil {
			return err
		}
		if err := w.verify(m); err != nil {
			return err
		}
		m.covered = w.coverage()
		if m.Request.result.Used.Secret > 0 {
			m.Request.result.Used.Secret = w.numbers[m.Request.result.Used.Secret-1]
		}
		return nil
	})
}

// first tries all ways until one is right, and leaves the message as that one
// describes it. The refusal is the one that says most.
func (a *anyOf) first(m *message, try func(*way) error) error {
	root := m.provider
	var refusal error
	for i := range a.ways {
		w := &a.ways[i]
		w.enter(m)
		err := try(w)
		if err == nil {
			return nil
		}
		if refusal == nil || says(err) > says(refusal) {
			refusal = err
		}
	}
	m.provider, m.covered = root, ""
	return refusal
}

// says ranks refusals by how near the request has come.
func says(err error) int {
	refusal, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return 3
	case refusal.Reason == MissingSignature, refusal.Reason == MissingToken:
		return 0
	case refusal.Reason == Malformed: // it has not what is signed in that way
		return 1
	}
	return 2
}

// coverage is what the first way signs; what that is of a request, see
// message.covered.
func (a *anyOf) coverage() Coverage { return a.ways[0].coverage() }

// signedContent is what the last way signs of a message, in whichever way it was
// verified, where that can be told.
func (a *anyOf) signedContent(m *message) ([]string, error) {
	found := m.provider
	if found.signature == nil {
		return nil, nil
	}
	defer func() { m.provider = found }()
	if last := found.root.lastSigning(); last != nil && last != found {
		m.provider = last
		if content, err := (&signedScheme{provider: last}).signedContent(m); err == nil {
			return content, nil
		}
		m.provider = found
	}
	return (&signedScheme{provider: found}).signedContent(m)
}

// signedBy returns the signature that a check looks for in a message, or nil: of
// several ways the one that the message is in.
func signedBy(c check, m *message) *signedScheme {
	if a, ok := c.(*anyOf); ok {
		c = a.ways[0].check
		for i := range a.ways {
			if a.ways[i].provider == m.provider {
				c = a.ways[i].check
			}
		}
	}
	s, _ := c.(*signedScheme)
	return s
}
