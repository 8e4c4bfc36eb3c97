package route

import (
	"reflect"

	"github.com/expr-lang/expr/vm/runtime"
)

// equal is the language's ==, counted: lists are equal if their elements are,
// objects if they are the same to the types of their numbers.
func (m *meter) equal(a, b any) bool { return m.equalAt(a, b, 0) }

func (m *meter) equalAt(a, b any, depth int) bool {
	m.enter(depth)
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return m.equalText(x, y)
		}
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return m.identical(x, y, depth)
		}
	case []any:
		return m.equalLists(a, b, depth)
	default:
		if _, ok := b.([]any); ok {
			return m.equalLists(b, a, depth)
		}
		m.step(length(a) / 4) // a list of one type
	}
	return runtime.Equal(a, b)
}

// enter counts a comparison of two values at a depth.
func (m *meter) enter(depth int) {
	if depth > maxDepth {
		panic(errDepth)
	}
	m.step(12)
}

func (m *meter) equalText(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	m.step(len(a) / 16)
	return a == b
}

// equalLists compares a list with any value.
func (m *meter) equalLists(list, value any, depth int) bool {
	x := list.([]any)
	y, isList := value.([]any)
	if !isList {
		kind := reflect.ValueOf(value).Kind()
		if value == nil || kind != reflect.Slice {
			return runtime.Equal(list, value)
		}
		m.step(times(30, length(value)))
		m.make(times(madeElement+madeNumber, length(value)))
		y, _ = elements(value)
	}
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !m.equalAt(x[i], y[i], depth+1) {
			return false
		}
	}
	return true
}

// identical is reflect.DeepEqual, counted, which the language uses inside
// objects.
func (m *meter) identical(a, b any, depth int) bool {
	m.enter(depth)
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && m.equalText(x, y)
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) || (x == nil) != (y == nil) {
			return false
		}
		if reflect.ValueOf(x).Pointer() == reflect.ValueOf(y).Pointer() {
			return true
		}
		for name, value := range x {
			m.step(20 + len(name)/8)
			other, ok := y[name]
			if !ok || !m.identical(value, other, depth+1) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) || (x == nil) != (y == nil) {
			return false
		}
		if len(x) == 0 || &x[0] == &y[0] {
			return true
		}
		for i := range x {
			if !m.identical(x[i], y[i], depth+1) {
				return false
			}
		}
		return true
	default:
		m.step(40 + length(a)*4 + textLength(a)/16)
		return reflect.DeepEqual(a, b)
	}
}

// contains is the language's in, counted.
func (m *meter) contains(list, value any) bool {
	m.step(20)
	switch in := list.(type) {
	case nil:
		return false
	case map[string]struct{}: // a list of texts that was written out
		text, isText := value.(string)
		m.step(20 + len(text)/16)
		_, found := in[text]
		return found && isText
	case map[string]any:
		m.step(30 + textLength(value)/16)
	case []any:
		for _, element := range in {
			if m.equal(element, value) {
				return true
			}
		}
		return false
	case []string:
		m.step(times(12, len(in)))
		for _, element := range in {
			if text, ok := value.(string); ok && m.equalText(element, text) {
				return true
			}
		}
		if _, ok := value.(string); ok {
			return false
		}
	default:
		m.step(times(40, length(list)) + textLength(value)/16)
	}
	return runtime.In(value, list)
}
