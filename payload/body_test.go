package payload_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func TestBody(t *testing.T) {
	tests := []struct {
		name        string
		raw         string
		contentType string
		formField   string
		form        bool
		document    string
		value       any
	}{
		{"JSON", `{"a":1}`, jsonType, "", false, `{"a":1}`, map[string]any{"a": 1}},
		{"JSON with parameters", `[1]`, "application/json; charset=utf-8", "", false, `[1]`, []any{1}},
		{"JSON without a content type", `{"a":1}`, "", "", false, `{"a":1}`, map[string]any{"a": 1}},
		{"JSON of another type", `{"a":1}`, "text/plain", "", false, `{"a":1}`, map[string]any{"a": 1}},
		{"JSON and a form field that is not used", `{"a":1}`, jsonType, "payload", false, `{"a":1}`, map[string]any{"a": 1}},
		{"JSON declared as a form", " \t\r\n{\"a\":1}", formType, "payload", false, " \t\r\n{\"a\":1}", map[string]any{"a": 1}},
		{"a list declared as a form", `[1]`, formType, "", false, `[1]`, []any{1}},
		{"form with JSON in a field", `payload=%7B%22a%22%3A1%7D&x=1`, formType, "payload", true, `{"a":1}`, map[string]any{"a": 1}},
		{"form with plus signs in a field", `json=%7B%22a%22%3A%22x+y%22%7D`, formType, "json", true, `{"a":"x y"}`, map[string]any{"a": "x y"}},
		{"form type with parameters", `payload=1`, "Application/X-WWW-Form-URLEncoded; charset=utf-8", "payload", true, `1`, 1},
		{"form type with a broken parameter", `payload=1`, formType + "; =", "payload", true, `1`, 1},
		{"form without the field", `a=1`, formType, "payload", true, ``, map[string]any{"a": "1"}},
		{"form with the field twice", `payload=1&payload=2`, formType, "payload", true, ``, map[string]any{"payload": []any{"1", "2"}}},
		{"form with the field empty", `payload=&a=1`, formType, "payload", true, ``, map[string]any{"payload": "", "a": "1"}},
		{"form with an object in any field", `data=%20%7B%22a%22%3A1%7D&x=1`, formType, "*", true, ` {"a":1}`, map[string]any{"a": 1}},
		{"form with two objects", `a=%7B%7D&b=%7B%7D`, formType, "*", true, ``, map[string]any{"a": "{}", "b": "{}"}},
		{"form with an object twice", `a=%7B%7D&a=%7B%7D`, formType, "*", true, ``, map[string]any{"a": []any{"{}", "{}"}}},
		{"form with a list, but no object", `a=%5B%5D&b=1`, formType, "*", true, ``, map[string]any{"a": "[]", "b": "1"}},
		{"form as a map", `a=1&b=x+y&c=%26`, formType, "", true, ``, map[string]any{"a": "1", "b": "x y", "c": "&"}},
		{"form with repeated fields", `a=1&b=2&a=3`, formType, "", true, ``, map[string]any{"a": []any{"1", "3"}, "b": "2"}},
		{"form with a name alone", `a`, formType, "", true, ``, map[string]any{"a": ""}},
		{"empty form", ``, formType, "", true, ``, map[string]any{}},
		{"empty", ``, jsonType, "", false, ``, nil},
		{"white space", " \n", jsonType, "", false, " \n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := payload.New([]byte(test.raw), test.contentType, test.formField)
			if got := string(body.Bytes()); got != test.raw {
				t.Errorf("Bytes() = %q", got)
			}
			if got := body.IsForm(); got != test.form {
				t.Errorf("IsForm() = %t", got)
			}
			// Twice, because the second answer comes from the first.
			for range 2 {
				if got := string(body.Document()); got != test.document {
					t.Errorf("Document() = %q; want %q", got, test.document)
				}
				if got, err := body.Value(); err != nil || !reflect.DeepEqual(got, test.value) {
					t.Errorf("Value() = %#v, %v; want %#v", got, err, test.value)
				}
			}
		})
	}
}

func TestBodyRefuses(t *testing.T) {
	tests := []struct {
		name, raw, contentType, formField string
	}{
		{"text", `Hello, World!`, "text/plain", ""},
		{"text without a content type", `Hello, World!`, "", ""},
		{"broken JSON", `{"a":1`, jsonType, ""},
		{"duplicate name", `{"a":1,"a":2}`, jsonType, ""},
		{"broken JSON in a form field", `payload=%7B`, formType, "payload"},
		{"broken JSON in any form field", `data=%7B`, formType, "*"},
		{"form with a broken escape", `a=%zz`, formType, ""},
		{"form with a semicolon", `a=1;b=2`, formType, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := payload.New([]byte(test.raw), test.contentType, test.formField)
			for range 2 {
				if value, err := body.Value(); err == nil {
					t.Errorf("Value() = %#v; want an error", value)
				}
			}
		})
	}
}

func TestBodyForm(t *testing.T) {
	body := payload.New([]byte(`a=1&a=2&b=`), formType, "")
	form, err := body.Form()
	if err != nil || !reflect.DeepEqual(map[string][]string(form), map[string][]string{"a": {"1", "2"}, "b": {""}}) {
		t.Errorf("Form() = %v, %v", form, err)
	}
	if form, err := payload.New([]byte(`{"a":1}`), formType, "").Form(); form != nil || err != nil {
		t.Errorf("Form() of JSON = %v, %v; want nothing", form, err)
	}
	if _, err := payload.New([]byte(`a=%`), formType, "").Form(); err == nil {
		t.Error("Form() accepted a broken escape")
	}
}

func TestNoDocument(t *testing.T) {
	var finder payload.Finder
	finder.Add(mustPath(t, "a"), true)
	body := payload.New([]byte("a=1"), formType, "payload")
	if _, err := finder.Find(body.Document()); !errors.Is(err, payload.ErrNotJSON) {
		t.Errorf("Find: %v; want ErrNotJSON", err)
	}
}
