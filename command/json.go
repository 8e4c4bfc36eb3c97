package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"
)

// format is how a command prints what it has found: for people, or as JSON.
type format struct{ json bool }

func (f *format) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "Print JSON")
}

// print prints a value as JSON, or has it printed for people.
func (f *format) print(w io.Writer, value any, forPeople func(io.Writer) error) error {
	if f.json {
		return writeJSON(w, value, "  ")
	}
	return forPeople(w)
}

// writeJSON writes a value for programs, and for people who look at it: what
// could move the cursor of a terminal, or set colors, is escaped, as it came from
// strangers.
func writeJSON(out io.Writer, value any, indent string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	var safe bytes.Buffer
	for _, r := range text.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			safe.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	_, err := out.Write(safe.Bytes())
	return err
}
