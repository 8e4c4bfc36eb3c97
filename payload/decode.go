package payload

import (
	"errors"
	"math"
)

// Decode turns a JSON document into maps, slices, strings, booleans, nil and
// numbers. An integer that fits is an int, whatever its size otherwise a
// json.Number that keeps its digits; a fraction or an exponent is a float64,
// or a json.Number where a float64 would overflow. A name that stands twice in
// an object is an error, wherever it does. What is decoded must not be changed:
// small objects of the same text are one and the same.
func Decode(document []byte) (any, error) {
	value, _, err := DecodeWithin(document, unlimited)
	return value, err
}

const unlimited = math.MaxInt

// ErrSize is returned for a document whose values would take more memory than
// they may.
var ErrSize = errors.New("the values of the document take too much memory")

// DecodeWithin is Decode for values that take no more than most bytes of memory.
// It returns how many they take, roughly.
func DecodeWithin(document []byte, most int) (value any, size int, err error) {
	d := decoder{scan: scan{doc: document}, granted: most}
	value, err = d.all()
	return value, d.kept(), err
}

// kept is how much what was decoded takes, without what was needed to decode it.
func (d *decoder) kept() int { return d.size - cap(d.open)*sizeOfValue }

// What values take in memory.
const (
	sizeOfText   = 16       // beside its bytes
	sizeOfNumber = 8        // the smallest have room already
	sizeOfArray  = 24       // beside its elements
	sizeOfValue  = 16       // an element of an array
	sizeOfObject = 48       // beside its members
	sizeOfGroup  = 8*32 + 8 // of up to eight members, for which there is room at once
	sizeOfSpare  = 24       // what an allocation of that size takes more
)

// decoder turns a document into values, and counts what they take.
type decoder struct {
	scan
	size    int
	granted int                       // how large size may be
	memory  Memory                    // gives more; nil: there is none
	open    []any                     // the elements of the arrays that are being read
	ahead   int                       // how many bytes were read ahead to count elements
	small   map[uint64]map[string]any // the small objects, by their text
}

// all decodes the whole document.
func (d *decoder) all() (any, error) {
	value, i := d.decode(space(d.doc, 0), 0)
	if i == failed {
		return nil, d.err
	}
	if space(d.doc, i) < len(d.doc) {
		return nil, errData
	}
	return value, nil
}

// take counts memory before it is used.
func (d *decoder) take(size int) bool {
	if d.size += size; d.size <= d.granted {
		return true
	}
	if d.memory == nil {
		d.err = ErrSize
		return false
	}
	more := max(d.size-d.granted, d.size/8, leastGrant)
	if d.err = d.memory.Charge(int64(more)); d.err != nil {
		return false
	}
	d.granted += more
	return true
}

// leastGrant is how many bytes are asked for at once, so that it is seldom done.
const leastGrant = 4 << 10

// decode reads a value.
func (d *decoder) decode(i, depth int) (any, int) {
	if i >= len(d.doc) {
		return nil, d.unexpected(i, "a value")
	}
	if c := d.doc[i]; c == '{' || c == '[' {
		if depth == maxDepth {
			return nil, d.fail(i, "it is nested too deeply")
		}
		if c == '{' {
			return d.object(i, depth+1)
		}
		return d.array(i, depth+1)
	}
	end := d.skip(i, depth)
	if end == failed || !d.take(sizeOfScalar(d.doc[i:end])) {
		return nil, failed
	}
	if d.loose {
		return looseScalar(d.doc[i:end]), end
	}
	return scalar(d.doc[i:end]), end
}

// emptyObject and emptyArray are all objects and arrays that are empty: a document
// of nothing else would take twenty times its size.
var (
	emptyObject     = map[string]any{}
	emptyArray  any = []any{}
)

func (d *decoder) object(i, depth int) (any, int) {
	if i = space(d.doc, i+1); i < len(d.doc) && d.doc[i] == '}' {
		return emptyObject, i + 1
	}
	text, end := smallObject(d.doc, i)
	if end == failed {
		return d.members(i, depth)
	}
	if object := d.small[text]; object != nil {
		return object, end
	}
	object, next := d.members(i, depth)
	if next == end {
		d.share(text, object)
	}
	return object, next
}

// smallObject returns the text of an object whose first name stands at i, and where
// the object ends, if there is nothing in it but a short name and a scalar. Such
// objects are one and the same where they have the same text: a document of nothing
// else would take fifty times its size. If a brace within a name ends the text, no
// object has that text, so none is found or remembered.
func smallObject(doc []byte, i int) (text uint64, end int) {
	for shift := 0; shift < 64 && i < len(doc); shift += 8 {
		switch c := doc[i]; c {
		case '}':
			return text, i + 1
		case '{', '[', 0:
			return 0, failed
		default:
			text |= uint64(c) << shift
		}
		i++
	}
	return 0, failed
}

// mostSmall is how many small objects are remembered.
const mostSmall = 4096

// share remembers a small object.
func (d *decoder) share(text uint64, object map[string]any) {
	if len(d.small) == mostSmall {
		return
	}
	if d.small == nil {
		d.small = make(map[uint64]map[string]any)
	}
	d.small[text] = object
}

