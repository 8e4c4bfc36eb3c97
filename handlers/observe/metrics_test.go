package observe

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Every reason for which a request can be refused has a status, and a counter
// from the start.
func TestReasonsAreCounted(t *testing.T) {
	for reason := range webhook.Statuses {
		if !slices.Contains(Outcomes, string(reason)) {
			t.Errorf("%s is not among the outcomes", reason)
		}
	}
}

// What a request costs the metrics is no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	m := Collectors().Of(webhook.Endpoint{Provider: "allocation", Name: "hook"})
	if n := testing.AllocsPerRun(100, func() {
		m.Count(OutcomeAccepted)
		m.Verification.Observe(1)
		m.LastVerified.Set(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
