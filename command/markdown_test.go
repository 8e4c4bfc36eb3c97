package command

import (
	"bytes"
	"os"
	"testing"
)

// The document is made from the descriptions; go generate makes it anew.
func TestMarkdownIsCurrent(t *testing.T) {
	want, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	var made bytes.Buffer
	if err := writeMarkdown(&made); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), want) {
		t.Error("docs/providers.md is stale; run: go generate ./...")
	}
}
