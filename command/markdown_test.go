package command

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
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

// docs/security.md names each provider whose signature leaves the payload open.
func TestSecurityNamesProviders(t *testing.T) {
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	fields, nothing, found := strings.Cut(string(text), "\n**Nothing.**")
	if !found {
		t.Fatal("there is no paragraph Nothing")
	}
	_, fields, _ = strings.Cut(fields, "\n**Some fields.**")
	nothing, _, _ = strings.Cut(nothing, "\n## ")
	listed := map[verify.Coverage]string{verify.SignedFields: fields, verify.SignedNothing: nothing}
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		provider, err := verify.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		for coverage, text := range listed {
			if strings.Contains(text, "`"+name+"`") != (provider.Coverage() == coverage) {
				t.Errorf("docs/security.md: %s signs %s; that it is listed under %s is wrong, or missing", name, provider.Coverage(), coverage)
			}
		}
	}
}
