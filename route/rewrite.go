package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Rewrite says how a webhook is changed before it goes on.
type Rewrite struct {
	// An expression whose result, as JSON, is the new payload.
	Body string `json:"body,omitempty"`

	// Changes in place, one after the other, of the payload or of what body
	// made of it. Bytes that an edit does not name stay as they are.
	Edits []Edit `json:"edits,omitempty"`

	// Request headers to set. A header whose expression is nil is removed.
	Headers []Header `json:"headers,omitempty"`

	// An expression for the new path and query.
	URI string `json:"uri,omitempty"`

	// The format that the payload is brought into at last.
	CloudEvents *CloudEvents `json:"cloudevents,omitempty"`
}

// Edit is one change of a payload in place: set, rename or delete. Paths are
// dotted; a star stands for all elements of an array or all members of an
// object, and a path may lead into a string that holds JSON.
type Edit struct {
	// The path whose value is set. What is missing on the way is made.
	Set string `json:"set,omitempty"`

	// The expression for the value that is set.
	Value string `json:"value,omitempty"`

	// The path whose value is moved. Nothing happens if there is none.
	Rename string `json:"rename,omitempty"`

	// The path that the value is moved to, which must be free.
	To string `json:"to,omitempty"`

	// The path whose value is removed. Nothing happens if there is none.
	// "personal" stands for all that the provider's description names as personal
	// data or secrets; without any the request fails.
	Delete string `json:"delete,omitempty"`
}

// Header is a request header that an expression computes.
type Header struct {
	// The name of the header.
	Name string `json:"name,omitempty"`

	// The expression for its value.
	Value string `json:"value,omitempty"`
}

// Rewriter is a Rewrite ready for use, by many goroutines.
type Rewriter struct {
	body        *Value
	uri         *uriValue
	edits       []editor
	headers     []headerValue
	cloudEvents *cloudEventer
}

type headerValue struct {
	name  string
	value *Value
}

// Outcome is what a rewrite made of an event.
type Outcome struct {
	Body        []byte       // the new payload; nil: unchanged
	ContentType string       // of the new payload
	Headers     []HeaderEdit // in their order
	URI         string       // the new path and query; empty: unchanged
	CloudEvent  bool         // headers that begin with Ce- are the sender's, and wrong

	vouched vouched // of Body
}

// HeaderEdit is a header to set, or to remove where Value is nil.
type HeaderEdit struct {
	Name  string
	Value *string
}

