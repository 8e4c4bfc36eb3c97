package route

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Event is a verified webhook, or one that an endpoint only observes: what is
// known of one request from its verification to the rules, the rewriting and the
// log. It belongs to that request and is not safe for concurrent use.
type Event struct {
	Provider  string          // the provider's name in the configuration
	Endpoint  string          // the name of the endpoint where it arrived
	Name      string          // the event's name; empty where none was found
	ID        string          // the delivery's id; empty where none was found
	Timestamp time.Time       // when the provider says it happened, else Received
	Received  time.Time       // when it arrived
	Signed    verify.Coverage // how much of the request the provider signed

	// Tenant is the id of the customer whose webhook it is, and Vars are what is known
	// of that customer; empty where an endpoint has no tenants. Vars are shared and not
	// to be changed.
	Tenant string
	Vars   map[string]string

	// Refusal is why it would have been refused, where an endpoint only observes: it
	// is not verified then. It is nil for an event that is.
	Refusal *verify.Error

	// Ref names the event in the archive; empty where it is not kept.
	Ref string

	// Used says which of the configured credentials were right.
	Used verify.Used

	// Unreadable is why the name or the id could not be read, though they may be
	// there; nil if they could. NoTime is why Timestamp is that of the arrival,
	// though the provider states one. Their texts hold no payload.
	Unreadable, NoTime error

	// AnswerWithin is how long the provider waits for an answer; 0 where unknown.
	AnswerWithin time.Duration

	Body  *payload.Body // the payload, as it came or as it was rewritten
	Route string        // the block that takes it, such as on 1; empty while none has

	// RequireSigned forbids to read what the provider has not signed: by
	// expressions, rewrites and Lookup, see MayRead. Synchronous events are
	// questions: the sender wants the app's own answer. Watched events keep what
	// they were held against, see Judge.
	RequireSigned, Synchronous, Watched bool

	categorized bool // Categories are known

	// Verdicts are of watched events. Shown, if it is not nil, is the event without
	// what must not be seen; what is done to the payload is to be done to it, too.
	Verdicts []Verdict
	Shown    *Event

	// Failure is which line of a rewrite failed, and why; empty if none did. It
	// holds no payload.
	Failure string

	// StaleHeaders are the beginnings of the names of headers that hold the
	// provider's signature, which is wrong once the payload has changed.
	StaleHeaders []string

	// Credentials are the places of what proves who sent the request, as in
	// "header.Authorization" or "query.token". They must not be kept.
	Credentials []string

	categories []string // that the event is in, once categorized

	arrived *payload.Body // the payload as it came; nil while Body is that one
	vouched vouched       // what of Body may be read if RequireSigned

	method string
	url    *url.URL
	header http.Header

	provider *verify.Provider // nil for one that was stored
	identity *Identity

	finder    *payload.Finder // what is read of the payload
	rewritten *payload.Finder // the same, once it was rewritten
	facts     [len(facts)]any // what expressions know besides; each nil before one asks, see fact
	env       *env
}

// Identity finds an event's name and id where the provider's fields do not
// hold them, by the expressions of its description.
type Identity struct {
	// Endpoint is the name of the endpoint where the events arrive. Default: the
	// provider.
	Endpoint string

	event, id    *Value
	idSigned     bool     // every place that the id may come from is signed
	signedFields []string // see Snapshot
	groups       []category
	personal     []string // paths of an operator's own provider, of which events were stored

	// What is read of payloads after they were rewritten: there, nothing is
	// signed any more.
	rewritten payload.Finder
}

// NewIdentity compiles the expressions of a provider.
func NewIdentity(p *verify.Provider) (*Identity, error) {
	identity := Identity{signedFields: signedFields(p)}
	var err error
	if source := p.EventExpression(); source != "" {
		if identity.event, err = CompileValue(source); err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
	}
	if source := p.IDExpression(); source != "" {
		if identity.id, err = CompileValue(source); err != nil {
			return nil, fmt.Errorf("id: %w", err)
		}
	}
	if identity.groups, err = compileCategories(p.Spec.Categories); err != nil {
		return nil, err
	}
	identity.idSigned = p.Signs("id")
	if identity.id != nil {
		for _, name := range identity.id.Reads() {
			identity.idSigned = identity.idSigned && p.Signs(name)
		}
	}
	return &identity, nil
}

// IDSigned reports whether the provider signs every place that the delivery's
// id may come from.
func (i *Identity) IDSigned() bool { return i.idSigned }

