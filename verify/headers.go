package verify

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// SignedHeaders are headers that a request itself names as signed. In content
// they are {headers}, and the names as they were sent {headers.names}.
type SignedHeaders struct {
	// The field that names them, such as header.X-Signed-Headers.
	From string `json:"from,omitempty"`

	// The tag that names them inside the signature's list, instead of from.
	Tag string `json:"tag,omitempty"`

	// What stands between the names. Default: a space.
	Separator string `json:"separator,omitempty"`

	// What stands between a name and its value in content. Absent: the values stand
	// there alone, and none of them counts as signed, because text could be moved
	// from one to the next.
	Assign string `json:"assign,omitempty"`

	// What stands between the headers in content.
	Join string `json:"join,omitempty"`

	// The headers that must be among them.
	Must []string `json:"must,omitempty"`
}

// maxHeaders is how many headers a request may name.
const maxHeaders = 32

// headersReader finds the headers that a request names.
type headersReader struct {
	spec SignedHeaders
	from field
}

func compileHeaders(spec *Spec) (*headersReader, error) {
	if spec.Headers == nil {
		return nil, nil
	}
	r := &headersReader{spec: *spec.Headers}
	if r.spec.Separator == "" {
		r.spec.Separator = " "
	}
	tagged := spec.Signature != nil && spec.Signature.List != nil && spec.Signature.List.Assign != ""
	switch {
	case r.spec.Join == "":
		return nil, errors.New("headers: join is not set; write what stands between them")
	case r.spec.Tag != "" && !tagged:
		return nil, errors.New("headers: tag needs a signature list with assign")
	case r.spec.Tag != "":
		return r, nil
	}
	var err error
	if r.from, err = parseField(r.spec.From); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	if r.from.kind != headerField {
		return nil, errors.New("headers: from must be a header")
	}
	return r, nil
}

// names returns the names as they were sent.
func (r *headersReader) names(m *message) (string, bool, error) {
	if r.spec.Tag != "" {
		return m.provider.signature.tagged(m, r.spec.Tag)
	}
	return m.text(&r.from)
}

// text writes the headers as they are signed. No other request with the same
// names has the same text, if they stand in it.
func (r *headersReader) text(m *message) (string, bool, error) {
	stated, present, err := r.names(m)
	if err != nil || !present {
		return "", present, err
	}
	names := strings.Split(stated, r.spec.Separator)
	if len(names) > maxHeaders {
		return "", false, fmt.Errorf("more than %d headers are named", maxHeaders)
	}
	for i, name := range names {
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(names[:i], func(other string) bool { return strings.EqualFold(other, name) }) {
			return "", false, errors.New("the names of signed headers are not valid")
		}
	}
	for _, must := range r.spec.Must {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, must) }) {
			return "", false, fmt.Errorf("%s is not among the signed headers", must)
		}
	}
	parts := make([]string, len(names))
	for i, name := range names {
		value, present, err := single(name, m.Header[http.CanonicalHeaderKey(name)])
		if err != nil || !present {
			return "", false, errors.Join(err, errors.New("a header is named as signed, but absent or there twice"))
		}
		if r.spec.Assign == "" {
			parts[i] = value
			continue
		}
		if slices.ContainsFunc(names, func(next string) bool { return strings.Contains(value, r.spec.Join+next+r.spec.Assign) }) {
			return "", false, errors.New("a signed header contains the text that separates them")
		}
		parts[i] = name + r.spec.Assign + value
	}
	return strings.Join(parts, r.spec.Join), true, nil
}

// binds reports whether a header cannot change under a signature over the
// headers that a request names: it must be among them, with its name.
func (r *headersReader) binds(f *field) bool {
	return f.kind == headerField && r.spec.Assign != "" && r.namesAlso(f.name)
}

func (r *headersReader) namesAlso(header string) bool {
	return slices.ContainsFunc(r.spec.Must, func(must string) bool { return strings.EqualFold(must, header) })
}

// signedNames are those that a request is given which is signed here.
func (r *headersReader) signedNames() string {
	names := make([]string, len(r.spec.Must))
	for i, name := range r.spec.Must {
		names[i] = strings.ToLower(name)
	}
	return strings.Join(names, r.spec.Separator)
}
