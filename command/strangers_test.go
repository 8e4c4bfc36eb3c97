package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// What came from strangers does nothing to a terminal, and makes no line of its
// own.
func TestTextIsPrintable(t *testing.T) {
	const name = "red\x1b[31m\u202e\nverified: yes"
	prints := map[string]func(*bytes.Buffer) error{
		"verify": func(out *bytes.Buffer) error {
			return (&verification{out: out}).print(&verdict{Verified: true, Event: name, ID: name})
		},
		"refused": func(out *bytes.Buffer) error { return (&verification{out: out}).print(&verdict{Detail: name}) },
		"handshake": func(out *bytes.Buffer) error {
			return (&verification{out: out}).print(&verdict{Verified: true, Handshake: &answer{
				Headers: map[string]string{"X": name}, Body: "\x1b[31m\nbody",
			}})
		},
		"explain": func(out *bytes.Buffer) error {
			return (&explainer{out: out}).print(&explanation{
				Provider: "x", Event: name, ID: name, Upstream: "app", Diff: []string{"- \x1b[31m", "+\ta"},
			})
		},
	}
	for command, print := range prints {
		var out bytes.Buffer
		if err := print(&out); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s writes %q", command, out.String())
		}
		if strings.Contains(out.String(), "\nverified: yes") {
			t.Errorf("%s writes a line of a stranger: %q", command, out.String())
		}
	}
}

// A request line that is none is told of.
func TestHookRequestLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.hook")
	for _, line := range []string{"POST /%zz", "PO(ST /a", "POST /a\x01"} {
		if err := os.WriteFile(file, []byte(line+"\n\n{}\n---\noutcome accepted\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readHook(file); err == nil || !strings.Contains(err.Error(), "is not a request line") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
