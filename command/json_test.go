package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// What is written can be read again, and does nothing to a terminal.
func TestWriteJSON(t *testing.T) {
	for _, text := range []string{
		"plain <b> & Zoë", "\x1b[31m", "a\x7fb", "\u009b31m", "\u202eright to left", "\U000e0041 tag", "line\nbreak\ttab", "\u2028",
	} {
		for _, indent := range []string{"", "  "} {
			var out bytes.Buffer
			if err := writeJSON(&out, map[string]string{"text": text}, indent); err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%q is written as %q", text, out.String())
			}
			var back map[string]string
			if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != text {
				t.Errorf("%q is read as %q, %v", text, back["text"], err)
			}
		}
	}
}
