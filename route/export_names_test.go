package route

import "reflect"

// Names are those that an expression can use of an event.
func Names() []string {
	var names []string
	for field := range reflect.TypeFor[env]().Fields() {
		names = append(names, field.Tag.Get("expr"))
	}
	return names
}
