package deliver_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

// bench is a store with one record for "app", and what happens to it. It runs
// in a bubble of package synctest, whose time passes at once.
type bench struct {
	*testing.T
	store deliver.Store
	gate  *deliver.Gate

	mu       sync.Mutex
	attempts []time.Duration // since the start
	verdicts []deliver.Verdict
	died     []deliver.Failure
	expired  map[string]int
	trouble  []error
	start    time.Time
}

// inBubble runs a test with a store of its own.
func inBubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := bolt.Open(path, 0, deliver.Observer{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		test(&bench{T: t, store: store, start: time.Now(), expired: make(map[string]int)})
	})
}

func (b *bench) append(targets ...deliver.Target) {
	b.Helper()
	record := stored
	record.Key = "" // each is one of its own
	if err := b.store.Append(b.Context(), &record, targets); err != nil {
		b.Fatal(err)
	}
}

// run delivers to "app" by a schedule. Attempts are numbered from 1.
func (b *bench) run(schedule deliver.Schedule, attempt func(ctx context.Context, number int) deliver.Outcome) *deliver.Runner {
	destination := deliver.Destination{
		Name: "app", Schedule: schedule, Gate: b.gate,
		Attempt: func(ctx context.Context, d *deliver.Delivery) deliver.Outcome {
			b.mu.Lock()
			b.attempts = append(b.attempts, time.Since(b.start))
			b.mu.Unlock()
			return attempt(ctx, d.Attempts+1)
		},
	}
	return deliver.NewRunner(b.store, []deliver.Destination{destination}, 30*24*time.Hour, deliver.Events{
		Attempted: func(_ *deliver.Delivery, outcome deliver.Outcome) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.verdicts = append(b.verdicts, outcome.Verdict)
		},
		Died: func(_ *deliver.Delivery, failure deliver.Failure) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.died = append(b.died, failure)
		},
		Expired: func(destination string, state deliver.State, count int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.expired[destination+" "+string(state)] += count
		},
		Trouble: func(_ string, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.trouble = append(b.trouble, err)
		},
	})
}

// stop stops a runner at once, so that the rest can be looked at.
func stop(r *deliver.Runner) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Stop(ctx)
}

func (b *bench) count(waiting, dead int) {
	b.Helper()
	all, err := b.store.Stats(b.Context())
	if err != nil || len(all) != 1 {
		b.Fatalf("the store has %d destinations, %v", len(all), err)
	}
	if all[0].Waiting != waiting || all[0].Dead != dead {
		b.Errorf("%d wait and %d are dead; want %d and %d", all[0].Waiting, all[0].Dead, waiting, dead)
	}
}

// at checks when attempts were made, give or take the jitter of a tenth.
func (b *bench) at(want ...time.Duration) {
	b.Helper()
	if len(b.attempts) != len(want) {
		b.Fatalf("attempts at %v; want %v", b.attempts, want)
	}
	for i, at := range b.attempts {
		if at < want[i] || at > want[i]+want[i]/10 {
			b.Errorf("attempt %d was at %v; want %v to a tenth later", i+1, at, want[i])
		}
	}
}

var down = deliver.Outcome{Failure: deliver.Failure{Status: 502, Reason: "connection refused"}}

// An app that is down for the whole schedule gets each attempt in its time,
// and then there is a dead letter.
func TestRunnerAppDown(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome { return down })
		time.Sleep(deliver.DefaultSchedule.Span() + time.Hour)
		stop(r)
		b.at(0, 10*time.Second, 70*time.Second, 370*time.Second, 2170*time.Second, 9370*time.Second, 30970*time.Second, 117370*time.Second)
		b.count(0, 1)
		if len(b.died) != 1 || b.died[0] != down.Failure {
			t.Errorf("died of %v; want %v", b.died, down.Failure)
		}
	})
}

func TestRunnerFlapping(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		r := b.run(deliver.DefaultSchedule, func(_ context.Context, number int) deliver.Outcome {
			switch number {
			case 1:
				return down
			case 2:
				panic("in the middle of a chain")
			}
			return deliver.Outcome{Verdict: deliver.Delivered}
		})
		time.Sleep(time.Hour)
		stop(r)
		b.at(0, 10*time.Second, 70*time.Second)
		b.count(0, 0)
	})
}

func TestRunnerRefused(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		refusal := deliver.Failure{Status: 400, Reason: "400"}
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome {
			return deliver.Outcome{Verdict: deliver.Refused, Failure: refusal}
		})
		time.Sleep(time.Hour)
		stop(r)
		b.at(0)
		b.count(0, 1)
		if len(b.died) != 1 || b.died[0] != refusal {
			t.Errorf("died of %v; want %v", b.died, refusal)
		}
	})
}

// Retry-After is honoured where it is later than the schedule, and bounded.
func TestRunnerRetryAfter(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		r := b.run(deliver.DefaultSchedule, func(_ context.Context, number int) deliver.Outcome {
			after := []time.Duration{time.Second, 10 * time.Minute, 1000 * time.Hour, 0}[number-1]
			if number == 4 {
				return deliver.Outcome{Verdict: deliver.Delivered}
			}
			return deliver.Outcome{Failure: deliver.Failure{Status: 429}, RetryAfter: after}
		})
		time.Sleep(48 * time.Hour)
		stop(r)
		b.at(0, 10*time.Second, 610*time.Second, 610*time.Second+24*time.Hour)
		b.count(0, 0)
	})
}

