package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// ourModule is the path that the packages of this module begin with.
const ourModule = "github.com/caddy-webhooks/caddy-webhooks"

// object is a schema, or a part of one.
type object = map[string]any

// anything is the definition of a value of Caddy's configuration. It knows the modules
// of this repository wherever they stand, and leaves everything else open.
const anything = "anything"

// place is where modules of a namespace stand: the key that names the module there.
type place struct{ namespace, key string }

// inline are the namespaces whose modules can stand anywhere in a configuration.
var inline = []place{
	{"http.handlers", "handler"},
	{"http.reverse_proxy.transport", "protocol"},
	{"caddy.logging.encoders", "format"},
}

// anywhere reports whether modules of a namespace can stand anywhere.
func anywhere(namespace string) bool {
	return slices.ContainsFunc(inline, func(place place) bool { return place.namespace == namespace })
}

// generate returns the schema as JSON. The source is in the folder root.
func generate(root string) ([]byte, error) {
	g := &generator{definitions: make(object), docs: docs{root: root, read: make(map[string]comments)}}
	app, err := caddy.GetModule("webhooks")
	if err != nil {
		return nil, err
	}
	g.definitions[anything] = g.anything()
	schema := object{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "Caddy's configuration with caddy-webhooks",
		"description": "It describes the modules of caddy-webhooks. Of all others it says nothing.",
		"type":        "object",
		"properties": object{"apps": object{
			"type":                 "object",
			"properties":           object{"webhooks": g.module(app, "")},
			"additionalProperties": ref(anything),
		}},
		"additionalProperties": ref(anything),
		"definitions":          g.definitions,
	}
	if g.err != nil {
		return nil, g.err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "\t")
	err = encoder.Encode(schema)
	return out.Bytes(), err
}

// generator collects the definitions of modules and types.
type generator struct {
	definitions object
	docs        docs
	err         error // the first
}

// ref is a reference to a definition.
func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

// anything describes a value anywhere in a configuration.
func (g *generator) anything() object {
	var some, all []any
	for _, place := range inline {
		names, then := g.choice(place.namespace, place.key)
		some = append(some, has(place.key, object{"enum": names}))
		all = append(all, then...)
	}
	matchers := make(object)
	for _, matcher := range ours("http.matchers") {
		matchers[matcher.ID.Name()] = g.module(matcher, "")
	}
	return object{
		"items": ref(anything),
		"if":    object{"anyOf": some},
		"then":  object{"allOf": all},
		"else":  object{"properties": matchers, "additionalProperties": ref(anything)},
	}
}

// guest describes a place for one module of a namespace. It may be of other packages.
func (g *generator) guest(namespace, key string) object {
	schema := object{"type": "object", "required": []string{key}}
	if _, then := g.choice(namespace, key); len(then) > 0 {
		schema["allOf"] = then
	}
	return schema
}

// choice returns the names of our modules in a namespace, and the condition of each.
func (g *generator) choice(namespace, key string) (names []string, then []any) {
	for _, module := range ours(namespace) {
		name := module.ID.Name()
		names = append(names, name)
		then = append(then, object{"if": has(key, object{"const": name}), "then": g.module(module, key)})
	}
	return names, then
}

// has describes an object with a key whose value is as it is described.
func has(key string, value object) object {
	return object{"type": "object", "required": []string{key}, "properties": object{key: value}}
}

// ours are the modules of a namespace that this repository has.
func ours(namespace string) []caddy.ModuleInfo {
	return slices.DeleteFunc(caddy.GetModules(namespace), func(module caddy.ModuleInfo) bool {
		return !isOurs(moduleType(module))
	})
}

// isOurs reports whether a type is one of this repository.
func isOurs(t reflect.Type) bool {
	return t.PkgPath() == ourModule || strings.HasPrefix(t.PkgPath(), ourModule+"/")
}

// moduleType is the type whose fields are the module's configuration.
func moduleType(module caddy.ModuleInfo) reflect.Type {
	t := reflect.TypeOf(module.New())
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// module defines a module under its ID. Its name stands under key beside its own
// fields; "" is no key.
func (g *generator) module(module caddy.ModuleInfo, key string) object {
	name := string(module.ID)
	if _, done := g.definitions[name]; done {
		return ref(name)
	}
	g.definitions[name] = nil // so that it is not begun again inside
	t := moduleType(module)
	schema := g.structure(t)
	if key != "" {
		schema["properties"].(object)[key] = object{"const": module.ID.Name(), "description": "The name of the module."}
	}
	g.definitions[name] = g.shorthand(t, schema)
	return ref(name)
}
