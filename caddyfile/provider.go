package caddyfile

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// ParseProviders reads the global option webhooks and adds the providers it
// defines to those defined before. Syntax:
//
//	webhooks {
//	    provider <name> <scheme> {
//	        <fields of a provider's JSON description>
//	    }
//	}
//
// A field that is an object in JSON is a block; values on its line are those
// of its first field. content may be repeated, one segment per line.
func ParseProviders(d *caddyfile.Dispenser, providers map[string]*verify.Spec) error {
	d.Next() // consume the option's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if d.Val() != "provider" {
			return d.Errf("unrecognized option %s in webhooks; it can be provider", d.Val())
		}
		args := d.RemainingArgs()
		if len(args) != 2 {
			return d.Err("provider needs a name and a scheme, such as hmac, token, basic or none")
		}
		name := args[0]
		if _, exists := verify.Builtin(name); exists {
			return d.Errf("provider %s is built in; choose another name", name)
		}
		if _, exists := providers[name]; exists {
			return d.Errf("provider %s is already defined", name)
		}
		spec := &verify.Spec{Name: name, Scheme: args[1]}
		start := *d
		if err := parseFields(d, reflect.ValueOf(spec).Elem()); err != nil {
			return err
		}
		if _, err := verify.Compile(spec); err != nil {
			return start.Errf("provider %s: %v", name, err)
		}
		providers[name] = spec
	}
	return nil
}

// parseFields reads a block whose names are the JSON names of a struct, so
// that whatever a built-in provider can say can be said in a Caddyfile.
func parseFields(d *caddyfile.Dispenser, target reflect.Value) error {
	fields := make(map[string]reflect.Value)
	var names []string
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = target.Field(i)
		names = append(names, name)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		field, ok := fields[d.Val()]
		if !ok || d.Val() == "name" || d.Val() == "scheme" && target.Type() == reflect.TypeFor[verify.Spec]() {
			return d.Errf("unrecognized field %s%s", d.Val(), suggest.DidYouMean(d.Val(), names))
		}
		if err := parseField(d, field); err != nil {
			return err
		}
	}
	return nil
}

// parseField reads one field, of which d has consumed the name.
func parseField(d *caddyfile.Dispenser, field reflect.Value) error {
	switch value := field.Addr().Interface().(type) {
	case *verify.Content:
		segment, err := contentSegment(d)
		*value = append(*value, segment)
		return err
	case *verify.Duration:
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if *value, err = verify.ParseDuration(text); err != nil {
			return d.WrapErr(err)
		}
		return nil
	case *string:
		text, err := oneArg(d)
		*value = text
		return err
	case *bool:
		*value = true
		return noArgs(d)
	case *[]string:
		return appendArgs(d, value)
	}
	if field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct {
		return parseObject(d, field)
	}
	panic(fmt.Sprintf("no Caddyfile form for %s", field.Type()))
}

// parseObject reads a nested object: values on the line are those of its
// first field, the block has the others.
func parseObject(d *caddyfile.Dispenser, field reflect.Value) error {
	if !field.IsNil() {
		return d.Errf("%s is already specified", d.Val())
	}
	field.Set(reflect.New(field.Type().Elem()))
	args := d.RemainingArgs()
	switch first := field.Elem().Field(0).Addr().Interface().(type) {
	case *[]string:
		*first = args
	case *string:
		if len(args) > 1 {
			return d.ArgErr()
		}
		if len(args) == 1 {
			*first = args[0]
		}
	}
	return parseFields(d, field.Elem())
}
