package route

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

var pairs = flag.Int("pairs", 3000, "how many random expressions and payloads are tried")

// arrived is an event with a payload.
func arrived(document string) *Event {
	return &Event{
		Name: "order.paid", Timestamp: time.Unix(1715688000, 0).UTC(), method: "POST",
		Body: payload.New([]byte(document), "application/json", ""), url: new(url.URL), header: make(http.Header), finder: new(payload.Finder), identity: new(Identity),
	}
}

// worst is the most that an evaluation has taken.
type worst struct {
	text      string
	took      time.Duration
	steps     int
	allocated uint64
}

func (w worst) perStep() float64 { return float64(w.took.Nanoseconds()) / float64(max(w.steps, 1)) }

func (w worst) String() string {
	return fmt.Sprintf("%v, %d steps, %.1f ns a step, %d bytes allocated: %s", w.took, w.steps, w.perStep(), w.allocated, w.text)
}

// payloads are documents that were decoded, most of them small.
func (h *hostile) payloads() (small, large []*Event) {
	decoded := func(size int) *Event {
		e := arrived(h.payload(size))
		_, _ = e.Body.Value()
		return e
	}
	for range 100 {
		small = append(small, decoded(1<<h.IntN(12)))
	}
	for range 4 {
		large = append(large, decoded(1<<16), decoded(1<<h.IntN(18)))
	}
	return small, append(large, decoded(1<<20), decoded(1<<20))
}

// No expression that loads takes more of a payload than its budget, and what it
// makes is what was counted.
func TestRandomBudgets(t *testing.T) {
	seed := rand.Uint64()
	h := &hostile{Rand: rand.New(rand.NewPCG(seed, 0))}
	var loaded, exceeded, failed int
	var slowest, largest, dearest worst
	small, large := h.payloads()
	for done := 0; done < *pairs; {
		source := h.expression(1 + h.IntN(5))
		value, err := CompileValue(source)
		if err != nil {
			continue
		}
		if loaded++; loaded%2000 == 0 {
			small, large = h.payloads()
		}
		tried := []*Event{large[h.IntN(len(large))]}
		for range 40 {
			tried = append(tried, small[h.IntN(len(small))])
		}
		for _, e := range tried {
			done++
			w, err := value.take(e)
			switch {
			case errors.Is(err, ErrBudget):
				exceeded++
			case err != nil:
				failed++
			}
			// Calls and numbers leave some behind that is not counted.
			if size := len(e.Body.Document()); w.allocated > uint64(8*(madeAtLeast+madePerByte*size)+8*(stepsAtLeast+stepsPerByte*size)) {
				t.Errorf("seed %d: %d bytes are made: %s", seed, w.allocated, w.text)
			}
			for again := 0; w.took > time.Millisecond && again < 2; again++ { // something else may have run
				next, _ := value.take(e)
				next.allocated = w.allocated
				if next.took < w.took {
					w = next
				}
			}
			if w.took > slowest.took {
				slowest = w
			}
			if w.allocated > largest.allocated {
				largest = w
			}
			if w.took > 2*time.Millisecond && w.perStep() > dearest.perStep() {
				dearest = w
			}
		}
	}
	t.Logf("seed %d: %d expressions, %d pairs or more, %d fail, %d past the budget", seed, loaded, *pairs, failed, exceeded)
	t.Logf("slowest: %v\nlargest: %v\ndearest: %v", slowest, largest, dearest)
}

// take evaluates an expression on a payload that is decoded, and measures it.
func (v *Value) take(e *Event) (worst, error) {
	whole := *v
	whole.slotted = nil
	size := len(e.Body.Document())
	var before, after runtime.MemStats
	if size > 1<<15 {
		runtime.ReadMemStats(&before)
	}
	var err error
	took := cpuTime(func() {
		var result any
		if result, err = whole.Compute(e); err == nil {
			_, err = payload.Encode(result)
		}
	})
	if size > 1<<15 {
		runtime.ReadMemStats(&after)
	}
	var budget meter
	budget.fill(size)
	return worst{
		text: fmt.Sprintf("%s on %d bytes %.300s", v, size, e.Body.Document()),
		took: took, steps: budget.steps - e.env.Meter.steps, allocated: after.TotalAlloc - before.TotalAlloc,
	}, err
}
