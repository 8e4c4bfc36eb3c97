package payload

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrCaseVariant is returned when a document has a name that differs from a
// signed one in case only: a reader that ignores case would take it for the
// signed value.
var ErrCaseVariant error = Fault("a name differs from a signed one in case only")

// ErrDuplicateName is returned when an object has a name twice on the way to a
// value that is wanted, or inside one that is decoded: two readers would not
// agree on the value.
var ErrDuplicateName error = Fault("duplicate object member name")

// Finder reads a set of paths out of JSON documents, each document in one
// pass. Paths can be added at any time: those of a provider's fields are while
// a configuration loads, those of rules when a rule first asks. It is safe for
// concurrent use.
type Finder struct {
	adding sync.Mutex
	tree   atomic.Pointer[tree] // nil without paths; never changed, but replaced
}

// tree joins the paths that a Finder looks for. The slot of a path is the
// index of the node at which it ends.
type tree struct {
	nodes  []node // the first is the document as a whole
	wanted int
	texts  map[string]int // slots by the dotted form of their paths; see Lookup
}

// node is one step of the paths that a Finder looks for.
type node struct {
	name     []byte
	index    int // of an element of an array, where the name can be one; else -1
	wanted   bool
	signed   bool  // it may not stand beside a variant of its name
	signs    bool  // one of its children is signed
	children []int // nodes
}

// emptyTree wants nothing of a document.
var emptyTree = tree{nodes: make([]node, 1)}

func (f *Finder) load() *tree {
	if t := f.tree.Load(); t != nil {
		return t
	}
	return &emptyTree
}

// Add asks for a path and returns the slot in which Find reports it. A path
// that is signed refuses documents with a case variant of one of its names.
func (f *Finder) Add(path Path, signed bool) int {
	way := f.add(path, signed)
	return way[len(way)-1]
}

// add asks for a path and returns the slots of all values on the way to its
// end, from the document as a whole on. Slots that are there already stay.
func (f *Finder) add(path Path, signed bool) []int {
	f.adding.Lock()
	defer f.adding.Unlock()
	old := f.load()
	if way := old.way(path); way != nil && !signed {
		return way
	}
	t := &tree{nodes: slices.Clone(old.nodes), wanted: old.wanted, texts: old.texts}
	way := make([]int, len(path)+1)
	for i, part := range path {
		way[i+1] = t.grow(way[i], part, signed)
	}
	if last := &t.nodes[way[len(path)]]; !last.wanted {
		last.wanted = true
		t.wanted++
	}
	f.tree.Store(t)
	return way
}

// maxTexts is how many paths are remembered by their text, which templates of
// an operator may compute.
const maxTexts = 256

// slot returns the slot of a path in its dotted form. Without room for another
// one, it is that of another Finder.
func (f *Finder) slot(text string) (*Finder, int, error) {
	if slot, ok := f.load().texts[text]; ok {
		return f, slot, nil
	}
	path, err := ParsePath(text)
	if err != nil {
		return nil, 0, err
	}
	if len(f.load().texts) >= maxTexts {
		f = new(Finder)
	}
	slot := f.Add(path, false)
	f.adding.Lock()
	defer f.adding.Unlock()
	t := *f.load()
	t.texts = maps.Clone(t.texts)
	if t.texts == nil {
		t.texts = make(map[string]int)
	}
	t.texts[text] = slot
	f.tree.Store(&t)
	return f, slot, nil
}

// way returns the slots on the way to the end of a path, or nil if it is not
// looked for.
func (t *tree) way(path Path) []int {
	way := make([]int, 1, len(path)+1)
	at := 0
	for _, part := range path {
		i := slices.IndexFunc(t.nodes[at].children, func(child int) bool { return string(t.nodes[child].name) == part })
		if i < 0 {
			return nil
		}
		at = t.nodes[at].children[i]
		way = append(way, at)
	}
	if !t.nodes[at].wanted {
		return nil
	}
	return way
}

