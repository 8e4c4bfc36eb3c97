package payload_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// standard writes a value as encoding/json does.
func standard(value any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// sameAsStandard checks what a value is as JSON.
func sameAsStandard(t *testing.T, value any) {
	t.Helper()
	want, wantErr := standard(value)
	got, err := payload.Encode(value)
	if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
		t.Errorf("%#v is %s, %v; want %s, %v", value, got, err, want, wantErr)
	}
}

func TestEncodeWritesWhatEncodingJSONWrites(t *testing.T) {
	for _, value := range []any{
		nil, true, false, 0, -1, math.MaxInt, math.MinInt, "", "plain", `quoted "\`, "\x00\x01\x1f \x7f\b\f\n\r\t", "é日本\u2028\u2029\U0001F600",
		"\xff\xfe", "half \xe2\x80", "<&>", 0.0, math.Copysign(0, -1), 1.5, 1e20, 1e21, 123456789e15, 1e-6, 9.9e-7, 1e-9, 1e-10, 1e-100, 1e300, math.Pi,
		math.SmallestNonzeroFloat64, math.MaxFloat64, math.Inf(1), math.NaN(), json.Number("12345678901234567890"), json.Number("nonsense"), json.Number(""),
		[]any{},
		[]any(nil),
		[]any{nil, 1, "a", []any{2.5}},
		map[string]any{},
		map[string]any(nil),
		map[string]any{"b": 1, "a": map[string]any{"d": 1, "c": []any{}}, "\n": 2},
		[]string{"a", "<"},
		[]int{1},
		map[string]int{"a": 1},
		map[any]any{1: 2},
		time.Unix(1715688000, 5).UTC(), time.Second, func() {},
		[]any{math.Inf(-1)},
		map[string]any{"a": func() {}},
		[]any{time.Unix(0, 0).UTC(), map[string]any{"t": []byte("x")}},
	} {
		sameAsStandard(t, value)
	}
}

// What was decoded is written as encoding/json writes it.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.5,-1e-9,"\u2028é\ud83d\ude00"],"a":{"x":null,"":true}}`, `[12345678901234567890,1e400]`, `"\u0000\u007f<>"`} {
		f.Add([]byte(seed), "text\xff")
	}
	f.Fuzz(func(t *testing.T, document []byte, text string) {
		sameAsStandard(t, text)
		value, err := payload.Decode(document)
		if err != nil {
			return
		}
		sameAsStandard(t, value)
		encoded, _ := payload.Encode(value)
		if again, err := payload.Decode(encoded); err != nil || !reflect.DeepEqual(again, value) {
			t.Errorf("%s is %s again, %v", document, encoded, err)
		}
	})
}
