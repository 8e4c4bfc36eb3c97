package route

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// decodeJSON is json and fromJSON: what is decoded is as exact as the payload.
func decodeJSON(m *meter, args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, errNot("json", "a string", args[0])
	}
	m.step(20 + 4*len(text))
	m.make(len(text))
	value, made, err := payload.DecodeWithin([]byte(text), m.made)
	m.step(made / 4)
	m.make(made)
	return value, err
}

// sorted returns the names of an object, which are the same each time.
func (m *meter) sorted(name string, arg any) (map[string]any, []string, error) {
	object, ok := arg.(map[string]any)
	if !ok {
		return nil, nil, errNot(name, "an object", arg)
	}
	m.step(20 + times(40+8*log2(len(object)), len(object)))
	m.make(times(2*madeElement, len(object)))
	names := slices.AppendSeq(make([]string, 0, len(object)), maps.Keys(object))
	texts := 0
	for _, name := range names {
		texts += len(name)
	}
	m.step(times(texts/8, log2(len(object))))
	slices.Sort(names)
	return object, names, nil
}

func keys(m *meter, args []any) (any, error) {
	_, names, err := m.sorted("keys", args[0])
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = name
	}
	return list, err
}

func values(m *meter, args []any) (any, error) {
	object, names, err := m.sorted("values", args[0])
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = object[name]
	}
	return list, err
}

func toPairs(m *meter, args []any) (any, error) {
	object, names, err := m.sorted("toPairs", args[0])
	m.make(times(madeArray+2*madeElement, len(names)))
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = []any{name, object[name]}
	}
	return list, err
}

// fromPairs makes an object, as JSON has them: the language's own function makes
// what cannot be written as JSON.
func fromPairs(m *meter, args []any) (any, error) {
	list, ok := elements(args[0])
	if !ok {
		return nil, errNot("fromPairs", "a list of pairs", args[0])
	}
	m.step(20 + times(60, len(list)))
	m.make(objectSize(2 * len(list)))
	object := make(map[string]any)
	for _, element := range list {
		pair, ok := elements(element)
		if !ok || len(pair) != 2 {
			return nil, errNot("fromPairs", "pairs of a name and a value", element)
		}
		name, err := memberName(m, pair[0])
		if err != nil {
			return nil, fmt.Errorf("fromPairs: %w", err)
		}
		object[name] = pair[1]
	}
	return object, nil
}

// memberName returns the name that a value is as the name of a member of an
// object.
func memberName(m *meter, key any) (string, error) {
	m.step(20 + textLength(key)/8)
	switch k := key.(type) {
	case nil:
		return "null", nil
	case string:
		return k, nil
	case bool:
		return strconv.FormatBool(k), nil
	case int:
		m.make(madeElement)
		return strconv.Itoa(k), nil
	case float64:
		m.make(2 * madeElement)
		return strconv.FormatFloat(k, 'f', -1, 64), nil
	case json.Number:
		return k.String(), nil
	default:
		return "", fmt.Errorf("a name of an object cannot be a value of type %T", key)
	}
}

// grouped makes an object of the groups that the language has made by names.
func grouped(m *meter, args []any) (any, error) {
	groups, ok := args[0].(map[any][]any)
	if !ok {
		return nil, errNot("groupBy", "a list", args[0])
	}
	m.step(times(60, len(groups)))
	m.make(objectSize(2 * len(groups)))
	object := make(map[string]any, len(groups))
	for name, group := range groups {
		object[name.(string)] = group
	}
	return object, nil
}

// unique is uniq: numbers and texts are remembered, so that a list of them takes
// no longer than it is.
func unique(m *meter, args []any) (any, error) {
	list, ok := elements(args[0])
	if !ok {
		return nil, errNot("uniq", "a list", args[0])
	}
	m.step(20 + times(120, len(list)))
	m.make(times(8*madeElement, len(list)))
	kept, before := []any{}, seen{scalars: make(map[any]bool), rounded: make(map[float64]bool)}
	for _, element := range list {
		if before.add(m, element) {
			kept = append(kept, element)
		}
	}
	return kept, nil
}

// seen is what a list has had.
type seen struct {
	scalars map[any]bool
	rounded map[float64]bool // integers, as fractions that are equal to them
	others  []any
}

// add adds a value, unless an equal one is there.
func (s *seen) add(m *meter, value any) bool {
	m.step(textLength(value) / 8)
	var had bool
	switch v := value.(type) {
	case nil, bool, string:
		had = s.scalars[v]
	case float64:
		had = s.scalars[v] || s.rounded[v]
	case int:
		had = s.scalars[v] || s.scalars[float64(v)]
		s.rounded[float64(v)] = true
	default:
		had = slices.ContainsFunc(s.others, func(other any) bool { return m.equal(value, other) })
		if !had {
			s.others = append(s.others, value)
		}
		return !had
	}
	s.scalars[value] = true
	return !had
}
