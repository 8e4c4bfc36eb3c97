package observe

import (
	"slices"
	"strconv"
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

// What was measured of endpoints that are gone is gone, also of many, and of those that
// stay it stays.
func TestEndpointsAreForgotten(t *testing.T) {
	m, stays := Collectors(), webhook.Endpoint{Provider: "forgotten", Name: "stays"}
	count := func() int {
		n := 0
		for _, labels := range append(labelsIn(m.requests), labelsIn(m.verification)...) {
			if labels["provider"] == stays.Provider {
				n++
			}
		}
		return n
	}
	m.Of(stays).Count(OutcomeAccepted)
	want := count()
	gone := make(map[webhook.Endpoint]bool)
	for i := range 2_000 {
		e := webhook.Endpoint{Provider: stays.Provider, Name: strconv.Itoa(i)}
		m.Of(e).Count(OutcomeAccepted)
		gone[e] = true
	}
	m.forget(gone)
	if got := count(); got != want {
		t.Errorf("%d series, want %d", got, want)
	}
	m.forget(map[webhook.Endpoint]bool{stays: true})
	if got := count(); got != 0 {
		t.Errorf("%d series, want none", got)
	}
}
