package nats_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// fleet are two instances that share what waits.
type fleet struct {
	*testing.T
	options nats.Options
	stores  [2]*nats.Store
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{T: t, options: options(serve(t))}
	for i := range f.stores {
		f.stores[i] = f.open()
	}
	return f
}

func (f *fleet) open() *nats.Store {
	f.Helper()
	s, err := nats.Open(f.options, deliver.Observer{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	return s
}

// append stores webhooks 1 to n in a lane, by turns at both.
func (f *fleet) append(n int) {
	f.Helper()
	for i := range n {
		record := &deliver.Record{ID: fmt.Sprint(i + 1), Provider: "github"}
		if err := f.stores[i%2].Append(f.Context(), record, []deliver.Target{{Destination: "app", Lane: "k"}}); err != nil {
			f.Fatal(err)
		}
	}
}

// claim returns what an instance has to attempt within a time; nil if nothing.
func (f *fleet) claim(instance int, within time.Duration) *deliver.Delivery {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), within)
	defer cancel()
	claimed, _ := f.stores[instance].Claim(ctx, "app", 10)
	switch len(claimed) {
	case 0:
		return nil
	case 1:
		return claimed[0]
	}
	f.Fatalf("%d of one lane were claimed", len(claimed))
	return nil
}

// one claims the webhook that must be next.
func (f *fleet) one(instance int, id string) *deliver.Delivery {
	f.Helper()
	d := f.claim(instance, 20*time.Second)
	if d == nil || d.Record.ID != id {
		f.Fatalf("instance %d has %+v; want %s", instance, d, id)
	}
	return d
}

func (f *fleet) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

const moment = 300 * time.Millisecond

// One instance attempts the first of a lane, and the other none of it, until that is
// settled, or the instance is not heard of any more.
func TestOrderOverInstances(t *testing.T) {
	f := newFleet(t)
	f.append(5)
	first := f.one(0, "1")
	if d := f.claim(1, moment); d != nil {
		t.Fatalf("both instances attempt: the other %s", d.Record.ID)
	}
	f.must(f.stores[0].Retry(t.Context(), first, time.Now().Add(moment), deliver.Failure{Status: 503}))
	again := f.one(1, "1")
	if again.Attempts != 1 {
		t.Errorf("it has %d attempts; want 1", again.Attempts)
	}
	f.must(f.stores[1].Dead(t.Context(), again, deliver.Failure{Status: 422}))
	f.must(f.stores[0].Done(t.Context(), f.one(0, "2")))

	f.one(0, "3")
	f.stores[0].Crash()
	f.must(f.stores[1].Done(t.Context(), f.one(1, "3")))
	f.must(f.stores[1].Done(t.Context(), f.one(1, "4")))
	f.stores[0] = f.open()
	f.must(f.stores[0].Done(t.Context(), f.one(0, "5")))
	if waiting, dead := counted(t, f.stores[0]); waiting != 0 || dead != 1 {
		t.Errorf("%d wait and %d are dead", waiting, dead)
	}
	// A lane in which nothing waits costs nothing.
	by := newOperator(t, f.options.Cluster.URLs[0])
	for _, name := range []string{f.options.Name, f.options.Name + "_STATE"} {
		stream, err := by.js.Stream(t.Context(), name)
		f.must(err)
		if n := stream.CachedInfo().State.Msgs; n != 0 {
			t.Errorf("%s has %d messages", name, n)
		}
	}
}

// What one instance has put off, another one can have attempted now.
func TestRetryNowOverInstances(t *testing.T) {
	f := newFleet(t)
	f.append(2)
	f.must(f.stores[0].Retry(t.Context(), f.one(0, "1"), time.Now().Add(time.Hour), deliver.Failure{Status: 503}))
	if d := f.claim(1, moment); d != nil {
		t.Fatalf("%s is due", d.Record.ID)
	}
	if n, err := f.stores[1].RetryNow(t.Context(), deliver.Filter{ID: "1"}); n != 1 || err != nil {
		t.Fatalf("%d are due now, %v", n, err)
	}
	d := f.one(0, "1")
	if d.Attempts != 1 {
		t.Errorf("it has %d attempts; want 1", d.Attempts)
	}
	if n, err := f.stores[1].RetryNow(t.Context(), deliver.Filter{ID: "1"}); err != nil {
		t.Errorf("%d are due now, %v", n, err)
	}
	if again := f.claim(1, moment); again != nil {
		t.Fatal("what is being attempted is handed out once more")
	}
	f.must(f.stores[0].Done(t.Context(), d))
	f.must(f.stores[1].Done(t.Context(), f.one(1, "2")))
}

// An instance hears of a pause that another one was told of, also while it waits.
func TestPauseOverInstances(t *testing.T) {
	f := newFleet(t)
	waited := make(chan *deliver.Delivery, 1)
	go func() {
		claimed, _ := f.stores[0].Claim(t.Context(), "app", 1)
		waited <- append(claimed, nil)[0]
	}()
	f.must(f.stores[1].SetPaused(t.Context(), "app", true))
	reached(t, "the other one hears of it", func() bool { return f.stores[0].Paused("app") })
	f.append(1)
	select {
	case d := <-waited:
		t.Fatalf("while it is paused %+v is claimed", d)
	case <-time.After(moment):
	}
	f.must(f.stores[1].SetPaused(t.Context(), "app", false))
	if d := <-waited; d == nil || d.Record.ID != "1" {
		t.Fatalf("afterwards %+v is claimed", d)
	}
}

// A lane whose turn is gone, since somebody was killed who had to store it, gets one
// when a store is opened.
func TestLaneWithoutTurn(t *testing.T) {
	f := newFleet(t)
	f.append(2)
	stream, err := newOperator(t, f.options.Cluster.URLs[0]).js.Stream(t.Context(), f.options.Name)
	f.must(err)
	f.must(stream.Purge(t.Context(), jetstream.WithPurgeSubject(f.options.Name+".turn.*.*")))
	if d := f.claim(0, moment); d != nil {
		t.Fatalf("%s has a turn", d.Record.ID)
	}
	f.open()
	f.must(f.stores[1].Done(t.Context(), f.one(1, "1")))
	f.must(f.stores[1].Done(t.Context(), f.one(1, "2")))
}
