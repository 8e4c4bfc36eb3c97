package route

import (
	"maps"
	"reflect"
	"slices"
)

// Names are those that an expression can use of an event.
func Names() []string {
	var names []string
	for field := range reflect.TypeFor[env]().Fields() {
		if name := field.Tag.Get("expr"); name != meterName {
			names = append(names, name)
		}
	}
	return names
}

// FunctionNames are the functions that expressions can call besides the language's
// own.
func FunctionNames() []string { return slices.Sorted(maps.Keys(functions)) }
