package samples

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

var (
	registered fs.FS
	shapes     sync.Map // of shapeKey to *Shape; nil: there are no samples
)

type shapeKey struct{ provider, formField string }

// Register says where the samples of the built-in providers are.
func Register(files fs.FS) { registered = files }

// ShapeOf returns the names in the samples of a built-in provider, whose payload
// may stand in a field of a form. It is nil if there are no samples. They are read
// when they are asked for first.
func ShapeOf(provider, formField string) *Shape {
	if shape, ok := shapes.Load(shapeKey{provider, formField}); ok {
		return shape.(*Shape)
	}
	var shape *Shape
	if registered != nil {
		found, _ := Read(registered, provider)
		for _, sample := range found {
			value, err := payload.New(sample.Body, sample.Header.Get("Content-Type"), formField).Value()
			if err == nil && value != nil {
				shape = shape.with(value)
			}
		}
	}
	shapes.Store(shapeKey{provider, formField}, shape)
	return shape
}

// Shape is what values of several payloads that stand in the same place have in
// them.
type Shape struct {
	members map[string]*Shape
	element *Shape // of lists
}

func (s *Shape) with(value any) *Shape {
	if s == nil {
		s = new(Shape)
	}
	switch v := value.(type) {
	case map[string]any:
		if s.members == nil {
			s.members = make(map[string]*Shape)
		}
		for name, member := range v {
			s.members[name] = s.members[name].with(member)
		}
	case []any:
		for _, element := range v {
			s.element = s.element.with(element)
		}
	}
	return s
}

// Lacks reports whether no sample has a path, although what holds its last known
// step is an object or a list with something in it.
func (s *Shape) Lacks(path payload.Path) bool {
	for _, step := range path {
		switch {
		case s == nil || step == payload.Every && s.element == nil:
			return false
		case s.element != nil && (step == payload.Every || strings.Trim(step, "0123456789") == ""):
			s = s.element
		case len(s.members) == 0:
			return false
		case s.members[step] == nil:
			return true
		default:
			s = s.members[step]
		}
	}
	return false
}

// Misspelt returns the path that one which no sample has most likely stands for. It
// is nil if the path is known, or if no name like it is where it leads: samples show
// some of what may come, not all.
func (s *Shape) Misspelt(path payload.Path) payload.Path {
	for i, step := range path {
		if s == nil {
			return nil
		}
		if s.element != nil && (step == payload.Every || strings.Trim(step, "0123456789") == "") {
			s = s.element
			continue
		}
		if step == payload.Every {
			return nil
		}
		next, known := s.members[step]
		if !known {
			near := nearest(step, s.members)
			if near == "" {
				return nil
			}
			meant := slices.Clone(path)
			meant[i] = near
			return meant
		}
		s = next
	}
	return nil
}

// nearest returns the name that differs from another one by a slip, or by how words
// are joined. Unlike where a name can only be one of a list, such as that of an
// event, it has to be very near: a name that no sample has may well be right.
func nearest(name string, members map[string]*Shape) string {
	names := slices.Sorted(maps.Keys(members))
	for _, candidate := range names {
		if joined(candidate) == joined(name) {
			return candidate
		}
	}
	for _, candidate := range names {
		if len(name) > 3 && len(candidate) > 3 && isSlip(strings.ToLower(name), strings.ToLower(candidate)) {
			return candidate
		}
	}
	return ""
}

// joined is a name without what words are set apart by, such as order_id and orderId.
func joined(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// isSlip reports whether a name is another one but for one letter that is missing,
// too many, wrong, or has changed places with the next. An s at the end is none: one
// event may have an item, and another one items. Nor is a digit, or another letter
// in a short word, such as data and date.
func isSlip(a, b string) bool {
	start, size := 0, len(a)
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	before, a, b := a[:start], a[start:], b[start:]
	switch {
	case len(a) == len(b)+1:
		return a[1:] == b && !isEnding(before, a)
	case len(b) == len(a)+1:
		return b[1:] == a && !isEnding(before, b)
	case len(a) != len(b) || a == "":
		return false
	case a[1:] == b[1:]:
		return size > 4 && !isDigit(a[0]) && !isDigit(b[0])
	default:
		return len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	}
}

// isEnding reports whether a letter more makes another word of one.
func isEnding(word, more string) bool {
	return isDigit(more[0]) || more == "s" && !strings.HasSuffix(word, "s")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
