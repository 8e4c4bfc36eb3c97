package payload

import (
	"strconv"
	"sync/atomic"
)

// ErrBroken is returned for a chain that an expression could not follow: it
// leads on from nil, or into a value that has no such members.
var ErrBroken error = Fault("the chain leads nowhere")

// Step is one step of a Chain.
type Step struct {
	Name     string // of the member of an object
	Index    int    // of the element of an array, if IsIndex
	IsIndex  bool
	Optional bool // from nil it leads to nil, and so does the whole chain
}

// Chain is the way from a body to a value, as an expression writes it: by
// names and indexes that are known beforehand. It is safe for concurrent use.
type Chain struct {
	steps []Step
	path  Path
	way   atomic.Pointer[way]
}

// way is where the steps of a chain are in a Finder.
type way struct {
	finder *Finder
	slots  []int
}

// NewChain makes a chain of steps.
func NewChain(steps []Step) *Chain {
	c := &Chain{steps: steps}
	for _, step := range steps {
		if step.IsIndex {
			step.Name = strconv.Itoa(step.Index)
		}
		c.path = append(c.path, step.Name)
	}
	return c
}

// NewPathChain makes a chain of the names of a path.
func NewPathChain(path Path) *Chain {
	c := &Chain{path: path}
	for _, name := range path {
		c.steps = append(c.steps, Step{Name: name})
	}
	return c
}

// in returns the slots of a chain in a Finder, which will look for its end
// from now on.
func (c *Chain) in(f *Finder) []int {
	w := c.way.Load()
	if w == nil || w.finder != f {
		w = &way{f, f.add(c.path, false)}
		c.way.Store(w)
	}
	return w.slots
}

// Locate returns where the value stands to which a chain of names leads, in
// arrays by names that are indexes, as a Path does.
func (b *Body) Locate(f *Finder, c *Chain) (Span, error) {
	slots := c.in(f)
	return b.Span(f, slots[len(slots)-1])
}

// Follow returns the value at the end of a chain, decoded. What an object does
// not have is nil.
func (b *Body) Follow(f *Finder, c *Chain) (any, error) {
	slots := c.in(f)
	if err := b.read(f); err != nil {
		return nil, err
	}
	document := b.Document()
	at := 0
	isNil := document[b.spans[0].Start] == 'n'
	for i, step := range c.steps {
		if isNil {
			if step.Optional {
				return nil, nil
			}
			return nil, ErrBroken
		}
		container := byte('{')
		if step.IsIndex {
			container = '['
		}
		if document[b.spans[at].Start] != container {
			return nil, ErrBroken
		}
		at = slots[i+1]
		switch span := b.spans[at]; {
		case span.Err() != nil:
			return nil, span.Err()
		case b.broken != nil && !span.Found() && !opens(document, span):
			return nil, b.broken
		case span == Span{} && step.IsIndex:
			return nil, ErrBroken
		default:
			isNil = span == Span{} || document[span.Start] == 'n'
		}
	}
	if isNil {
		return nil, nil
	}
	return b.at(at)
}

// opens reports whether an object or array begins where a value does that was not
// read to its end.
func opens(document []byte, span Span) bool {
	return span != Span{} && span.Start < len(document) && (document[span.Start] == '{' || document[span.Start] == '[')
}

// Project decodes as much of the document as chains need: what they do not
// lead to is left out.
func (b *Body) Project(f *Finder, chains []*Chain) (any, error) {
	for _, c := range chains {
		c.in(f)
	}
	if err := b.read(f); err != nil {
		return nil, err
	}
	if b.broken != nil {
		return nil, b.broken
	}
	return b.project(f, chains, 0, 0)
}

// project decodes the value of a slot, to which chains have led with their
// first steps.
func (b *Body) project(f *Finder, chains []*Chain, slot, done int) (any, error) {
	whole := b.Document()[b.spans[slot].Start] != '{'
	for _, c := range chains {
		whole = whole || len(c.steps) == done
	}
	if whole {
		return b.at(slot)
	}
	object := make(map[string]any)
	for _, c := range chains {
		name, child := c.path[done], c.in(f)[done+1]
		if _, made := object[name]; made || b.spans[child] == (Span{}) {
			continue
		}
		var through []*Chain
		for _, other := range chains {
			if other.path[done] == name {
				through = append(through, other)
			}
		}
		var err error
		if object[name], err = b.project(f, through, child, done+1); err != nil {
			return nil, err
		}
	}
	return object, nil
}
