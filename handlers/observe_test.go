package handlers

import (
	"slices"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestSampler(t *testing.T) {
	s := new(sampler)
	take := func(reason verify.Reason, after time.Duration, wantTell bool, wantLeftOut int) {
		t.Helper()
		if leftOut, tell := s.take(string(reason), noon.Add(after)); tell != wantTell || leftOut != wantLeftOut {
			t.Errorf("%s after %s: tell %t, left out %d; want %t, %d", reason, after, tell, leftOut, wantTell, wantLeftOut)
		}
	}
	for range sampleSize {
		take(verify.BadSignature, 0, true, 0)
	}
	take(verify.BadSignature, 0, false, 0)
	take(verify.BadSignature, sampleInterval-1, false, 0)
	take(verify.Stale, sampleInterval-1, true, 0) // another reason
	take(verify.BadSignature, sampleInterval, true, 2)
	take(verify.BadSignature, sampleInterval, true, 0)
	take(verify.BadSignature, -time.Hour, true, 0) // the clock was set back
}

func TestSamplerRest(t *testing.T) {
	s := new(sampler)
	for range sampleSize + 3 {
		s.take(string(verify.BadSignature), noon)
	}
	s.take(string(verify.Stale), noon)
	if rest := s.rest(noon.Add(sampleInterval - 1)); len(rest) != 0 {
		t.Errorf("within the interval the rest is %v", rest)
	}
	if rest := s.rest(noon.Add(sampleInterval)); len(rest) != 1 || rest[string(verify.BadSignature)] != 3 {
		t.Errorf("the rest is %v, want 3", rest)
	}
	if rest := s.rest(time.Time{}); len(rest) != 0 {
		t.Errorf("what was told of is told of again: %v", rest)
	}
	s.take(string(verify.BadSignature), noon)
	if rest := s.rest(time.Time{}); rest[string(verify.BadSignature)] != 1 {
		t.Errorf("at the end the rest is %v, want 1", rest)
	}
}

// Every reason for which a request can be refused has a status, and a counter
// from the start.
func TestReasonsAreCounted(t *testing.T) {
	for reason := range statuses {
		if !slices.Contains(outcomes, string(reason)) {
			t.Errorf("%s is not among the outcomes", reason)
		}
	}
}

// What a request costs the metrics is no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	m := collectors().of(endpoint{"allocation", "hook"})
	if n := testing.AllocsPerRun(100, func() {
		m.count(outcomeAccepted)
		m.verification.Observe(1)
		m.lastVerified.Set(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