// A stop waits for what is being attempted, and claims no more.
func TestRunnerStopWaits(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome {
			time.Sleep(5 * time.Second)
			return deliver.Outcome{Verdict: deliver.Delivered}
		})
		synctest.Wait()
		grace, cancel := context.WithTimeout(b.Context(), time.Minute)
		defer cancel()
		r.Stop(grace)
		if took := time.Since(b.start); took < 5*time.Second || took > 5*time.Second+200*time.Millisecond {
			t.Errorf("the stop took %v", took)
		}
		b.append(deliver.Target{Destination: "app"})
		time.Sleep(time.Hour)
		b.at(0)
		b.count(1, 0)
	})
}

// What is not over within the grace period is cut short and due again, with no
// attempt counted: also for a runner that is there already, as in a reload.
func TestRunnerStopCutsShort(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		old := b.run(deliver.DefaultSchedule, func(ctx context.Context, _ int) deliver.Outcome {
			<-ctx.Done()
			return down
		})
		synctest.Wait()
		next := b.run(deliver.DefaultSchedule, func(_ context.Context, number int) deliver.Outcome {
			if number != 1 {
				t.Errorf("it is attempt %d; one cut short does not count", number)
			}
			return deliver.Outcome{Verdict: deliver.Delivered}
		})
		grace, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		defer cancel()
		old.Stop(grace)
		synctest.Wait()
		stop(next)
		b.at(0, 10*time.Second)
		b.count(0, 0)
		if len(b.verdicts) != 1 || b.verdicts[0] != deliver.Delivered {
			t.Errorf("the verdicts are %v", b.verdicts)
		}
	})
}

// No more than Concurrency attempts are made at a time, and all in the end.
func TestRunnerConcurrency(t *testing.T) {
	inBubble(t, func(b *bench) {
		const events = 3*deliver.Concurrency + 1
		for range events {
			b.append(deliver.Target{Destination: "app"})
		}
		var now, most int
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome {
			b.mu.Lock()
			now++
			most = max(most, now)
			b.mu.Unlock()
			time.Sleep(time.Second)
			b.mu.Lock()
			now--
			b.mu.Unlock()
			return deliver.Outcome{Verdict: deliver.Delivered}
		})
		time.Sleep(time.Minute)
		stop(r)
		if most != deliver.Concurrency || len(b.attempts) != events {
			t.Errorf("%d attempts, %d at a time; want %d, %d at a time", len(b.attempts), most, events, deliver.Concurrency)
		}
		b.count(0, 0)
	})
}

// Dead letters and what waits for a destination that is gone are kept as long
// as was said; what waits for one that is served is kept until it is attempted.
func TestRunnerExpires(t *testing.T) {
	inBubble(t, func(b *bench) {
		later := time.Now().Add(100 * 24 * time.Hour)
		b.append(
			deliver.Target{Destination: "app", Due: later},
			deliver.Target{Destination: "gone", Due: later},
			deliver.Target{Destination: "gone dead", Dead: &deliver.Failure{Status: 400}},
		)
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome { return down })
		time.Sleep(29 * 24 * time.Hour)
		synctest.Wait()
		b.mu.Lock()
		if len(b.expired) != 0 {
			t.Errorf("expired after 29 days: %v", b.expired)
		}
		b.mu.Unlock()
		time.Sleep(2 * 24 * time.Hour)
		stop(r)
		if len(b.expired) != 2 || b.expired["gone waiting"] != 1 || b.expired["gone dead dead"] != 1 {
			t.Errorf("expired after 31 days: %v", b.expired)
		}
		if entries, err := b.store.List(b.Context(), deliver.Filter{}, 10); err != nil || len(entries) != 1 || entries[0].Destination != "app" {
			t.Errorf("left are %v, %v", entries, err)
		}
	})
}

// failing is a store that cannot note anything for a while.
type failing struct {
	deliver.Store
	until time.Time
}

func (f *failing) Done(ctx context.Context, d *deliver.Delivery) error {
	if time.Now().Before(f.until) {
		return errors.New("the disk is full")
	}
	return f.Store.Done(ctx, d)
}

// What was delivered while the store could not note it is not attempted again
// as long as the process lives.
func TestRunnerStoreFails(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.append(deliver.Target{Destination: "app"})
		b.store = &failing{b.store, time.Now().Add(time.Minute)}
		r := b.run(deliver.DefaultSchedule, func(context.Context, int) deliver.Outcome {
			return deliver.Outcome{Verdict: deliver.Delivered}
		})
		time.Sleep(time.Hour)
		stop(r)
		b.at(0)
		b.count(0, 0)
		if len(b.trouble) == 0 {
			t.Error("nobody was told")
		}
	})
}

func TestScheduleEnds(t *testing.T) {
	schedule := deliver.Schedule{time.Second, time.Minute}
	now := time.Now()
	for failed, want := range map[int]time.Duration{1: time.Second, 2: time.Minute} {
		due, more := schedule.Next(now, failed, 0)
		if delay := due.Sub(now); !more || delay < want || delay > want+want/10 {
			t.Errorf("after %d failed attempts: %v, %t", failed, delay, more)
		}
	}
	if _, more := schedule.Next(now, 3, time.Hour); more {
		t.Error("there is an attempt after the last one")
	}
}
