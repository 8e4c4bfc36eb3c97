package diagnose_test

import "testing"

// A sender that joins fields of which some are absent writes what its language
// has for nothing.
func TestSchemesWithAbsentFields(t *testing.T) {
	for _, nothing := range []string{"undefined", "null", "None", "nil", ""} {
		for name, content := range map[string]func(d delivery) string{
			"around one": func(d delivery) string { return nothing + "&" + d.fields["updated_at"] + "&" + nothing },
			"before one": func(d delivery) string { return nothing + "." + d.fields["reference"] },
			"after one":  func(d delivery) string { return d.fields["reference"] + ":" + nothing },
			"before two": func(d delivery) string { return nothing + "&" + pick(d, "&", "updated_at", "status") },
			"amid two":   func(d delivery) string { return pick(d, "|"+nothing+"|", "reference", "updated_at") },
			"after two":  func(d delivery) string { return pick(d, "&", "reference", "status") + "&" + nothing },
		} {
			t.Run(name+" "+nothing, func(t *testing.T) {
				s := scheme{hash: "sha256", write: "hex", carry: "%s", content: func(d delivery, _, _, _ string) string { return content(d) }}
				s.check(t)
			})
		}
	}
}
