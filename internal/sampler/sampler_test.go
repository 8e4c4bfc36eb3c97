package sampler

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestSampler(t *testing.T) {
	s := new(Sampler)
	take := func(reason string, after time.Duration, wantTell bool, wantLeftOut int) {
		t.Helper()
		if leftOut, tell := s.Take(reason, noon.Add(after)); tell != wantTell || leftOut != wantLeftOut {
			t.Errorf("%s after %s: tell %t, left out %d; want %t, %d", reason, after, tell, leftOut, wantTell, wantLeftOut)
		}
	}
	for range sampleSize {
		take("BadSignature", 0, true, 0)
	}
	take("BadSignature", 0, false, 0)
	take("BadSignature", sampleInterval-1, false, 0)
	take("Stale", sampleInterval-1, true, 0) // another reason
	take("BadSignature", sampleInterval, true, 2)
	take("BadSignature", sampleInterval, true, 0)
	take("BadSignature", -time.Hour, true, 0) // the clock was set back
}

func TestSamplerRest(t *testing.T) {
	s := new(Sampler)
	for range sampleSize + 3 {
		s.Take("BadSignature", noon)
	}
	s.Take("Stale", noon)
	if rest := s.Rest(noon.Add(sampleInterval - 1)); len(rest) != 0 {
		t.Errorf("within the interval the rest is %v", rest)
	}
	if rest := s.Rest(noon.Add(sampleInterval)); len(rest) != 1 || rest["BadSignature"] != 3 {
		t.Errorf("the rest is %v, want 3", rest)
	}
	if rest := s.Rest(time.Time{}); len(rest) != 0 {
		t.Errorf("what was told of is told of again: %v", rest)
	}
	s.Take("BadSignature", noon)
	if rest := s.Rest(time.Time{}); rest["BadSignature"] != 1 {
		t.Errorf("at the end the rest is %v, want 1", rest)
	}
}
