package verify_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// The evidence that is claimed is there: a library that runs in interop/ is
// named in its README, and a provider with a published signature has one in
// testdata/vectors.json.
func TestEvidenceIsThere(t *testing.T) {
	readme, err := os.ReadFile("../interop/README.md")
	if err != nil {
		t.Fatal(err)
	}
	vectors := readVectors(t)
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, e := range spec.Evidence {
			switch e.Kind {
			case verify.EvidenceSDK:
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
