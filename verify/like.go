package verify

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Resolve returns the description of a provider, one of the operator's own or a
// built-in one, with what it takes from the provider that it is like.
func Resolve(name string, own map[string]*Spec) (*Spec, error) {
	return resolve(name, own, nil)
}

func resolve(name string, own map[string]*Spec, likes []string) (*Spec, error) {
	spec := own[name]
	if spec == nil {
		if builtIn, ok := Builtin(name); ok {
			return builtIn, nil
		}
		return nil, UnknownProvider(name, slices.Collect(maps.Keys(own)))
	}
	if spec.Like == "" {
		return spec, nil
	}
	if slices.Contains(likes, name) {
		return nil, fmt.Errorf("provider %s is like itself", name)
	}
	base, err := resolve(spec.Like, own, append(likes, name))
	if err != nil {
		return nil, err
	}
	return spec.inherit(base), nil
}

// ResolveAll resolves all providers of an operator. It tells whose description is
// wrong.
func ResolveAll(own map[string]*Spec) (map[string]*Spec, error) {
	resolved := make(map[string]*Spec, len(own))
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if own[name] == nil {
			return nil, fmt.Errorf("provider %s is empty", name)
		}
		spec, err := Resolve(name, own)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		resolved[name] = spec
	}
	return resolved, nil
}

// inherit returns the description with those fields of another one that are not
// in it.
func (s *Spec) inherit(base *Spec) *Spec {
	merged := *s
	to, from := reflect.ValueOf(&merged).Elem(), reflect.ValueOf(base).Elem()
	for i := range to.NumField() {
		if field := to.Field(i); field.CanSet() && field.IsZero() {
			field.Set(from.Field(i))
		}
	}
	if s.Or == nil && s.describesWay() {
		merged.Or = nil
	}
	merged.Like, merged.origin, merged.Evidence = "", base.Origin(), s.Evidence
	return &merged
}

// Origin is the name of the provider that this one is like, and that is like no
// other; else its own name.
func (s *Spec) Origin() string {
	if s.origin != "" {
		return s.origin
	}
	return s.Name
}
