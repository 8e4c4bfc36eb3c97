package deliver_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// runThrough delivers to "app" through a gate.
func (b *bench) runThrough(gate *deliver.Gate, attempt func(ctx context.Context, number int) deliver.Outcome) *deliver.Runner {
	b.gate = gate
	return b.run(deliver.Schedule{10 * time.Second, time.Minute, 5 * time.Minute}, attempt)
}

var taken = deliver.Outcome{Verdict: deliver.Delivered}

// An app that answers 503 for a minute is asked by a few probes once the breaker is
// open, and what waits keeps the attempts of its schedule, also what is probed.
func TestBreakerSparesTheApp(t *testing.T) {
	inBubble(t, func(b *bench) {
		const events, failures = 200, 10
		// Each failure before the one that opens the breaker lets another attempt begin.
		const most = deliver.Concurrency + failures - 1
		for range events {
			b.append(deliver.Target{Destination: "app"})
		}
		var told []string
		gate := deliver.NewGate(deliver.Limits{})
		gate.SetLimits(deliver.Limits{BreakAfter: failures, BreakPause: 30 * time.Second}, func(down bool, _ deliver.Failure) {
			b.mu.Lock()
			defer b.mu.Unlock()
			told = append(told, fmt.Sprint(down, " ", time.Since(b.start).Round(10*time.Second)))
		})
		r := b.runThrough(gate, func(context.Context, int) deliver.Outcome {
			time.Sleep(time.Millisecond)
			if time.Since(b.start) < time.Minute {
				return down
			}
			return taken
		})
		time.Sleep(59 * time.Second)
		b.mu.Lock()
		began := len(b.attempts)
		b.mu.Unlock()
		if began < failures || began > most+3 {
			t.Errorf("%d attempts while the app was down; want at most the first %d and a few probes", began, most)
		}
		entries, err := b.store.List(b.Context(), deliver.Filter{}, events)
		if err != nil {
			t.Fatal(err)
		}
		counted := 0
		for i := range entries {
			counted += entries[i].Attempts
		}
		if counted > most {
			t.Errorf("%d attempts count; want those from before the breaker opened, at most %d", counted, most)
		}
		time.Sleep(5 * time.Minute)
		stop(r)
		b.count(0, 0)
		if len(told) != 2 || told[0] != "true 0s" || told[1] != "false 1m0s" {
			t.Errorf("told %v", told)
		}
	})
}

// Webhooks that no app takes do not keep an open breaker from being closed by
// others, and become dead letters in the end.
func TestBreakerPoison(t *testing.T) {
	inBubble(t, func(b *bench) {
		const poison = 30
		for range poison {
			b.append(deliver.Target{Destination: "app", Attempts: 1, Due: time.Now()})
		}
		r := b.runThrough(deliver.NewGate(deliver.Limits{BreakAfter: 10, BreakPause: 30 * time.Second}), func(_ context.Context, number int) deliver.Outcome {
			if number == 1 { // what has come later
				return taken
			}
			return down
		})
		time.Sleep(time.Minute)
		for range 100 {
			b.append(deliver.Target{Destination: "app"})
		}
		time.Sleep(20 * time.Minute)
		b.mu.Lock()
		delivered := 0
		for _, verdict := range b.verdicts {
			if verdict == deliver.Delivered {
				delivered++
			}
		}
		b.mu.Unlock()
		if delivered != 100 {
			t.Errorf("%d of 100 are delivered beside what no app takes", delivered)
		}
		time.Sleep(2 * time.Hour)
		stop(r)
		b.count(0, poison)
	})
}

// A rate holds for all attempts, first ones included.
func TestRate(t *testing.T) {
	inBubble(t, func(b *bench) {
		for range 120 {
			b.append(deliver.Target{Destination: "app"})
		}
		gate := deliver.NewGate(deliver.Limits{Rate: 60, Per: time.Minute})
		r := b.runThrough(gate, func(context.Context, int) deliver.Outcome { return taken })
		time.Sleep(time.Minute - time.Second/2)
		if n := b.begun(); n < 59 || n > 61 {
			t.Errorf("%d attempts in a minute; want 60", n)
		}
		if _, may := gate.First(); may {
			t.Error("a first attempt may begin beside the rate")
		}
		time.Sleep(2 * time.Minute)
		if pass, may := gate.First(); !may {
			t.Error("no first attempt may begin although nothing waits")
		} else {
			pass.End(taken)
		}
		stop(r)
		b.count(0, 0)
	})
}

func (b *bench) begun() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.attempts)
}

// Concurrency that is said holds for first attempts, too.
func TestConcurrencyWithFirstAttempts(t *testing.T) {
	inBubble(t, func(b *bench) {
		for range 4 {
			b.append(deliver.Target{Destination: "app"})
		}
		gate := deliver.NewGate(deliver.Limits{Concurrency: 2})
		first, may := gate.First()
		if !may {
			t.Fatal("there is no room for a first attempt")
		}
		r := b.runThrough(gate, func(context.Context, int) deliver.Outcome {
			time.Sleep(time.Second)
			return taken
		})
		time.Sleep(time.Second / 2)
		if _, may := gate.First(); may || b.begun() != 1 {
			t.Errorf("%d attempts beside a first one, and room for another: %t", b.begun(), may)
		}
		first.Cut()
		time.Sleep(time.Second / 4)
		if b.begun() != 2 {
			t.Errorf("%d attempts; want 2", b.begun())
		}
		time.Sleep(time.Minute)
		stop(r)
		b.count(0, 0)
	})
}

// Nothing begins at a paused destination, and all goes on afterwards.
func TestPause(t *testing.T) {
	inBubble(t, func(b *bench) {
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome { return taken })
		synctest.Wait()
		if err := b.store.SetPaused(b.Context(), "app", true); err != nil {
			t.Fatal(err)
		}
		b.append(deliver.Target{Destination: "app"})
		time.Sleep(time.Hour)
		if b.begun() != 0 {
			t.Error("an attempt at a paused destination")
		}
		if err := b.store.SetPaused(b.Context(), "app", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop(r)
		b.count(0, 0)
	})
}

// A breaker stays open over a reload, and an operator can close it.
func TestBreakerOverReload(t *testing.T) {
	inBubble(t, func(b *bench) {
		gate := deliver.NewGate(deliver.Limits{BreakAfter: 1, BreakPause: time.Hour})
		for range 3 {
			b.append(deliver.Target{Destination: "app"})
		}
		r := b.runThrough(gate, func(context.Context, int) deliver.Outcome { return down })
		time.Sleep(time.Second)
		stop(r)
		before := b.begun()
		r = b.runThrough(gate, func(context.Context, int) deliver.Outcome { return taken })
		time.Sleep(time.Minute)
		if b.begun() != before || !gate.Down() {
			t.Errorf("%d attempts after a reload, open: %t", b.begun()-before, gate.Down())
		}
		gate.Reset()
		time.Sleep(time.Minute)
		stop(r)
		b.count(0, 0)
	})
}
