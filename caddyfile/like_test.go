package caddyfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// A provider that is like a built-in one differs from it by its name and by what
// is written, and in nothing else.
func TestProvidersLikeBuiltinOnes(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		text := fmt.Sprintf("webhooks {\nprovider own like %s {\ntitle Own\nevents one two\n}\nprovider again like own\n}", name)
		providers := make(map[string]*verify.Spec)
		if err := fromcaddyfile.ParseOptions(caddyfile.NewTestDispenser(text), &fromcaddyfile.Options{Providers: providers}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := encode(t, providers["own"]); got != encode(t, &verify.Spec{Name: "own", Like: name, Title: "Own", Events: []string{"one", "two"}}) {
			t.Errorf("%s: the adapter writes %s", name, got)
		}
		builtin, _ := verify.Builtin(name)
		want := *builtin
		want.Title, want.Events, want.Evidence = "Own", []string{"one", "two"}, nil
		for _, own := range []string{"own", "again"} {
			want.Name = own
			resolved, err := verify.Resolve(own, providers)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := encode(t, resolved); got != encode(t, want) || resolved.Origin() != name {
				t.Errorf("%s, which is like %s, is\n%s\nwant\n%s", own, resolved.Origin(), got, encode(t, want))
			}
		}
	}
}

// Whatever field is written replaces that of the other provider.
func TestFieldsOfProvidersThatAreLikeOthers(t *testing.T) {
	kind := reflect.TypeFor[verify.Spec]()
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "name" || name == "like" || name == "evidence" {
			continue
		}
		own, base := new(verify.Spec), new(verify.Spec)
		set(reflect.ValueOf(own).Elem().Field(i), 1)
		set(reflect.ValueOf(base).Elem().Field(i), 2)
		own.Like = "base"
		providers := map[string]*verify.Spec{"own": own, "base": base, "bare": {Like: "base"}}
		for who, want := range map[string]*verify.Spec{"own": own, "bare": base} {
			resolved, err := verify.Resolve(who, providers)
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.ValueOf(resolved).Elem().Field(i).Interface()
			if !reflect.DeepEqual(got, reflect.ValueOf(want).Elem().Field(i).Interface()) {
				t.Errorf("%s of %s is %v", name, who, got)
			}
		}
	}
}

// set makes a value other than zero.
func set(value reflect.Value, n int64) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(fmt.Sprint(n))
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int64:
		value.SetInt(n)
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), int(n), int(n)))
	case reflect.Map:
		value.Set(reflect.MakeMap(value.Type()))
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
	default:
		panic(value.Kind())
	}
}

func TestProvidersLikeOnesThatAreNot(t *testing.T) {
	for text, want := range map[string]string{
		"provider own like instalep":                                     "provider own: unknown provider instalep; did you mean instaleap?, at Testfile:2",
		"provider own like own":                                          "provider own: provider own is like itself",
		"provider own like github stripe":                                "like needs the name of one provider",
		"provider own like":                                              "like needs the name of one provider",
		"provider github like stripe":                                    "provider github is built in; choose another name",
		"provider own like github\nprovider own like github":             "provider own is already defined",
		"provider own like github {\nlike stripe\n}":                     "unrecognized field like",
		"provider own like github {\nscheme hmac5\n}":                    `provider own: scheme is "hmac5"`,
		"provider own like github {\ncontent {body\n}":                   "provider own: content",
		"provider own like github {\nsignature {\nencoding base64\n}\n}": "provider own: signature",
	} {
		err := fromcaddyfile.ParseOptions(caddyfile.NewTestDispenser("webhooks {\n"+text+"\n}"),
			&fromcaddyfile.Options{Providers: make(map[string]*verify.Spec)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q in it", text, err, want)
		}
	}
}
