package sampler

import (
	"cmp"
	"sync"
	"time"
)

// Anybody can send forged requests, as many as they like. Of the refusals of
// one endpoint and reason, so many are told of in each interval; of the rest,
// only how many there were.
const (
	sampleInterval = time.Minute
	sampleSize     = 10
)

// Sampler decides which refusals of one endpoint are told of.
type Sampler struct {
	// Size is how many of a reason are told of in a minute. Default: 10.
	Size int

	mu      sync.Mutex
	samples map[string]*sample
}

// sample is the state of one reason.
type sample struct {
	began   time.Time // of the current interval
	told    int
	leftOut int // since one was told of last
}

// Take reports whether a refusal is told of, and how many were left out since
// the last one that was.
func (s *Sampler) Take(reason string, at time.Time) (leftOut int, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.samples[reason]
	if current == nil {
		if s.samples == nil {
			s.samples = make(map[string]*sample)
		}
		current = new(sample)
		s.samples[reason] = current
	}
	if age := at.Sub(current.began); age >= sampleInterval || age < 0 {
		current.began, current.told = at, 0
	}
	if current.told >= cmp.Or(s.Size, sampleSize) {
		current.leftOut++
		return 0, false
	}
	current.told++
	leftOut, current.leftOut = current.leftOut, 0
	return leftOut, true
}

// Rest returns how many were left out in intervals that are over at a time,
// and that no later one has told of. The zero time stands for the end of all.
func (s *Sampler) Rest(at time.Time) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest map[string]int
	for reason, current := range s.samples {
		if current.leftOut == 0 || !at.IsZero() && at.Sub(current.began) < sampleInterval {
			continue
		}
		if rest == nil {
			rest = make(map[string]int)
		}
		rest[reason], current.leftOut = current.leftOut, 0
	}
	return rest
}
