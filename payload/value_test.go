package payload_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

func TestDecode(t *testing.T) {
	tests := []struct {
		document string
		want     any
	}{
		{`null`, nil},
		{`true`, true},
		{`false`, false},
		{`"a\u0062\n\ud83d\ude00"`, "ab\n😀"},
		{`""`, ""},
		{`0`, 0},
		{`-0`, 0},
		{`1130`, 1130},
		{`-7`, -7},
		{`9007199254740993`, 9007199254740993},
		{`9223372036854775807`, 9223372036854775807},
		{`9223372036854775808`, json.Number("9223372036854775808")},
		{`-9223372036854775808`, -9223372036854775808},
		{`-9223372036854775809`, json.Number("-9223372036854775809")},
		{`12345678901234567890`, json.Number("12345678901234567890")},
		{`38.90`, 38.9},
		{`-0.5`, -0.5},
		{`1e2`, 100.0},
		{`1E-400`, 0.0},
		{`1e400`, json.Number("1e400")},
		{`-1e400`, json.Number("-1e400")},
		{`{}`, map[string]any{}},
		{`[]`, []any{}},
		{` [ 1 , "a" , null ] `, []any{1, "a", nil}},
		{`{"a":{"b":[true]},"t\u0079pe":1}`, map[string]any{"a": map[string]any{"b": []any{true}}, "type": 1}},
	}
	for _, test := range tests {
		got, err := payload.Decode([]byte(test.document))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("Decode(%s) = %#v, %v; want %#v", test.document, got, err, test.want)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		value, want string
		ok          bool
	}{
		{`"plain"`, "plain", true},
		{`""`, "", true},
		{`"a\u0026b\"\\\/\t"`, "a&b\"\\/\t", true},
		{`"\ud83d\ude00"`, "😀", true},
		{`1130`, "1130", true},
		{`38.90`, "38.90", true},
		{`12345678901234567890`, "12345678901234567890", true},
		{`1e2`, "1e2", true},
		{`-0`, "-0", true},
		{`true`, "true", true},
		{`false`, "false", true},
		{`null`, "", false},
		{`{"a":1}`, "", false},
		{`["a"]`, "", false},
		{``, "", false},
	}
	for _, test := range tests {
		if got, ok := payload.Text([]byte(test.value)); got != test.want || ok != test.ok {
			t.Errorf("Text(%s) = %q, %t; want %q, %t", test.value, got, ok, test.want, test.ok)
		}
	}
}

func TestEncode(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{"<a href=\"x\">&\n😀", `"<a href=\"x\">&\n😀"`},
		{map[string]any{"b": 1, "a": []any{true, nil}}, `{"a":[true,null],"b":1}`},
		{json.Number("12345678901234567890"), `12345678901234567890`},
		{json.Number("1e400"), `1e400`},
		{9007199254740993, `9007199254740993`},
		{38.9, `38.9`},
	}
	for _, test := range tests {
		got, err := payload.Encode(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("Encode(%#v) = %s, %v; want %s", test.value, got, err, test.want)
		}
	}
	if got, err := payload.Encode(func() {}); err == nil {
		t.Errorf("Encode of a function gave %s", got)
	}
}
