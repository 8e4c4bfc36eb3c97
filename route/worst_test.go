package route

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// worstCases are payloads of 1 MiB with expressions that use up what they may take,
// of time or of memory.
func worstCases() []struct{ name, source, body string } {
	const size = 1<<20 - 100
	in := func(element string) string { return `{"items":` + repeated(element, size) + `}` }
	objects := `{"items":[` + short(size) + `]}`
	return []struct{ name, source, body string }{
		{"objects", `any(body.items, (.price ?? 0) > 10)`, objects},
		{"equal objects", `any(body.items, (.price ?? 0) > 10)`, in(`{"":0}`)},
		{"empty objects", `map(body.items, .price ?? 0)`, in(`{}`)},
		{"objects and numbers", `len(map(1..190000, # * 1000)) > len(body.items)`, objects},
		{"objects and loops", `all(1..25000, any(body.items[:2], true)) && len(body.items) > 1`, objects},
		{"objects, written", `[body.items, body.items, body.items]`, objects},
		{"objects, as text", `string(body.items[:60000])`, objects},
		{"objects, in other objects", `len(map(take(body.items, 28000), {{a: #}})) > 0`, objects},
		{"objects, copied", `len(concat(body.items, body.items, body.items)) > 0`, objects},
		{"objects, sorted", `len(sortBy(body.items[:20000], .a ?? 0)) > 0`, objects},
		{"objects, looked up again and again", `any(1..2, any(body.items, .a == 2))`, objects},
		{"lists", `all(take(body.items, 25000), any(#, # == 2))`, in(`[1,2,3,4,5,6,7,8,9,0]`)},
		{"numbers", `sum(body.items, # * 2) > 0`, in(`1`)},
		{"numbers, sorted", `len(sort(body.items[:60000])) > 0`, `{"items":[` + numbered(140_000, "%d") + `]}`},
		{"groups", `len(groupBy(body.items, #)) > 0`, `{"items":[` + numbered(28_000, `"item number %025d"`) + `]}`},
		{"texts, split", `split(body.text, "a")[:10]`, `{"text":"` + strings.Repeat("b", size-200_000) + strings.Repeat("a", 200_000) + `"}`},
		{"a long text of control characters", `[body.text]`, `{"text":"` + strings.Repeat(`\u0001`, size/6) + `"}`},
		{"a pattern", `body.text matches "(a|aa)+b"`, `{"text":"` + strings.Repeat("a", size) + `"}`},
	}
}

// short returns the smallest objects of which no two have the same text.
func short(size int) string {
	var objects strings.Builder
	for i := 0; objects.Len() < size-20; i++ {
		name := string([]byte{'0' + byte(i/60%60), '0' + byte(i%60)})
		fmt.Fprintf(&objects, `,{"%s":%d}`, strings.ReplaceAll(name, `\`, "~"), i/3600)
	}
	return objects.String()[1:]
}

// BenchmarkWorst decodes payloads of 1 MiB, evaluates the worst expressions and
// writes their results: how long a core is busy with it, and what it takes of memory.
func BenchmarkWorst(b *testing.B) {
	for _, c := range worstCases() {
		value, err := CompileValue(c.source)
		if err != nil {
			b.Fatalf("%s: %v", c.source, err)
		}
		value = value.Whole()
		var e *Event
		handle := func() (decoding, evaluating time.Duration) {
			e = arrived(c.body)
			decoding = cpuTime(func() { _, err = e.Body.Value() })
			evaluating = cpuTime(func() {
				var result any
				if result, err = value.Compute(e); err == nil {
					_, err = payload.Encode(result)
				}
			})
			return decoding, evaluating
		}
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			decoding, evaluating := time.Hour, time.Hour
			for b.Loop() {
				d, v := handle()
				decoding, evaluating = min(decoding, d), min(evaluating, v)
			}
			e = nil // of the last turn
			peak := watchMemory()
			handle()
			b.ReportMetric(float64(peak())/(1<<20), "MiB")
			var budget meter
			budget.fill(len(c.body))
			b.ReportMetric(float64(budget.steps-e.env.Meter.steps)/1e6, "Msteps")
			b.ReportMetric(float64(decoding.Microseconds())/1e3, "decode-ms")
			b.ReportMetric(float64(evaluating.Microseconds())/1e3, "eval-ms")
			if err != nil {
				b.Logf("%.60s", err)
			}
		})
	}
}

// watchMemory tells how much more memory the process has until the function is called
// that it returns, where it has been told to get by with 56 MiB more. It lets garbage
// lie until then, and what is made while it collects comes on top.
func watchMemory() (peak func() uint64) {
	debug.FreeOSMemory()
	inUse := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64() - sample[1].Value.Uint64()
	}
	start, most := inUse(), uint64(0)
	before := debug.SetMemoryLimit(int64(start) + 56<<20) //nolint:gosec // less than the machine has
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				most = max(most, inUse())
				runtime.Gosched()
			}
		}
	}()
	return func() uint64 {
		most = max(most, inUse())
		close(stop)
		<-stopped
		debug.SetMemoryLimit(before)
		return most - min(start, most)
	}
}
