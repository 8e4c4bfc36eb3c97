package route

import (
	"encoding/json"
	"reflect"
	"unicode/utf8"
)

// What the values of expressions take in memory, roughly.
const (
	madeElement = 16          // of an array
	madeArray   = 24          // an array itself
	madeObject  = 48 + 8 + 64 // an object itself, with what is lost while it grows
	madeMember  = 40          // of an object, which has room for eight at least
	madeNumber  = 8
)

// objectSize is what an object of so many members takes.
func objectSize(members int) int {
	if members == 0 {
		return madeObject
	}
	return madeObject + times(madeMember, max(members, 8))
}

// length returns how many elements a value has, or bytes.
func length(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	case nil:
		return 0
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String, reflect.Slice, reflect.Array, reflect.Map:
		return v.Len()
	default:
		return 0
	}
}

// textLength returns how many bytes a text has; other values have none.
func textLength(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case json.Number:
		return len(v)
	default:
		return 0
	}
}

// elements returns a list as what most lists are.
func elements(list any) ([]any, bool) {
	if of, ok := list.([]any); ok {
		return of, true
	}
	v := reflect.ValueOf(list)
	if list == nil || v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return nil, false
	}
	of := make([]any, v.Len())
	for i := range of {
		of[i] = v.Index(i).Interface()
	}
	return of, true
}

// written counts the work of writing a value as JSON, and returns how many bytes it
// is. A value that is in others several times is written as often. What has more
// than most bytes is past the budget.
func (m *meter) written(value any, most int) int {
	return m.sized(value, most, sizer{each: 6, member: 25, sort: 6})
}

// indented is written for the language's toJSON.
func (m *meter) indented(value any, most int) int {
	return m.sized(value, most, sizer{each: 20, member: 50, sort: 15, indent: 2})
}

// printed is written for the language's string.
func (m *meter) printed(value any, most int) int {
	return m.sized(value, most, sizer{each: 50, member: 60, sort: 30})
}

func (m *meter) sized(value any, most int, s sizer) int {
	s.meter, s.left = m, most
	s.value(value, 0)
	return most - s.left
}

// sizer is how a value is written, and how many bytes are left for it.
type sizer struct {
	meter  *meter
	left   int
	each   int // steps for a value
	member int // steps for a member of an object, beside those for its name and value
	sort   int // steps for the comparison of two names
	indent int // spaces before a line, for each level; 0: all is one line
}

func (s *sizer) add(size int) {
	if s.left -= size; s.left < 0 {
		panic(ErrBudget)
	}
}

func (s *sizer) value(value any, depth int) {
	s.meter.step(s.each)
	switch v := value.(type) {
	case nil, bool, int:
		s.add(20)
	case float64:
		s.meter.step(10)
		s.add(24)
	case string:
		s.text(v)
	case []any:
		s.enter(len(v), depth)
		for _, element := range v {
			s.value(element, depth+1)
		}
	case map[string]any:
		s.enter(len(v), depth)
		s.meter.step(times(s.member+s.sort*log2(len(v)), len(v))) // they are sorted
		for name, member := range v {
			s.text(name)
			s.add(1)
			s.value(member, depth+1)
		}
	default:
		s.other(value, depth)
	}
}

// enter begins a list or an object.
func (s *sizer) enter(members, depth int) {
	if depth >= maxDepth {
		panic(errDepth)
	}
	s.meter.step(6 + 20*min(members, 1))
	if s.indent > 0 && depth > 1000 { // the standard library looks for circles from there on
		s.meter.step(2000)
	}
	s.add(2)
	line := 1
	if s.indent > 0 {
		line += 1 + times(s.indent, depth+1)
		s.add(line)
	}
	s.meter.step(times(line/8, members))
	s.add(times(line, members))
}

func (s *sizer) text(text string) {
	size, characters := len(text)+2, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			characters++
		case c == '"', c == '\\':
			size++
		case c < ' ', s.indent > 0 && (c == '<' || c == '>' || c == '&'):
			size += 5
		}
	}
	if !utf8.ValidString(text) {
		size += times(5, len(text))
	}
	s.meter.step(6 + size - len(text)/4 + 2*characters)
	s.add(size)
}

// other measures what only expressions make: times, and lists of one type.
func (s *sizer) other(value any, depth int) {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Slice, reflect.Array:
		s.enter(v.Len(), depth)
		s.meter.step(100 + times(30, v.Len()))
		for i := range v.Len() {
			s.value(v.Index(i).Interface(), depth+1)
		}
	case reflect.String: // digits
		s.text(v.String())
	default:
		s.meter.step(220)
		s.add(64)
	}
}
