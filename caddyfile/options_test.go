package caddyfile

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the table of subdirectives has is documented as a subdirective is: at the
// beginning of code in the text, or of a line in a block of code.
func TestSubdirectivesAreDocumented(t *testing.T) {
	pages, err := filepath.Glob("../docs/directives/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var docs strings.Builder
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	all := maps.Clone(options)
	maps.Copy(all, credentials)
	for name := range all {
		if !regexp.MustCompile("(?m)(`|^\t?)" + name + `\b`).MatchString(docs.String()) {
			t.Errorf("%s is not documented", name)
		}
	}
}
