package payload

// reading is what was read of a body's document so far, for one Finder.
type reading struct {
	tree   *tree // what was looked for; nil before the first reading
	spans  []Span
	err    error
	values []any // decoded, by slot; nil: not yet, or null
	signed bool

	fewSpans  [fewSlots]Span // room for those of most
	fewValues [fewSlots]any
}

const fewSlots = 6

// Trust says that the sender vouches for every byte of the body. Reading may
// then end as soon as all that is wanted was found: what follows is not
// checked, and of a name that stands twice the first counts if the second
// comes later than that.
func (b *Body) Trust() { b.signed = true }

// Span returns where the value of a Finder's slot stands in the document. The
// document is read once for all slots, and anew only if more were added since.
func (b *Body) Span(f *Finder, slot int) (Span, error) {
	if err := b.read(f); err != nil {
		return Span{}, err
	}
	span := b.spans[slot]
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
	if _, err := b.at(slot); err != nil {
		return nil, err
	}
	return span.Of(b.Document()), nil
}

func (b *Body) read(f *Finder) error {
	t := f.load()
	if b.tree == t {
		return b.err
	}
	b.tree = t
	b.spans = sized(b.fewSpans[:], len(t.nodes))
	b.values = sized(b.fewValues[:], len(t.nodes))
	b.err = t.find(b.Document(), b.spans, b.signed)
	return b.err
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
	if value := b.values[slot]; value != nil {
		return value, nil
	}
	span := b.spans[slot]
	if !span.Found() {
		return nil, ErrBroken // nobody has read to its end
	}
	raw := span.Of(b.Document())
	if raw[0] != '{' && raw[0] != '[' {
		b.values[slot] = scalar(raw) // it was found valid
		return b.values[slot], nil
	}
	value, err := Decode(raw)
	b.values[slot] = value
	return value, err
}
