package payload

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Small objects of the same text are one and the same, and are what they would be
// alone, whatever stands before them.
func TestSmallObjects(t *testing.T) {
	objects := []string{
		`{}`, `{"":0}`, `{"":1}`, `{"a":0}`, `{"a":0}`, `{ "a":0}`, `{"a":0 }`, `{"a":0,"b":1}`, `{"a":0,"":1}`, `{"}":0}`, `{"}":1}`, `{"":"}"}`,
		`{"":"}x"}`, `{"":[]}`, `{"":{}}`, `{"":{"":0}}`, `{"abc":0}`, `{"abcd":0}`, `{"":true}`, `{"":"a"}`, `{"":1.5}`, `{"é":0}`, `{"\"":0}`,
	}
	for _, first := range objects {
		for _, second := range objects {
			document := "[" + first + "," + second + "," + first + "," + second + "]"
			value, err := Decode([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", document, err)
			}
			written, _ := json.Marshal(value)
			var got, want any
			if json.Unmarshal(written, &got) != nil || json.Unmarshal([]byte(document), &want) != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s is read as %s", document, written)
			}
		}
		for _, broken := range []string{`{"":0`, `{"}`, `{"":}`, `{"a":0,}`, `{"a":0]`, `{"":0}}`, `{}:0}`, "{\"\x00\":0}", `{"":0,"":0}`} {
			document := "[" + first + "," + first + "," + broken + "]"
			if value, err := Decode([]byte(document)); err == nil {
				t.Errorf("%s is read as %v", document, value)
			}
		}
	}
}

// No document takes more than forty times its size for its small objects.
func TestSmallObjectsTakeLittle(t *testing.T) {
	const size = 1 << 20
	for _, object := range []string{`{"":0}`, `{"":%d}`, `{"%02x":0}`, `{"%03x":0}`, `{"%04x":0}`, `{"%05x":0}`} {
		var document strings.Builder
		document.WriteString("[0")
		for i := 0; document.Len() < size-20; i++ {
			document.WriteString(",")
			if strings.Contains(object, "%") {
				fmt.Fprintf(&document, object, i%(1<<16))
				continue
			}
			document.WriteString(object)
		}
		document.WriteString("]")
		if _, takes, err := DecodeWithin([]byte(document.String()), 40*size); err != nil {
			t.Errorf("a list of %s takes more than %d for %d bytes: %v", object, takes, size, err)
		}
	}
}