// NewRewriter compiles the expressions of a Rewrite.
func NewRewriter(rewrite *Rewrite) (*Rewriter, error) {
	var r Rewriter
	var err error
	if rewrite.Body != "" {
		if r.body, err = CompileValue(rewrite.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	for i := range rewrite.Edits {
		edit, err := compileEdit(&rewrite.Edits[i])
		if err != nil {
			return nil, err
		}
		r.edits = append(r.edits, edit)
	}
	for _, header := range rewrite.Headers {
		if !httpguts.ValidHeaderFieldName(header.Name) {
			return nil, fmt.Errorf("%q is not the name of a header", header.Name)
		}
		value, err := CompileValue(header.Value)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", header.Name, err)
		}
		r.headers = append(r.headers, headerValue{header.Name, value})
	}
	if rewrite.URI != "" {
		if r.uri, err = compileURI(rewrite.URI); err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
	}
	if rewrite.CloudEvents != nil {
		if r.cloudEvents, err = compileCloudEvents(rewrite.CloudEvents); err != nil {
			return nil, err
		}
	}
	if r.body == nil && r.edits == nil && r.headers == nil && r.uri == nil && r.cloudEvents == nil {
		return nil, errors.New("nothing to rewrite: write body, set, rename, delete, header, uri or as")
	}
	return &r, nil
}

// Apply computes all that is to change, from the event as it is before.
func (r *Rewriter) Apply(e *Event) (*Outcome, error) {
	out := new(Outcome)
	var err error
	if r.uri != nil {
		if out.URI, err = r.uri.requestURI(e); err != nil {
			return nil, &lineError{"uri", err}
		}
	}
	for _, header := range r.headers {
		edit, err := header.edit(e)
		if err != nil {
			return nil, &lineError{"header " + header.name, err}
		}
		out.Headers = append(out.Headers, edit)
	}
	if err := r.rewriteBody(out, e); err != nil {
		return nil, err
	}
	if r.cloudEvents != nil {
		return out, r.cloudEvents.apply(out, e)
	}
	return out, nil
}

// vouches says what of the new payload may be read.
func (r *Rewriter) vouches(e *Event) vouched {
	switch {
	case r.body != nil:
		return vouchedWhole
	case slices.ContainsFunc(r.edits, editor.moves) && !e.MayRead("body"):
		return vouchedNot
	default:
		return e.vouched
	}
}

// maxGrowth is how many bytes edits may add beside four times the payload.
const maxGrowth = 4 << 20

// rewriteBody makes the new payload, if there is to be one.
func (r *Rewriter) rewriteBody(out *Outcome, e *Event) error {
	if r.body == nil && r.edits == nil {
		return nil
	}
	document := e.Body.Document()
	var err error
	if r.body != nil {
		if document, err = r.body.document(e); err != nil {
			return &lineError{"body", err}
		}
	}
	if len(document) == 0 {
		return payload.Fault("the payload is not JSON, so it cannot be edited in place; write body")
	}
	largest := 4*len(document) + maxGrowth
	for i, edit := range r.edits {
		// The payload as it came is read already.
		arrived := i == 0 && r.body == nil
		if document, err = edit.apply(document, e, arrived); err != nil {
			if e.isAmbiguous(err) {
				err = fmt.Errorf("%w: %w", ErrAmbiguous, err)
			}
			return &lineError{edit.String(), err}
		}
		if len(document) > largest {
			return &lineError{edit.String(), payload.Fault("the payload would be too large")}
		}
	}
	out.Body, out.ContentType, out.vouched = document, "application/json", r.vouches(e)
	return nil
}

// editor is an Edit ready for use.
type editor struct {
	name     string
	path, to payload.Path
	place    *payload.Chain // that of path; nil if it names several values
	value    *Value         // of set
	personal bool           // instead of path: what the provider's description names
}

func compileEdit(e *Edit) (editor, error) {
	var ed editor
	var text string
	switch {
	case e.Set != "" && e.Rename == "" && e.Delete == "":
		ed.name, text = "set", e.Set
	case e.Rename != "" && e.Set == "" && e.Delete == "":
		ed.name, text = "rename", e.Rename
	case e.Delete != "" && e.Set == "" && e.Rename == "":
		ed.name, text = "delete", e.Delete
	default:
		return ed, errors.New("an edit is either set, rename or delete")
	}
	if e.Delete == verify.PersonalData {
		ed.personal, ed.path = true, payload.Path{text}
		return ed, nil
	}
	var err error
	if ed.path, err = payload.ParsePath(text); err != nil {
		return ed, fmt.Errorf("%s: %w", ed.name, err)
	}
	if !slices.Contains(ed.path, payload.Every) {
		ed.place = payload.NewPathChain(ed.path)
	}
	switch ed.name {
	case "set":
		ed.value, err = CompileValue(e.Value)
	case "rename":
		ed.to, err = payload.ParsePath(e.To)
	}
	if err != nil {
		return ed, fmt.Errorf("%s %s: %w", ed.name, text, err)
	}
	return ed, nil
}

// moves reports whether the edit may move elements of a list, so that others
// than before are where they were.
func (ed editor) moves() bool {
	return ed.name != "set" && slices.ContainsFunc(ed.path, func(step string) bool {
		return step == payload.Every || strings.Trim(step, "0123456789") == ""
	})
}

// String returns the line that an operator writes for it, without expressions.
func (ed editor) String() string {
	if ed.name == "rename" {
		return "rename " + ed.path.String() + " " + ed.to.String()
	}
	return ed.name + " " + ed.path.String()
}

// apply edits a document, which may be the event's payload itself.
func (ed editor) apply(document []byte, e *Event, isPayload bool) ([]byte, error) {
	switch ed.name {
	case "set":
		value, err := ed.value.document(e)
		if err != nil {
			return nil, err
		}
		if isPayload && ed.place != nil {
			if at, err := e.Body.Locate(e.finder, ed.place); err == nil && at.Found() {
				return payload.AppendSet(make([]byte, 0, len(document)+len(value)), document, at, value), nil
			}
		}
		return payload.Set(document, ed.path, value)
	case "rename":
		if err := e.checkRead("body." + ed.path.String()); err != nil {
			return nil, err
		}
		return payload.Rename(document, ed.path, ed.to)
	default:
		if ed.personal {
			return e.withoutPersonal(document)
		}
		return payload.Delete(document, ed.path)
	}
}

func (v *Value) document(e *Event) ([]byte, error) {
	result, err := v.run(e)
	if err != nil {
		return nil, err
	}
	return payload.Encode(result)
}

func (h headerValue) edit(e *Event) (HeaderEdit, error) {
	result, err := h.value.run(e)
	if err != nil || result == nil {
		return HeaderEdit{Name: h.name}, err
	}
	text, err := Text(result)
	text = HeaderText(text)
	return HeaderEdit{Name: h.name, Value: &text}, err
}

// HeaderText makes text fit for the value of a header: what is not printable
// ASCII is percent-encoded, so that no line can be added.
func HeaderText(text string) string {
	plain := func(c byte) bool { return ' ' <= c && c <= '~' }
	safe := true
	for i := range len(text) {
		safe = safe && plain(text[i])
	}
	if safe {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) && c != '%' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
