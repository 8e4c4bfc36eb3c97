package payload

import "bytes"

// Memory counts what is made of a body.
type Memory interface {
	// Charge counts bytes that are about to be made, or that are let go of if they
	// are negative. An error says that there is no room for them.
	Charge(bytes int64) error
}

// SetMemory says where the values count that are decoded of the body. Without it
// there is room for all. It is called before anything was decoded.
func (b *Body) SetMemory(memory Memory) { b.memory = memory }

// ReplacedBy makes the body that another handler or a rewrite puts in the place of
// this one. It counts where this one does.
func (b *Body) ReplacedBy(raw []byte, contentType string) *Body {
	next := New(raw, contentType, "")
	next.memory = b.memory
	return next
}

// Drop lets go of what was decoded, which is decoded anew if it is wanted again.
// Other than all else it may be called while the body is used.
func (b *Body) Drop() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.value, b.valueErr, b.valueRead = nil, nil, false
	b.form, b.formErr, b.formRead = nil, nil, false
	for _, slot := range b.large {
		b.values[slot] = nil
	}
	b.large = nil
	if b.held > 0 {
		_ = b.memory.Charge(-b.held) // only what is made can be refused
		b.held = 0
	}
}

// decodeKept decodes a document, whose values count until they are dropped.
func (b *Body) decodeKept(document []byte, loosely bool) (any, error) {
	value, size, err := b.decodeCounted(document, loosely)
	b.held += size
	return value, err
}

// decodeCounted decodes a document, and returns how much of what the values take
// is counted: nothing if there is an error.
func (b *Body) decodeCounted(document []byte, loosely bool) (value any, size int64, err error) {
	d := decoder{scan: scan{doc: document, loose: loosely}, memory: b.memory}
	if b.memory == nil {
		d.granted = unlimited
	}
	if loosely {
		value, err = d.allLoosely()
	} else {
		value, err = d.all()
	}
	if b.memory == nil {
		return value, 0, err
	}
	if err == nil {
		size = int64(d.kept())
	}
	_ = b.memory.Charge(size - int64(d.granted))
	return value, size, err
}

// keep counts memory that is about to be made of the body, and is kept until the
// values are dropped.
func (b *Body) keep(size int) error {
	if b.memory == nil {
		return nil
	}
	if err := b.memory.Charge(int64(size)); err != nil {
		return err
	}
	b.held += int64(size)
	return nil
}

// sizeOfForm returns what the fields of a form take: the text twice, since it may be
// unescaped, and a list of values under each name.
func sizeOfForm(raw []byte) int {
	return 2*len(raw) + (1+bytes.Count(raw, []byte("&")))*sizeOfField
}

const sizeOfField = 2*(8*40+8)/8 + 16 // a name with a list, and its value
