package payload

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
)

// ErrNotJSON is returned for a body that holds no JSON document.
var ErrNotJSON = errors.New("the body holds no JSON document")

// Body is a request's body, read from the wire once. It is not safe for
// concurrent use.
type Body struct {
	raw       []byte
	mediaType string
	formField string

	form     url.Values
	formErr  error
	document []byte
	value    any
	valueErr error

	formRead, documentRead, valueRead bool

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
	mediaType, _, _ := strings.Cut(contentType, ";")
	*b = Body{raw: raw, mediaType: strings.ToLower(strings.TrimSpace(mediaType)), formField: formField}
}

// Bytes returns the body as it came over the wire. It must not be changed.
func (b *Body) Bytes() []byte { return b.raw }

// FormField names the field of a form that holds the JSON document.
func (b *Body) FormField() string { return b.formField }

// IsForm reports whether the body is a URL-encoded form. Clients that declare
// every body a form are not believed where it begins as a JSON document does.
func (b *Body) IsForm() bool {
	return b.mediaType == "application/x-www-form-urlencoded" && !looksLikeJSON(b.raw)
}

func looksLikeJSON(raw []byte) bool {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	return len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
}

// Form returns the fields of a URL-encoded form, and nothing for other bodies.
func (b *Body) Form() (url.Values, error) {
	if !b.formRead {
		b.formRead = true
		if b.IsForm() {
			b.form, b.formErr = url.ParseQuery(string(b.raw))
		}
	}
	return b.form, b.formErr
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
	if !b.IsForm() {
		return b.raw
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
	if !b.valueRead {
		b.valueRead = true
		b.value, b.valueErr = b.decode()
	}
	return b.value, b.valueErr
}

func (b *Body) decode() (any, error) {
	if document := b.Document(); len(bytes.TrimSpace(document)) > 0 {
		return Decode(document)
	}
	form, err := b.Form()
	if err != nil || form == nil {
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