// members reads an object from its first name on.
func (d *decoder) members(i, depth int) (map[string]any, int) {
	object := make(map[string]any)
	if !d.take(sizeOfObject) {
		return nil, failed
	}
	for {
		start := i
		end := d.quoted(i)
		if end == failed {
			return nil, failed
		}
		if !d.take(end - start + sizeOfMember(len(object))) {
			return nil, failed
		}
		name := string(unquote(d.doc[start:end]))
		if _, exists := object[name]; exists {
			d.err = doubled(start).Err()
			return nil, failed
		}
		if i = d.colon(end); i == failed {
			return nil, failed
		}
		if object[name], i = d.decode(i, depth); i == failed {
			return nil, failed
		}
		switch i = space(d.doc, i); {
		case i < len(d.doc) && d.doc[i] == ',':
			if i = space(d.doc, i+1); d.endsAfterComma(i) {
				return object, i + 1
			}
		case i < len(d.doc) && d.doc[i] == '}':
			return object, i + 1
		default:
			return nil, d.unexpected(i, "a comma or }")
		}
	}
}

func (d *decoder) array(i, depth int) (any, int) {
	if i = space(d.doc, i+1); i < len(d.doc) && d.doc[i] == ']' {
		return emptyArray, i + 1
	}
	if !d.take(sizeOfArray) {
		return nil, failed
	}
	list := list{first: len(d.open)}
	for {
		if list.whole == nil && !d.take(sizeOfValue) {
			return nil, failed
		}
		var element any
		if element, i = d.decode(i, depth); i == failed {
			return nil, failed
		}
		if !d.add(&list, element, i, depth) {
			return nil, failed
		}
		switch i = space(d.doc, i); {
		case i < len(d.doc) && d.doc[i] == ',':
			if i = space(d.doc, i+1); d.endsAfterComma(i) {
				return d.closed(list), i + 1
			}
		case i < len(d.doc) && d.doc[i] == ']':
			return d.closed(list), i + 1
		default:
			return nil, d.unexpected(i, "a comma or ]")
		}
	}
}

// list is an array that is being read: its elements are open from the first on or, if
// it is a long one, in an array of their own.
type list struct {
	first int
	whole []any
}

// longList is after how many elements the rest of an array is counted, so that it is
// not copied while it grows.
const longList = 1024

// add adds an element, which ends at i, to an array.
func (d *decoder) add(l *list, element any, i, depth int) bool {
	if l.whole != nil {
		l.whole = append(l.whole, element)
		return true
	}
	if len(d.open) == cap(d.open) && !d.growOpen() {
		return false
	}
	d.open = append(d.open, element)
	if len(d.open)-l.first < longList || d.loose || d.ahead > len(d.doc) {
		return true
	}
	more := d.follow(i, depth)
	if !d.take(more * sizeOfValue) {
		return false
	}
	l.whole = append(make([]any, 0, longList+more), d.open[l.first:]...)
	clear(d.open[l.first:])
	d.open = d.open[:l.first]
	return true
}

// follow returns how many elements of an array follow the one that ends at i.
func (d *decoder) follow(i, depth int) (n int) {
	next, start := scan{doc: d.doc}, i
	for {
		if i = space(d.doc, i); i >= len(d.doc) || d.doc[i] != ',' {
			break
		}
		end := next.skip(space(d.doc, i+1), depth)
		if end == failed {
			break
		}
		i = end
		n++
	}
	d.ahead += i - start
	return n
}

// growOpen makes room for more elements. It counts as long as the document is read.
func (d *decoder) growOpen() bool {
	before := cap(d.open)
	after := max(2*before, 8)
	if !d.take(after * sizeOfValue) {
		return false
	}
	d.open = append(make([]any, 0, after), d.open...)
	d.size -= before * sizeOfValue
	return true
}

// closed returns the array that was read.
func (d *decoder) closed(l list) any {
	if l.whole != nil {
		return l.whole
	}
	elements := d.open[l.first:]
	array := make([]any, len(elements))
	copy(array, elements)
	clear(elements)
	d.open = d.open[:l.first]
	return array
}

// sizeOfScalar returns what a value takes that is neither object nor array.
func sizeOfScalar(raw []byte) int {
	switch c := raw[0]; {
	case c == '"':
		return sizeOfText + len(raw)
	case c == 't', c == 'f', c == 'n':
		return 0
	case len(raw) > 18: // perhaps a number that keeps its digits
		return sizeOfText + len(raw)
	default:
		return sizeOfNumber
	}
}

// sizeOfMember returns what an object takes more for another member.
func sizeOfMember(members int) int {
	switch {
	case members == 0:
		return sizeOfGroup + sizeOfSpare
	case members == 8:
		return sizeOfTable + 2*(sizeOfGroup+sizeOfSpare)
	case doubles(members):
		return members / slotsFilled * 2 * (sizeOfGroup + 2*sizeOfSpare)
	default:
		return 0
	}
}

// An object of more than eight members has room for sixteen. It gets twice as much
// each time that seven eighths of it are filled.
const (
	slotsFilled = 14
	sizeOfTable = 64
)

func doubles(members int) bool {
	times := members / slotsFilled
	return members > 8 && members%slotsFilled == 0 && times&(times-1) == 0
}
