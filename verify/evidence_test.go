package verify_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// The evidence that is claimed is there: a provider whose library runs in
// interop/ has a test there, and the library is named in its README; a provider
// with a published signature has one in testdata/vectors.json.
func TestEvidenceIsThere(t *testing.T) {
	readme, err := os.ReadFile("../interop/README.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := readInterop(t)
	vectors := readVectors(t)
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, e := range spec.Evidence {
			switch e.Kind {
			case verify.EvidenceSDK:
				if !strings.Contains(tests, "'"+name+"'") && !strings.Contains(tests, `"`+name+`"`) {
					t.Errorf("%s has no test in interop", name)
				}
				for library := range strings.SplitSeq(e.Source, " and ") {
					if !strings.Contains(string(readme), library) {
						t.Errorf("%s: interop/README.md does not name %s", name, library)
					}
				}
			case verify.EvidenceVector:
				if !slices.ContainsFunc(vectors, func(v *vector) bool { return v.Provider == name && v.Valid }) {
					t.Errorf("%s has no vector in testdata/vectors.json", name)
				}
			}
		}
	}
}

// readInterop returns the tests in interop that run providers' own libraries.
func readInterop(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../interop/go/*_test.go", "../interop/node/providers/*.js", "../interop/node/vendors/*.js"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(content)
		}
	}
	return all.String()
}

func TestWrongEvidence(t *testing.T) {
	good := verify.Evidence{Kind: "docs", Source: "https://docs.example.com", Read: "2026-11-30"}
	edit := func(change func(e *verify.Evidence)) []verify.Evidence {
		e := good
		change(&e)
		return []verify.Evidence{e}
	}
	for want, evidence := range map[string][]verify.Evidence{
		"not set":                nil,
		"of the kind":            edit(func(e *verify.Evidence) { e.Kind = "rumour" }),
		"names no source":        edit(func(e *verify.Evidence) { e.Source = "" }),
		"was read on":            edit(func(e *verify.Evidence) { e.Read = "yesterday" }),
		"behind weaker evidence": {good, {Kind: "source", Source: "a/b", Read: "2026-11-30"}},
	} {
		spec := &verify.Spec{Evidence: evidence}
		if err := spec.CheckEvidence(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v; want %q", evidence, err, want)
		}
	}
	spec := &verify.Spec{Evidence: []verify.Evidence{good}}
	if err := spec.CheckEvidence(); err != nil || spec.Proof() != "docs" || new(verify.Spec).Proof() != "" {
		t.Errorf("error is %v, the proof %q", err, spec.Proof())
	}
}