// NewEvent makes the event of a verified request.
func NewEvent(p *verify.Provider, identity *Identity, r *verify.Request, result *verify.Result) (*Event, error) {
	e := &Event{
		Provider:  p.Spec.Name,
		Endpoint:  cmp.Or(identity.Endpoint, p.Spec.Name),
		Name:      result.Event,
		ID:        result.ID,
		Timestamp: result.Timestamp,
		Received:  r.Received,
		Signed:    result.Signed,
		Refusal:   result.Refusal,
		Used:      result.Used,
		Body:      r.Body,

		Synchronous: p.Spec.Synchronous,
		Unreadable:  result.Unreadable,
		NoTime:      result.NoTime,

		AnswerWithin: time.Duration(p.Spec.AnswerWithin),
		StaleHeaders: p.SignatureHeaders(),

		method:    r.Method,
		url:       r.URL,
		header:    r.Header,
		finder:    p.Finder(),
		rewritten: &identity.rewritten,

		provider: p,
		identity: identity,
	}
	if e.Timestamp.IsZero() {
		e.Timestamp = r.Received
	}
	for _, found := range []struct {
		name *string
		from *Value
	}{{&e.Name, identity.event}, {&e.ID, identity.id}} {
		err := e.identify(found.name, found.from)
		if err == nil && len(*found.name) > verify.MaxName {
			err = fmt.Errorf("the event's name or the delivery's id is longer than %d bytes", verify.MaxName)
		}
		if err != nil && e.Refusal == nil {
			return nil, err
		}
		if err != nil {
			*found.name, e.Unreadable = "", err
		}
	}
	e.categories, e.categorized = nil, false
	e.env, e.facts = nil, [len(facts)]any{} // made before the name and the id were known
	return e, nil
}

// identify finds the event's name or id by an expression, if there is one and
// no field has held it. An expression that fails for a payload finds nothing, as
// a field does that is absent; for a payload that cannot be read it may find
// what it falls back on.
func (e *Event) identify(name *string, expression *Value) error {
	if *name != "" || expression == nil {
		return nil
	}
	var err error
	if *name, err = expression.text(e); errors.Is(err, ErrAmbiguous) {
		return err
	}
	if e.Unreadable == nil {
		e.Unreadable = e.Body.Failure()
	}
	return nil
}

// ErrAmbiguous is returned by what reads a name of the payload that stands
// twice, and that the provider has not signed so: the application could read
// another value than the one that decides here. The request is to be refused.
var ErrAmbiguous error = payload.Fault("the payload is ambiguous: a name that is read stands twice")

// isAmbiguous reports whether a body could not be read because a name stands
// twice that nobody vouches for.
func (e *Event) isAmbiguous(err error) bool {
	return e.Signed != verify.SignedBody && errors.Is(err, payload.ErrDuplicateName)
}

// SetBody replaces the payload, which later rules and rewrites then see. Where
// only signed values may be read, none of it is one.
func (e *Event) SetBody(document []byte, contentType string) {
	if e.arrived == nil {
		e.arrived = e.Body
	}
	e.Body = e.Body.ReplacedBy(document, contentType)
	e.finder = e.rewritten
	e.env = nil
	e.vouched = vouchedNot
}

// SetOutcome replaces the payload by the one that a rewrite has made.
func (e *Event) SetOutcome(out *Outcome) {
	e.Body.Drop()
	e.SetBody(out.Body, out.ContentType)
	e.vouched = out.vouched
}

// Arrived returns the payload as it came.
func (e *Event) Arrived() *payload.Body {
	if e.arrived != nil {
		return e.arrived
	}
	return e.Body
}

// Outgoing returns the event as an app sees it that gets a request: rules can
// then be asked about what a rewrite has made. They may read all of it.
func (e *Event) Outgoing(method string, target *url.URL, header http.Header, body []byte) *Event {
	out := *e
	out.method, out.url, out.header = method, target, header
	clear(out.facts[:])
	out.RequireSigned = false
	out.SetBody(body, header.Get("Content-Type"))
	return &out
}

// signs reports whether the provider has signed a field.
func (e *Event) signs(field string) bool {
	if e.provider == nil {
		return e.signedAsListed(field)
	}
	return e.Signed != verify.SignedNothing && e.provider.Signs(field)
}

// query returns the first value of a parameter of the URL.
func (e *Event) query(name string) string { return e.url.Query().Get(name) }

// variable returns what is known of the tenant under a name.
func (e *Event) variable(name string) string { return e.Vars[name] }

// Lookup returns the value at a path of the payload as text: a string as it
// is, a number as it was written, objects and arrays as JSON. What may not be
// read is not there.
func (e *Event) Lookup(path string) (string, bool) {
	if !e.MayRead("body." + path) {
		return "", false
	}
	raw, err := e.Body.Lookup(e.finder, path)
	if err != nil || raw == nil {
		return "", false
	}
	if text, ok := payload.Text(raw); ok {
		return text, true
	}
	if string(raw) == "null" {
		return "", false
	}
	return string(raw), true
}

// String names the event without its payload, so that an event that ends up
// in a log or an error page gives nothing away.
func (e *Event) String() string { return fmt.Sprintf("webhook %s %q", e.Provider, e.Name) }
