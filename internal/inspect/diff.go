package inspect

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/aryann/difflib"
)

// maxDiffLines bounds the payloads that are compared line by line.
const maxDiffLines = 2000

// Diff compares two JSON documents line by line; it is empty if they are the
// same bytes.
func Diff(before, after []byte) []string {
	if bytes.Equal(before, after) {
		return nil
	}
	old, changed := lines(before), lines(after)
	if len(old) > maxDiffLines || len(changed) > maxDiffLines {
		return []string{"the payloads are too long to be compared line by line"}
	}
	var out []string
	for _, record := range difflib.Diff(old, changed) {
		if record.Delta != difflib.Common {
			out = append(out, record.String())
		}
	}
	return out
}

// lines indents a JSON document, so that equal parts have equal lines.
func lines(document []byte) []string {
	var out bytes.Buffer
	document = bytes.TrimSpace(document)
	if json.Indent(&out, document, "", "  ") != nil {
		return strings.Split(string(document), "\n")
	}
	return strings.Split(out.String(), "\n")
}