// grow returns the node of a name below another one.
func (t *tree) grow(parent int, name string, signed bool) int {
	n := &t.nodes[parent]
	n.signs = n.signs || signed
	for _, child := range n.children {
		if string(t.nodes[child].name) == name {
			t.nodes[child].signed = t.nodes[child].signed || signed
			return child
		}
	}
	child := node{name: []byte(name), index: -1, signed: signed}
	if i, ok := index(name); ok {
		child.index = i
	}
	n.children = append(slices.Clip(n.children), len(t.nodes))
	t.nodes = append(t.nodes, child)
	return len(t.nodes) - 1
}

// Span is where a value stands in a document. An absent value is the zero Span.
type Span struct{ Start, End int }

// Found reports whether the document had the value.
func (s Span) Found() bool { return s.End > s.Start }

// Of returns the value's bytes as they stand in the document.
func (s Span) Of(document []byte) []byte { return document[s.Start:s.End] }

// doubled is the Span of a value that is not the only one of its name.
func doubled(at int) Span { return Span{End: -at} }

// Err returns ErrDuplicateName where a name on the way to the value stands
// twice in an object.
func (s Span) Err() error {
	if s.End < 0 {
		return fmt.Errorf("%w at byte %d", ErrDuplicateName, -s.End)
	}
	return nil
}

// Find reads the whole document and returns a Span for every slot.
func (f *Finder) Find(document []byte) ([]Span, error) {
	t := f.load()
	spans := make([]Span, len(t.nodes))
	if err := t.find(document, spans, false); err != nil {
		return nil, err
	}
	for _, span := range spans {
		if err := span.Err(); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// find fills in the spans of a document, whose reading may stop when all are
// found. What was read only in part is not Found.
func (t *tree) find(document []byte, spans []Span, mayStop bool) error {
	if space(document, 0) == len(document) {
		return ErrNotJSON
	}
	s := scan{doc: document, nodes: t.nodes, spans: spans, left: t.wanted, mayStop: mayStop}
	return s.document()
}

// findLoosely is find for a document with mistakes. Its error is the first that
// it could not read on after; the spans of what stands before it are filled in.
func (t *tree) findLoosely(document []byte, spans []Span) error {
	s := scan{doc: document, nodes: t.nodes, spans: spans, left: t.wanted, mayStop: true, loose: true}
	return s.document()
}

// member returns the node of a member of an object, by its name as it stands
// in the document, or 0 if nothing is wanted of it.
func (s *scan) member(n *node, quoted []byte) int {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = unescape(name)
	}
	found := 0
	for _, child := range n.children {
		if string(s.nodes[child].name) == string(name) {
			found = child
			break
		}
	}
	if n.signs && !s.nodes[found].signed && n.hasCaseVariant(s.nodes, name) {
		s.err = fmt.Errorf("%w: %q", ErrCaseVariant, name)
	}
	return found
}

// double marks that what stands below a name is not the only one of it.
func (s *scan) double(node, at int) {
	s.spans[node] = doubled(at)
	for _, child := range s.nodes[node].children {
		s.double(child, at)
	}
}

// element returns the node of the element of an array at an index, or 0 if
// nothing is wanted of it.
func (n *node) element(nodes []node, index int) int {
	for _, child := range n.children {
		if nodes[child].index == index {
			return child
		}
	}
	return 0
}

// hasCaseVariant reports whether a signed name differs from name in case only.
func (n *node) hasCaseVariant(nodes []node, name []byte) bool {
	for _, child := range n.children {
		if nodes[child].signed && bytes.EqualFold(nodes[child].name, name) {
			return true
		}
	}
	return false
}

// Elements returns the elements of a JSON array as they stand in it.
func Elements(array []byte) ([][]byte, error) {
	start := space(array, 0)
	if start == len(array) || array[start] != '[' {
		return nil, Fault("not an array")
	}
	members, _, err := membersOf(array)
	if err != nil {
		return nil, err
	}
	elements := make([][]byte, len(members))
	for i, m := range members {
		elements[i] = array[m.start:m.end]
	}
	return elements, nil
}
