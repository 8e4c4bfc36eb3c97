package payload

import (
	"bytes"
	"net/url"
	"strings"
	"sync"
)

// ErrNotJSON is returned for a body that holds no JSON document.
var ErrNotJSON error = Fault("the body holds no JSON document")

var errForm error = Fault("the form is not valid: a percent sign without two hexadecimal digits, or a semicolon between fields")

// Body is a request's body, read from the wire once. It is not safe for
// concurrent use, save for Drop.
type Body struct {
	raw         []byte
	contentType string
	formField   string

	form     url.Values
	formErr  error
	document []byte
	value    any
	valueErr error

	media                             mediaKind
	formRead, documentRead, valueRead bool

	mu     sync.Mutex // of what was decoded, see Drop
	memory Memory     // where it counts; nil: nowhere
	held   int64      // how much

	reading
}

// New wraps the bytes that came over the wire. Where formField is not empty
// and the body is a form, the JSON document is the value of that field; Every
// stands for the only field that holds an object.
func New(raw []byte, contentType, formField string) *Body {
	b := new(Body)
	b.Init(raw, contentType, formField)
	return b
}

// Init makes a Body what New returns, where there is room for one already.
func (b *Body) Init(raw []byte, contentType, formField string) {
	*b = Body{raw: raw, contentType: contentType, media: kindOf(MediaType(contentType)), formField: formField}
}

// Bytes returns the body as it came over the wire. It must not be changed.
func (b *Body) Bytes() []byte { return b.raw }

// FormField names the field of a form that holds the JSON document.
func (b *Body) FormField() string { return b.formField }

// IsForm reports whether the body is a URL-encoded form. Clients that declare
// every body a form are not believed where it begins as a JSON document does.
func (b *Body) IsForm() bool { return b.media == urlEncoded && !b.LooksLikeJSON() }

// IsMultipart reports whether the body is a form of several parts. Of the files
// in it nothing is read.
func (b *Body) IsMultipart() bool { return b.media == multipartForm && !b.LooksLikeJSON() }

// hasFields reports whether the body is a form of either kind.
func (b *Body) hasFields() bool { return b.IsForm() || b.IsMultipart() }

// LooksLikeJSON reports whether the body begins as an object or array does.
func (b *Body) LooksLikeJSON() bool { return beginsAsJSON(unmarked(b.raw)) }

func beginsAsJSON(document []byte) bool {
	start := space(document, 0)
	return start < len(document) && (document[start] == '{' || document[start] == '[')
}

// Marked reports whether the body begins with a byte order mark. RFC 8259 lets
// a reader ignore it, and not every reader does.
func (b *Body) Marked() bool { return bytes.HasPrefix(b.raw, mark) }

// mark is the byte order mark in UTF-8.
var mark = []byte("\xef\xbb\xbf")

func unmarked(raw []byte) []byte { return bytes.TrimPrefix(raw, mark) }

// CheckJSON returns an error unless the payload is JSON to its end: the body
// without a byte order mark, or the field of a form that holds the document.
func (b *Body) CheckJSON() error {
	switch {
	case b.Marked():
		return Fault("the body begins with a byte order mark, so it is not JSON to every reader")
	case b.hasFields() && b.formField == "":
		return Fault("the body is a form, not JSON")
	}
	return emptyTree.find(b.Document(), make([]Span, 1), false)
}

// Form returns the fields of a form, and nothing for other bodies. Those of a
// multipart form have no files among them.
func (b *Body) Form() (url.Values, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fields()
}

func (b *Body) fields() (url.Values, error) {
	if !b.formRead {
		b.formRead = true
		b.form, b.formErr = b.parseForm()
	}
	return b.form, b.formErr
}

func (b *Body) parseForm() (url.Values, error) {
	switch {
	case b.IsMultipart():
		return b.parseMultipart()
	case !b.IsForm():
		return nil, nil
	}
	if err := b.keep(sizeOfForm(b.raw)); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b.raw))
	if err != nil {
		return form, errForm // that error quotes the form
	}
	return form, nil
}

// Document returns the JSON text inside the body: the body itself, whatever
// content type it is declared as, or the form field that holds it.
func (b *Body) Document() []byte {
	if !b.documentRead {
		b.documentRead = true
		b.document = b.findDocument()
	}
	return b.document
}

func (b *Body) findDocument() []byte {
	if !b.hasFields() {
		return unmarked(b.raw)
	}
	if b.formField == "" {
		return nil
	}
	form, err := b.Form()
	switch values := form[b.formField]; {
	case err != nil:
		return nil
	case b.formField == Every:
		return onlyObject(form)
	case len(values) == 1:
		return []byte(values[0])
	}
	return nil
}

// onlyObject returns the JSON object that one field of a form holds. There is
// none if several do, because readers would not agree on one.
func onlyObject(form url.Values) []byte {
	var found []byte
	for _, values := range form {
		for _, value := range values {
			if !strings.HasPrefix(strings.TrimLeft(value, " \t\r\n"), "{") {
				continue
			}
			if found != nil {
				return nil
			}
			found = []byte(value)
		}
	}
	return found
}

// Value returns what rules see as body: the decoded JSON document, or a form
// as a map of its fields (a list where a field has several values), or nil
// for anything else.
func (b *Body) Value() (any, error) {
	document := b.Document()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.valueRead {
		b.valueRead = true
		b.value, b.valueErr = b.decode(document)
	}
	return b.value, b.valueErr
}

func (b *Body) decode(document []byte) (any, error) {
	if len(bytes.TrimSpace(document)) > 0 {
		value, err := b.decodeKept(document, false)
		if err != nil && b.signed && beginsAsJSON(document) {
			return b.decodeKept(document, true)
		}
		return value, err
	}
	form, err := b.fields()
	if err != nil || form == nil {
		return nil, err
	}
	if err := b.keep(len(form) * sizeOfField); err != nil {
		return nil, err
	}
	fields := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) == 1 {
			fields[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		fields[name] = list
	}
	return fields, nil
}
