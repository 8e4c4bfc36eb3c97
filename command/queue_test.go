package command

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// A list says of each webhook why it is still there.
func TestWriteEntries(t *testing.T) {
	var out strings.Builder
	err := writeEntries(&out, []deliver.Entry{
		{Ref: "1.1", Failure: deliver.Failure{Status: 503, Reason: "Service Unavailable"}},
		{Ref: "2.1", Held: true},
		{Ref: "3.1", Held: true, Failure: deliver.Failure{Reason: "connection refused"}},
		{Ref: "4.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"503 Service Unavailable", "held by an earlier one with its key", "connection refused", "0"} {
		if line := strings.TrimSpace(lines[i+1]); !strings.HasSuffix(line, want) {
			t.Errorf("%q does not end in %q", line, want)
		}
	}
}
