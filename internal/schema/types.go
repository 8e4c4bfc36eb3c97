package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

var (
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()

	text  = object{"type": "string"}
	texts = object{"type": "array", "items": text}
	span  = object{"type": []string{"string", "integer"}}
)

// shorter are types of this repository that are read in a shorter form, too. They
// unmarshal themselves.
var shorter = map[reflect.Type]object{
	reflect.TypeFor[verify.Content]():      text,
	reflect.TypeFor[verify.Segment]():      text,
	reflect.TypeFor[handlers.MatchEvent](): texts,
	reflect.TypeFor[handlers.MatchExpr]():  text,
}

// shorthand adds to the schema of a type the shorter form that it is read in.
func (g *generator) shorthand(t reflect.Type, schema object) object {
	form, known := shorter[t]
	if known {
		return object{"anyOf": []any{form, schema}}
	}
	if reflect.PointerTo(t).Implements(readsJSON) {
		g.fail(fmt.Errorf("%s unmarshals itself: say in shorter what it reads", t))
	}
	return schema
}

func (g *generator) fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

// value describes values of a type.
func (g *generator) value(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[caddy.Duration](), t == reflect.TypeFor[verify.Duration]():
		return span
	case t.Kind() == reflect.Pointer:
		return g.value(t.Elem())
	case t == reflect.TypeFor[json.RawMessage](), t.PkgPath() != "" && !isOurs(t) && t.Kind() != reflect.String:
		return ref(anything)
	case t.Kind() == reflect.Struct:
		return g.named(t)
	case reflect.PointerTo(t).Implements(readsText):
		return text
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return text
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return text // in base64
		}
		return g.shorthand(t, object{"type": "array", "items": g.value(t.Elem())})
	case reflect.Array:
		return object{"type": "array", "items": g.value(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": g.value(t.Elem())}
	case reflect.Interface:
		return ref(anything)
	default:
		g.fail(fmt.Errorf("no schema is known for %s", t))
		return nil
	}
}

// named defines a type under its name.
func (g *generator) named(t reflect.Type) object {
	name := t.String()
	if _, done := g.definitions[name]; !done {
		g.definitions[name] = nil // so that it is not begun again inside
		g.definitions[name] = g.shorthand(t, g.structure(t))
	}
	return ref(name)
}

// structure describes the fields of a type.
func (g *generator) structure(t reflect.Type) object {
	properties := make(object)
	g.fields(t, properties)
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if about := g.docs.ofType(t); about != "" {
		schema["description"] = about
	}
	return schema
}

// fields adds the fields of a type, and those of the types that it embeds. Fields of
// its own come last: they count.
func (g *generator) fields(t reflect.Type, properties object) {
	var own []reflect.StructField
	for field := range t.Fields() {
		tag := field.Tag.Get("json")
		switch {
		case tag == "-":
		case field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct:
			g.fields(field.Type, properties)
		case field.IsExported():
			own = append(own, field)
		}
	}
	for _, field := range own {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		schema := g.field(field)
		if about := g.docs.ofField(t, field.Name); about != "" {
			if _, isRef := schema["$ref"]; isRef {
				schema = object{"allOf": []any{schema}} // beside a reference nothing counts
			}
			schema = maps.Clone(schema) // it may be shared
			schema["description"] = about
		}
		properties[name] = schema
	}
}

// field describes the value of a field, which may be for modules of a namespace.
func (g *generator) field(field reflect.StructField) object {
	namespace, key := "", ""
	for word := range strings.FieldsSeq(field.Tag.Get("caddy")) {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "namespace":
			namespace = value
		case "inline_key":
			key = value
		}
	}
	switch {
	case key == "" || anywhere(namespace):
		return g.value(field.Type)
	case field.Type.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": g.guest(namespace, key)}
	default:
		return g.guest(namespace, key)
	}
}
