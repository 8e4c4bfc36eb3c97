package payload_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// A long value that is set in each of many elements would square the size.
func TestSetKeepsSizeInBounds(t *testing.T) {
	document := `{"items":[` + strings.Repeat("{},", 10_000) + `{}]}`
	long := []byte(`"` + strings.Repeat("x", 20_000) + `"`)
	if _, err := payload.Set([]byte(document), payload.Path{"items", payload.Every, "n"}, long); err == nil {
		t.Error("a document of 30 KB became one of 200 MB")
	}
	short, err := payload.Set([]byte(document), payload.Path{"items", payload.Every, "n"}, []byte("1"))
	if err != nil || len(short) != len(document)+5*10_001 {
		t.Errorf("setting a number everywhere: %d bytes, %v", len(short), err)
	}
}
