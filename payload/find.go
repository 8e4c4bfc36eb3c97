package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrCaseVariant is returned when a document has a name that differs from a
// signed one in case only: a reader that ignores case would take it for the
// signed value.
var ErrCaseVariant = errors.New("a name differs from a signed one in case only")

// ErrDuplicateName is returned when an object has the same name twice: two
// readers would not agree on its value.
var ErrDuplicateName = jsontext.ErrDuplicateName

// Finder reads a fixed set of paths out of JSON documents, each document in
// one pass. Paths are added while a configuration loads; Find may then be
// called by many goroutines.
type Finder struct {
	root  node
	count int
}

// node is one step of the paths that a Finder looks for.
type node struct {
	slot     int // 1 + index of the path that ends here; 0: none
	signed   bool
	children map[string]*node
}

// Span is where a value stands in a document. An absent value is the zero Span.
type Span struct{ Start, End int }

// Found reports whether the document had the value.
func (s Span) Found() bool { return s.End > s.Start }

// Of returns the value's bytes as they stand in the document.
func (s Span) Of(document []byte) []byte { return document[s.Start:s.End] }

// Add asks for a path and returns the slot in which Find reports it. A path
// that is signed refuses documents with a case variant of one of its names.
func (f *Finder) Add(path Path, signed bool) int {
	n := &f.root
	for _, part := range path {
		child := n.children[part]
		if child == nil {
			child = new(node)
			if n.children == nil {
				n.children = make(map[string]*node)
			}
			n.children[part] = child
		}
		child.signed = child.signed || signed
		n = child
	}
	if n.slot == 0 {
		f.count++
		n.slot = f.count
	}
	return n.slot - 1
}

// Find reads the whole document and returns a Span for every slot.
func (f *Finder) Find(document []byte) ([]Span, error) {
	if len(document) == 0 {
		return nil, ErrNotJSON
	}
	w := walk{spans: make([]Span, f.count)}
	dec := jsontext.NewDecoder(bytes.NewBuffer(document))
	if err := w.value(dec, &f.root, 0); err != nil {
		return nil, describe(err)
	}
	if err := atEnd(dec); err != nil {
		return nil, err
	}
	return w.spans, nil
}

// walk is one pass over a document.
type walk struct{ spans []Span }

// value reads the next value of dec, of which n is wanted. Offsets of dec
// count from base.
func (w *walk) value(dec *jsontext.Decoder, n *node, base int) error {
	if n == nil {
		return dec.SkipValue()
	}
	if n.slot > 0 {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := base + int(dec.InputOffset())
		w.spans[n.slot-1] = Span{end - len(raw), end}
		if n.children == nil {
			return nil
		}
		base = end - len(raw)
		dec = jsontext.NewDecoder(bytes.NewBuffer(raw))
	}
	switch dec.PeekKind() {
	case '{':
		return w.object(dec, n, base)
	case '[':
		return w.array(dec, n, base)
	default:
		return dec.SkipValue()
	}
}

func (w *walk) object(dec *jsontext.Decoder, n *node, base int) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		child := n.children[name]
		if (child == nil || !child.signed) && n.hasCaseVariant(name) {
			return fmt.Errorf("%w: %q", ErrCaseVariant, name)
		}
		if err := w.value(dec, child, base); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (w *walk) array(dec *jsontext.Decoder, n *node, base int) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		if err := w.value(dec, n.element(i), base); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// element returns what is wanted of the element at index i.
func (n *node) element(i int) *node {
	for part, child := range n.children {
		if wanted, ok := index(part); ok && wanted == i {
			return child
		}
	}
	return nil
}

// hasCaseVariant reports whether a signed name differs from name in case only.
func (n *node) hasCaseVariant(name string) bool {
	for part, child := range n.children {
		if child.signed && strings.EqualFold(part, name) {
			return true
		}
	}
	return false
}

// atEnd makes sure that nothing but white space follows.
func atEnd(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return describe(err)
	default:
		return errors.New("data after the end of the JSON value")
	}
}

// describe keeps a decoder's error short: what is wrong and where, without
// the text of the payload, which may be personal data.
func describe(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("%w at byte %d", ErrDuplicateName, syntax.ByteOffset)
		}
		return fmt.Errorf("not valid JSON at byte %d", syntax.ByteOffset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not valid JSON: it ends too early")
	}
	return err
}

// Elements returns the elements of a JSON array as they stand in it.
func Elements(array []byte) ([][]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(array))
	if dec.PeekKind() != '[' {
		return nil, errors.New("not an array")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, describe(err)
	}
	var elements [][]byte
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return nil, describe(err)
		}
		elements = append(elements, bytes.Clone(element))
	}
	return elements, nil
}
