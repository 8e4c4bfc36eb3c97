package verify

import (
	"fmt"
	"slices"
	"time"
)

// The kinds of evidence, the best first.
const (
	EvidenceSDK        = "sdk"
	EvidenceSource     = "source"
	EvidenceDocs       = "docs"
	EvidenceVector     = "vector"
	EvidenceThirdParty = "third-party"
)

// EvidenceKinds are all kinds of evidence, the best first.
var EvidenceKinds = []string{EvidenceSDK, EvidenceSource, EvidenceDocs, EvidenceVector, EvidenceThirdParty}

// Evidence says where facts of a provider come from.
type Evidence struct {
	// How good it is: sdk (the provider's own library runs in interop/ against
	// the description), source (the code of the provider's library or server was
	// read), docs (its documentation was), vector (a signature that it has
	// published verifies) or third-party (others describe it, or receive it).
	Kind string `json:"kind"`

	// What it is: the address of a page, or a repository or package, and in it
	// the file or the version.
	Source string `json:"source"`

	// The day it was read, such as 2026-11-30.
	Read string `json:"read"`
}

// Proof returns the best kind of evidence that there is for the description. It
// is empty if there is none.
func (s *Spec) Proof() string {
	if len(s.Evidence) == 0 {
		return ""
	}
	return s.Evidence[0].Kind
}

// CheckEvidence reports what is wrong with the evidence of a built-in provider.
func (s *Spec) CheckEvidence() error {
	if len(s.Evidence) == 0 {
		return fmt.Errorf("evidence is not set; say where the facts come from")
	}
	rank := 0
	for _, e := range s.Evidence {
		at := slices.Index(EvidenceKinds, e.Kind)
		switch {
		case at < 0:
			return fmt.Errorf("evidence is of the kind %q; it can be %q", e.Kind, EvidenceKinds)
		case at < rank:
			return fmt.Errorf("evidence of the kind %s stands behind weaker evidence; write the best first", e.Kind)
		case e.Source == "":
			return fmt.Errorf("evidence of the kind %s names no source", e.Kind)
		}
		if _, err := time.Parse(time.DateOnly, e.Read); err != nil {
			return fmt.Errorf("evidence was read on %q; write a day such as 2026-11-30", e.Read)
		}
		rank = at
	}
	return nil
}
