package caddyfile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Options is what the global option webhooks says.
type Options struct {
	Providers   map[string]*verify.Spec    // by their names
	MaxBuffered int64                      // bytes; 0: not said
	Replay      json.RawMessage            // the store of remembered deliveries; nil: not said
	Store       json.RawMessage            // the store of webhooks that are delivered later; nil: not said
	Inspect     *verify.Inspect            // nil: not said
	Diagnose    bool                       // refused signatures at all endpoints
	LogAccepted bool                       // at all endpoints
	HasArchive  bool                       // an archive was said before
	Archive     *Archive                   // nil: not said
	Tenants     map[string]json.RawMessage // sources of tenants, by their names
	TestOnLoad  string                     // the file beside which test cases are; empty: not said
}

// ParseOptions reads the global option webhooks and adds what it says to what
// was said before. Syntax:
//
//	webhooks {
//	    max_buffered <size>
//	    inspect      [<keep>|off] {
//	        bodies
//	        redact <path...>
//	    }
//	    diagnose
//	    test_on_load [<config>]
//	    log_accepted
//	    archive      [<path>] {
//	        max_age  <duration>
//	        max_size <size>
//	        redact   <path...>
//	        refused
//	    }
//	    provider <name> <scheme>|like <provider> {
//	        <fields of a provider's JSON description>
//	    }
//	    replay <store> [<options of the store>]
//	    store [<store>|<path>|<url...>] [<options of the store>]
//	    tenants <name> <source> [<options of the source>]
//	}
//
// A field that is an object in JSON is a block; values on its line are those
// of its first field. content may be repeated, one segment per line.
func ParseOptions(d *caddyfile.Dispenser, options *Options) error {
	d.Next() // consume the option's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "provider":
			err = parseProvider(d, options.Providers)
		case "max_buffered":
			if options.MaxBuffered != 0 {
				return d.Err("max_buffered is already specified")
			}
			options.MaxBuffered, err = sizeArg(d)
		case "replay":
			err = parseReplay(d, &options.Replay)
		case "inspect":
			if options.Inspect != nil {
				return d.Err("inspect is already specified")
			}
			options.Inspect, err = ParseInspect(d)
		case "diagnose":
			options.Diagnose = true
			err = noArgs(d)
		case "log_accepted":
			options.LogAccepted = true
			err = noArgs(d)
		case "archive":
			err = parseArchive(d, options)
		case "tenants":
			err = parseTenants(d, options)
		case "test_on_load":
			err = parseTestOnLoad(d, options)
		case "store":
			err = parseDeliveryStore(d, &options.Store)
		default:
			err = d.Errf("unrecognized option %s in webhooks; it can be provider, tenants, replay, store, archive, max_buffered, inspect, diagnose, log_accepted or test_on_load", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseProvider reads "provider <name> <scheme> {".
func parseProvider(d *caddyfile.Dispenser, providers map[string]*verify.Spec) error {
	args := d.RemainingArgs()
	isLike := len(args) > 1 && args[1] == "like"
	switch {
	case isLike && len(args) != 3:
		return d.Err("like needs the name of one provider")
	case !isLike && len(args) != 2:
		return d.Err("provider needs a name and a scheme, such as hmac, token, basic or none; or, instead of the scheme, " +
			"like and the name of a provider")
	}
	name := args[0]
	if _, exists := verify.Builtin(name); exists {
		return d.Errf("provider %s is built in; choose another name", name)
	}
	if _, exists := providers[name]; exists {
		return d.Errf("provider %s is already defined", name)
	}
	spec := &verify.Spec{Name: name}
	if isLike {
		spec.Like = args[2]
	} else {
		spec.Scheme = args[1]
	}
	start := *d
	if err := parseFields(d, reflect.ValueOf(spec).Elem()); err != nil {
		return err
	}
	providers[name] = spec
	resolved, err := verify.Resolve(name, providers)
	if err == nil {
		AnnounceSchemes(resolved)
		err = compile(resolved)
	}
	if err != nil {
		return start.Errf("provider %s: %v", name, err)
	}
	return nil
}

// compile tries a provider with its expressions.
func compile(spec *verify.Spec) error {
	provider, err := verify.Compile(spec)
	if err != nil {
		return err
	}
	if _, err := route.NewIdentity(provider); err != nil {
		return err
	}
	if spec.JWT != nil && spec.JWT.Require != "" {
		if _, err := route.CompileClaims(spec.JWT.Require); err != nil {
			return fmt.Errorf("jwt: require: %w", err)
		}
	}
	return nil
}

// parseFields reads a block whose names are the JSON names of a struct, so
// that whatever a built-in provider can say can be said in a Caddyfile.
func parseFields(d *caddyfile.Dispenser, target reflect.Value) error {
	fields := make(map[string]reflect.Value)
	var names []string
	isSpec := target.Type() == reflect.TypeFor[verify.Spec]()
	for i := range target.NumField() {
		if !target.Type().Field(i).IsExported() {
			continue
		}
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		if isSpec && (name == "name" || name == "like" || name == "scheme" && target.Addr().Interface().(*verify.Spec).Like == "") {
			continue // they stand on the line of provider
		}
		fields[name] = target.Field(i)
		names = append(names, name)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		field, ok := fields[d.Val()]
		if !ok {
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
		if *value != "" {
			return d.Errf("%s is already specified", d.Val())
		}
		text, err := oneArg(d)
		*value = text
		return err
	case *bool:
		*value = true
		return noArgs(d)
	case **string:
		text, err := oneArg(d)
		*value = &text
		return err
	case *int:
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if *value, err = strconv.Atoi(text); err != nil {
			return d.Errf("%q is not a number", text)
		}
		return nil
	case *[]string:
		return appendArgs(d, value)
	case *map[string]string:
		return parseMember(d, value, func(text string) string { return text })
	case *map[string]any:
		return parseMember(d, value, literal)
	case *map[string][]string:
		name, list, err := parseGroup(d)
		if *value == nil {
			*value = make(map[string][]string)
		}
		(*value)[name] = append((*value)[name], list...)
		return err
	case *[]verify.Category:
		category, err := parseCategory(d)
		*value = append(*value, category)
		return err
	}
	switch field.Kind() {
	case reflect.Pointer:
		if !field.IsNil() {
			return d.Errf("%s is already specified", d.Val())
		}
		field.Set(reflect.New(field.Type().Elem()))
		return parseObject(d, field.Elem())
	case reflect.Struct:
		return parseObject(d, field)
	case reflect.Slice:
		element := reflect.New(field.Type().Elem()).Elem()
		err := parseObject(d, element)
		field.Set(reflect.Append(field, element))
		return err
	}
	panic(fmt.Sprintf("no Caddyfile form for %s", field.Type()))
}

// parseMember reads "<name> <value>" into a map; the line may be repeated.
func parseMember[V any](d *caddyfile.Dispenser, to *map[string]V, convert func(string) V) error {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("%s needs a name and a value", name)
	}
	if *to == nil {
		*to = make(map[string]V)
	}
	(*to)[args[0]] = convert(args[1])
	return noBlock(d, name)
}

// parseGroup reads "<name> <value...>"; the line may be repeated.
func parseGroup(d *caddyfile.Dispenser) (name string, values []string, err error) {
	field := d.Val()
	args := d.RemainingArgs()
	if len(args) < 2 {
		return "", nil, d.Errf("%s needs a name and at least one value", field)
	}
	return args[0], args[1:], noBlock(d, field)
}

// parseCategory reads "<name> [<event...>] [when <expr>]"; the line may be repeated.
func parseCategory(d *caddyfile.Dispenser) (verify.Category, error) {
	var category verify.Category
	field := d.Val()
	for d.NextArg() {
		switch {
		case category.Name == "":
			category.Name = d.Val()
		case d.Val() == "when" && !d.Token().Quoted():
			var err error
			if category.When, err = expression(d); err != nil {
				return category, err
			}
			return category, noBlock(d, field)
		default:
			category.Events = append(category.Events, d.Val())
		}
	}
	if len(category.Events) == 0 {
		return category, d.Errf("%s needs a name, and events or when with an expression", field)
	}
	return category, noBlock(d, field)
}

// literal reads a value that is a number or a boolean in JSON, or else text.
func literal(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		switch value.(type) {
		case float64, bool:
			return value
		}
	}
	return text
}

// parseObject reads a nested object: values on the line are those of its
// first field, the block has the others.
func parseObject(d *caddyfile.Dispenser, object reflect.Value) error {
	name := d.Val()
	args := d.RemainingArgs()
	switch first := object.Field(0).Addr().Interface().(type) {
	case *[]string:
		*first = args
	case *string:
		if len(args) > 0 {
			*first, args = args[0], args[1:]
		}
		if len(args) > 0 {
			return d.Errf("%s takes one value", name)
		}
	default:
		if len(args) > 0 {
			return d.Errf("%s takes a block, not %s", name, args[0])
		}
	}
	return parseFields(d, object)
}
