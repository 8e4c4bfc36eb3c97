package caddyfile_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Whatever a built-in provider says can be said in a Caddyfile, and means the
// same.
func TestBuiltinProvidersInCaddyfiles(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		t.Run(name, func(t *testing.T) {
			builtin, _ := verify.Builtin(name)
			spec := *builtin
			spec.Name = "own-" + name
			spec.Evidence = nil // it is of built-in providers
			if spec.Scheme == "" {
				spec.Scheme = "none"
			}
			var block strings.Builder
			writeFields(t, &block, reflect.ValueOf(spec), "name", "scheme", "like", "evidence")
			text := fmt.Sprintf("webhooks {\nprovider %s %s {\n%s}\n}", spec.Name, spec.Scheme, block.String())

			providers := make(map[string]*verify.Spec)
			if err := fromcaddyfile.ParseOptions(caddyfile.NewTestDispenser(text), &fromcaddyfile.Options{Providers: providers}); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			got, want := encode(t, providers[spec.Name]), encode(t, spec)
			if got != want {
				t.Errorf("%s\nbecomes\n%s, want\n%s", text, got, want)
			}
		})
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writeFields writes the fields of a struct that are set, one on a line.
func writeFields(t *testing.T, out *strings.Builder, object reflect.Value, except ...string) {
	t.Helper()
	for i := range object.NumField() {
		field := object.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && !object.Field(i).IsZero() && !slices.Contains(except, name) {
			writeField(t, out, name, object.Field(i))
		}
	}
}

func writeField(t *testing.T, out *strings.Builder, name string, field reflect.Value) {
	t.Helper()
	switch value := field.Interface().(type) {
	case verify.Content:
		for _, segment := range value {
			line := name + " " + quote(segment.Text)
			if segment.Absent != "" {
				line += " " + segment.Absent
			}
			if segment.Lower {
				line += " lower"
			}
			if segment.Ambiguous {
				line += " ambiguous"
			}
			fmt.Fprintln(out, line)
		}
	case bool:
		fmt.Fprintln(out, name)
	case string:
		fmt.Fprintln(out, name, quote(value))
	case *string:
		fmt.Fprintln(out, name, quote(*value))
	case int:
		fmt.Fprintln(out, name, strconv.Itoa(value))
	case verify.Duration:
		fmt.Fprintln(out, name, value)
	case []string:
		fmt.Fprintln(out, name, quoted(value))
	case map[string]string:
		for key, text := range value {
			fmt.Fprintln(out, name, quote(key), quote(text))
		}
	case map[string][]string:
		for key, list := range value {
			fmt.Fprintln(out, name, quote(key), quoted(list))
		}
	case []verify.Category:
		for _, category := range value {
			line := strings.TrimSpace(name + " " + quote(category.Name) + " " + quoted(category.Events))
			if category.When != "" {
				line += " when " + quote(category.When)
			}
			fmt.Fprintln(out, line)
		}
	case map[string]any:
		for key, member := range value {
			fmt.Fprintln(out, name, quote(key), quote(fmt.Sprint(member)))
		}
	default:
		writeObjects(t, out, name, field)
	}
}

// writeObjects writes a nested object, or one block for each of a list.
func writeObjects(t *testing.T, out *strings.Builder, name string, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Pointer:
		field = field.Elem()
	case reflect.Slice:
		for i := range field.Len() {
			writeObjects(t, out, name, field.Index(i))
		}
		return
	case reflect.Struct:
	default:
		t.Fatalf("no Caddyfile form for %s of type %s", name, field.Type())
	}
	fmt.Fprintln(out, name, "{")
	writeFields(t, out, field)
	fmt.Fprintln(out, "}")
}

// quote writes a token that is taken as it is.
func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// quoted writes tokens that are taken as they are.
func quoted(texts []string) string {
	tokens := make([]string, len(texts))
	for i, text := range texts {
		tokens[i] = quote(text)
	}
	return strings.Join(tokens, " ")
}

// Every field that a description can have is understood, so that a new one
// cannot be forgotten here.
func TestEveryFieldHasAForm(t *testing.T) {
	var spec verify.Spec
	fill(t, reflect.ValueOf(&spec).Elem())
	var block strings.Builder
	writeFields(t, &block, reflect.ValueOf(spec), "name", "scheme", "like", "evidence")
	for line := range strings.Lines(block.String()) {
		if strings.TrimSpace(line) == "" {
			t.Errorf("an empty line in\n%s", block.String())
		}
	}
	text := "webhooks {\nprovider own hmac {\n" + block.String() + "}\n}"
	// The values make no sense together, which is found after all is read.
	err := fromcaddyfile.ParseOptions(caddyfile.NewTestDispenser(text), &fromcaddyfile.Options{Providers: make(map[string]*verify.Spec)})
	if err == nil || !strings.Contains(err.Error(), "provider own: ") {
		t.Errorf("error is %v, want one about the provider as a whole; the block is\n%s", err, text)
	}
}

// fill sets every field of a struct to something.
func fill(t *testing.T, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.String:
		value.SetString("x")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int64:
		value.SetInt(1e9)
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(t, value.Elem())
	case reflect.Slice:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(t, element)
		value.Set(reflect.Append(value, element))
	case reflect.Map:
		value.Set(reflect.MakeMap(value.Type()))
		element := reflect.New(value.Type().Elem()).Elem()
		if element.Kind() == reflect.Interface {
			element.Set(reflect.ValueOf("y"))
		} else {
			fill(t, element)
		}
		value.SetMapIndex(reflect.ValueOf("x"), element)
	case reflect.Struct:
		for i := range value.NumField() {
			switch {
			case !value.Type().Field(i).IsExported():
			case value.Type() == reflect.TypeFor[verify.Segment]() && value.Type().Field(i).Name == "Absent":
				value.Field(i).SetString("drop")
			default:
				fill(t, value.Field(i))
			}
		}
	default:
		t.Fatalf("no value for %s", value.Type())
	}
}
