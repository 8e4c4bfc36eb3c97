package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Provider is a Spec that has been checked and made ready for use.
type Provider struct {
	Spec *Spec

	content     *content
	joints      *joints
	covered     []field          // see findCovered
	endsInBody  bool             // see signsBodyLast
	signature   *signatureReader // nil without a signature
	timestamp   *timestampReader
	headers     *headersReader // nil where the request names none
	bodyHash    *field         // nil where nothing states it
	forEach     *field         // nil where the request is signed as a whole
	token       field
	tokenPrefix string
	event, id   sources
	contentID   sources
	handshakes  []handshake
	finder      *payload.Finder // of all ways
	itemFinder  payload.Finder

	root *Provider   // the first way of those that this one is of
	ways []*Provider // of the first one: all in which the provider signs, itself included

	signatureHeaders []string

	personal, secretPaths []payload.Path
}

// Compile checks a Spec.
func Compile(spec *Spec) (*Provider, error) {
	p, err := compileOne(spec, new(payload.Finder))
	if err != nil {
		return nil, err
	}
	if err := p.compileWays(); err != nil {
		return nil, err
	}
	p.findSignatureHeaders()
	return p, nil
}

// compileOne checks one way in which a provider signs, whose fields of the body
// a finder reads.
func compileOne(spec *Spec, finder *payload.Finder) (*Provider, error) {
	p := &Provider{Spec: spec, finder: finder}
	p.root = p
	var err error
	if p.content, err = compileContent(spec); err != nil {
		return nil, err
	}
	if p.timestamp, err = compileTimestamp(spec); err != nil {
		return nil, err
	}
	switch spec.Payload {
	case "", "any", "json":
	default:
		return nil, fmt.Errorf("payload is %q; it can be json or any", spec.Payload)
	}
	if p.headers, err = compileHeaders(spec); err != nil {
		return nil, err
	}
	if err := p.compileScheme(); err != nil {
		return nil, err
	}
	if p.token, p.tokenPrefix, err = compileToken(spec); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if p.event, err = parseSources(spec.Event); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	if p.id, err = parseSources(spec.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	p.contentID = p.id
	if spec.contentID != nil {
		if p.contentID, err = parseSources(spec.contentID); err != nil {
			return nil, fmt.Errorf("id: %w", err)
		}
	}
	if p.handshakes, err = compileHandshakes(spec); err != nil {
		return nil, err
	}
	if err := p.compileCatalogue(); err != nil {
		return nil, err
	}
	if err := p.checkContent(); err != nil {
		return nil, err
	}
	if p.joints, err = compileJoints(p); err != nil {
		return nil, err
	}
	p.findCovered()
	p.endsInBody = p.signsBodyLast()
	p.prepare()
	return p, nil
}

func (p *Provider) compileScheme() error {
	spec := p.Spec
	var err error
	if p.bodyHash, err = compileBodyHash(spec); err != nil {
		return err
	}
	if p.forEach, err = compileForEach(spec); err != nil {
		return err
	}
	if slices.Contains(plainSchemes, spec.Scheme) {
		return nil
	}
	if slices.Contains(signatureSchemes, spec.Scheme) {
		if len(spec.Content) == 0 {
			return errors.New("content is not set; write what is signed, such as {body}")
		}
		if p.contentCoverage() == SignedNothing {
			return errors.New("content names no part of the request, so its signature would be good for any; " +
				"write what is signed, such as {body}")
		}
		if p.signature, err = compileSignature(spec); err != nil {
			return err
		}
	}
	_, err = newScheme(p, nil, nil)
	return err
}

// checkContent refuses content that no request could have.
func (p *Provider) checkContent() error {
	tagged := p.Spec.Timestamp != nil && p.Spec.Timestamp.Tag != ""
	switch {
	case p.content.has(statedTimestamp) && len(p.timestamp.from.templates) == 0 && !tagged:
		return errors.New("content names the timestamp, but timestamp does not say where it is")
	case p.content.has(deliveryID) && len(p.contentID.templates) == 0:
		return errors.New("content names the id, but id does not say where it is")
	case p.headers == nil && (p.content.has(signedHeaders) || p.content.has(headerNames)):
		return errors.New("content names the headers, but headers does not say which a request signs")
	case p.forEach == nil && p.namesItem():
		return errors.New("item.PATH is named, but for_each does not say of what array")
	case p.bodyHash != nil && p.signature != nil && !p.namesBodyHash():
		return fmt.Errorf("body_hash: content does not name %s, so anybody could state the hash of another body; "+
			"write it into content", p.bodyHash)
	}
	return nil
}

// namesBodyHash reports whether the hash of the body is part of the content.
func (p *Provider) namesBodyHash() bool {
	named := false
	p.content.each(func(f *field) { named = named || p.binds(f, p.bodyHash) })
	return named
}

// methods returns the methods of events.
func (p *Provider) methods() []string {
	if len(p.Spec.Methods) == 0 {
		return []string{http.MethodPost}
	}
	return p.Spec.Methods
}

// namesItem reports whether something is read out of the items of an array.
func (p *Provider) namesItem() bool {
	isItem := func(f field) bool { return f.kind == itemPath }
	return p.content.has(itemPath) || isItem(p.token) ||
		p.signature != nil && slices.ContainsFunc(p.signature.from, isItem)
}

// prepare collects what has to be read out of a body.
func (p *Provider) prepare() {
	p.content.prepare(p.finder, &p.itemFinder)
	for _, s := range []sources{p.event, p.id, p.contentID, p.timestamp.from} {
		s.prepare(p.finder)
	}
	if p.signature != nil {
		for i := range p.signature.from {
			p.signature.from[i].prepare(p.finder, true)
			p.signature.from[i].prepareItem(&p.itemFinder)
		}
	}
	p.token.prepare(p.finder, true)
	p.token.prepareItem(&p.itemFinder)
	for _, f := range []*field{p.bodyHash, p.forEach} {
		if f != nil {
			f.prepare(p.finder, true)
		}
	}
	for i := range p.handshakes {
		p.handshakes[i].prepare(p.finder)
	}
}

// Finder returns what is read out of the bodies of the provider's requests.
// Others can add what they read, so that a body is read once for all.
func (p *Provider) Finder() *payload.Finder { return p.finder }

// EventExpression returns the expression that finds the event's name where no
// field holds it. Result.Event is empty then.
func (p *Provider) EventExpression() string { return p.event.expression }

// IDExpression returns the expression that finds the delivery's id where no
// field holds it. Result.ID is empty then.
func (p *Provider) IDExpression() string { return p.id.expression }

// FixedEvent returns the event's name if it is the same for all requests.
func (p *Provider) FixedEvent() (string, bool) { return p.event.fixed() }

// signsOutOfBody reports whether the signature is over values that are read out
// of the payload. A scheme that does not say so is taken to.
func (p *Provider) signsOutOfBody() bool {
	return p.signature == nil && p.Spec.Scheme != "paypal" || p.content.has(bodyPath) || p.content.has(bodyJSON) ||
		p.content.has(itemPath)
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
	for _, way := range p.ways {
		way.content.each(add)
		for _, s := range []sources{way.event, way.id, way.contentID, way.timestamp.from} {
			for _, t := range s.templates {
				for i := range t {
					add(&t[i])
				}
			}
		}
		if way.signature != nil {
			for i := range way.signature.from {
				add(&way.signature.from[i])
			}
		}
		if way.headers != nil {
			add(&way.headers.from)
			for _, name := range way.headers.spec.Must {
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	return names
}

// SignatureHeaders returns the canonical names of the headers that hold the
// provider's signature. They are wrong once the payload has changed.
func (p *Provider) SignatureHeaders() []string { return p.signatureHeaders }

func (p *Provider) findSignatureHeaders() {
	for _, way := range p.ways {
		if way.signature == nil {
			continue
		}
		for _, f := range way.signature.from {
			if (f.kind == headerField || f.kind == numberedHeader) && !slices.Contains(p.signatureHeaders, f.name) {
				p.signatureHeaders = append(p.signatureHeaders, f.name)
			}
		}
	}
}

// message is a request in the course of its verification.
type message struct {
	*Request
	provider   *Provider
	publicURL  *url.URL
	signatures signatures
	begun      *hashState // the code that Hash has begun; nil if it has none
	key        []byte     // the secret being tried
	matched    *hmacKey   // the one whose code was right; nil while none was
	hmac       string     // what a handshake is answered with
	covered    Coverage   // by a scheme of others; empty for built-in ones
	deferred   bool       // Admit left the credentials to Verify
	otherPort  bool       // the URL is tried with, or without, its standard port
	item       []byte     // the element of an array that is being checked
	itemSpans  []payload.Span
}

// message returns what is known of a request so far.
func (p *Provider) message(r *Request) *message {
	m := &r.checking
	if m.Request != r || m.provider.root != p {
		*m = message{Request: r, provider: p}
		r.result = Result{}
	}
	return m
}

// span returns where a value stands in the JSON document of the body. Reading
// is put off to here so that a signature over the whole body is checked before
// anything is parsed.
func (m *message) span(slot int) (payload.Span, error) {
	return m.Body.Span(m.provider.finder, slot)
}

// timestamp returns the text of the time that the provider states.
func (m *message) timestamp() (string, bool, error) {
	if from := m.provider.timestamp.from; len(from.templates) > 0 {
		text, err := from.text(m)
		return text, text != "", err
	}
	return m.signatures.timestamp, m.signatures.timestamp != "", nil
}

// result says what a verified message is.
func (m *message) result(signed Coverage) (*Result, error) {
	r, err := m.identify(signed)
	if err != nil {
		return nil, err
	}
	text, _, unreadable := m.timestamp()
	if r.Timestamp, r.NoTime, err = m.provider.timestamp.check(text, m.Received); err != nil {
		return nil, err
	}
	if unreadable != nil && !errors.Is(unreadable, payload.ErrNotJSON) {
		r.NoTime = unreadable
	}
	return r, nil
}

// identify finds the event's name and the delivery's id.
func (m *message) identify(signed Coverage) (*Result, error) {
	r := &m.Request.result
	*r = Result{Signed: signed, Used: r.Used}
	var err error
	for _, found := range []struct {
		from sources
		to   *string
	}{{m.provider.event, &r.Event}, {m.provider.id, &r.ID}} {
		if *found.to, err = found.from.text(m); err == nil {
			continue
		}
		if !tolerable(err, signed) {
			return nil, refuse(Malformed, "%v", err)
		}
		if r.Unreadable == nil && !errors.Is(err, payload.ErrNotJSON) {
			r.Unreadable = err
		}
	}
	if len(r.Event) > MaxName || len(r.ID) > MaxName {
		return nil, refuse(Malformed, "the event's name or the delivery's id is longer than %d bytes", MaxName)
	}
	return r, nil
}

// MaxName is the largest event name or delivery id in bytes.
const MaxName = 1024

// tolerable reports whether a body that cannot be read may pass: its event is
// unknown then, which is told of, and it is forwarded as it came. A name that stands twice may
// not, unless the provider signed it so: the application could read another
// value than the one that was routed by.
func tolerable(err error, signed Coverage) bool {
	return signed == SignedBody || !errors.Is(err, payload.ErrDuplicateName)
}
