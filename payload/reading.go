package payload

import "errors"

// reading is what was read of a body's document so far, for one Finder.
type reading struct {
	tree   *tree // what was looked for; nil before the first reading
	spans  []Span
	err    error
	loose  bool  // it was read in spite of mistakes; see Trust
	signed bool  // see Trust
	broken error // why it was not read to its end; what was not found may be absent or not
	values []any // decoded, by slot; nil: not yet, or null
	large  []int // the slots of values that count, which Drop lets go of

	fewSpans  [fewSlots]Span // room for those of most
	fewValues [fewSlots]any
}

const fewSlots = 6

// Trust says that the sender vouches for every byte of the body. Reading may
// then end as soon as all that is wanted was found: what follows is not
// checked, and of a name that stands twice the first counts if the second
// comes later than that.
//
// A mistake in what was sent so need not end the reading, either: half of a
// surrogate pair or a stray byte in a text, a value such as NaN, a comma too
// many. After any other one, what stands before it can be had.
func (b *Body) Trust() {
	b.signed = true
	if b.err != nil {
		b.tree = nil // it is read anew
	}
	b.valueRead = b.valueRead && b.valueErr == nil
}

// Failure returns why the document could not be read, or not to its end. It is
// nil if it could, if nobody has tried to, and if there is no document.
func (b *Body) Failure() error {
	for _, err := range []error{b.err, b.broken, b.valueErr} {
		if err != nil && !errors.Is(err, ErrNotJSON) {
			return err
		}
	}
	return nil
}

// Span returns where the value of a Finder's slot stands in the document. The
// document is read once for all slots, and anew only if more were added since.
func (b *Body) Span(f *Finder, slot int) (Span, error) {
	if err := b.read(f); err != nil {
		return Span{}, err
	}
	return b.found(slot)
}

// found returns where the value of a slot stands that was looked for. What a
// reading that has ended early did not find may still be there.
func (b *Body) found(slot int) (Span, error) {
	span := b.spans[slot]
	if b.broken != nil && span.End == 0 {
		return Span{}, b.broken
	}
	return span, span.Err()
}

// Lookup returns the value at a path in its dotted form as it stands in the
// document, or nil if there is none.
func (b *Body) Lookup(f *Finder, path string) ([]byte, error) {
	f, slot, err := f.slot(path)
	if err != nil {
		return nil, err
	}
	span, err := b.Span(f, slot)
	if err != nil || !span.Found() {
		return nil, err
	}
	// Whoever reads the value must not find a name twice in it.
	raw := span.Of(b.Document())
	if raw[0] != '{' && raw[0] != '[' {
		_, err := b.at(slot)
		return raw, err
	}
	_, size, err := b.decodeCounted(raw, b.loose)
	if size > 0 {
		_ = b.memory.Charge(-size) // nobody keeps what was decoded
	}
	if err != nil {
		return nil, err
	}
	return raw, nil
}

func (b *Body) read(f *Finder) error {
	t := f.load()
	if b.tree == t {
		return b.err
	}
	b.tree = t
	b.spans = sized(b.fewSpans[:], len(t.nodes))
	b.mu.Lock()
	b.values, b.large = sized(b.fewValues[:], len(t.nodes)), nil // those before stay counted until they are dropped
	b.mu.Unlock()
	b.err, b.loose, b.broken = nil, false, nil
	switch {
	case b.formField != "" && b.hasFields():
		if _, b.err = b.Form(); b.err == nil {
			b.err = t.find(b.Document(), b.spans, b.signed)
		}
	case b.media != anyMedia && b.media != urlEncoded && !b.LooksLikeJSON():
		b.err = ErrNotJSON
	default:
		b.err = t.find(b.Document(), b.spans, b.signed)
	}
	if b.err != nil && b.signed && b.canReadOn() {
		b.err, b.loose = nil, true
		clear(b.spans)
		b.broken = t.findLoosely(b.Document(), b.spans)
	}
	return b.err
}

// canReadOn reports whether a document that was refused may be read loosely.
func (b *Body) canReadOn() bool {
	return beginsAsJSON(b.Document()) &&
		!errors.Is(b.err, ErrNotJSON) && !errors.Is(b.err, ErrCaseVariant)
}

// sized returns a slice of n zero values, which is room's if that is enough.
func sized[T any](room []T, n int) []T {
	if n > len(room) {
		return make([]T, n)
	}
	clear(room[:n])
	return room[:n]
}

// at returns the decoded value of a slot that was found.
func (b *Body) at(slot int) (any, error) {
	document := b.Document()
	span := b.spans[slot]
	switch {
	case span.Found():
	case b.broken != nil:
		return nil, b.broken
	default:
		return nil, ErrBroken // nobody has read to its end
	}
	raw := span.Of(document)
	if isScalar := !b.loose && raw[0] != '{' && raw[0] != '['; isScalar && len(raw) <= leastGrant {
		// It does not count, so Drop leaves it.
		if b.values[slot] == nil {
			b.values[slot] = scalar(raw) // it was found valid
		}
		return b.values[slot], nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if value := b.values[slot]; value != nil {
		return value, nil
	}
	value, err := b.decodeKept(raw, b.loose)
	if value != nil {
		b.values[slot] = value
		b.large = append(b.large, slot)
	}
	return value, err
}
