package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func (s *suite) delivers() {
	before := time.Now().Add(-time.Second)
	want := record(1)
	s.append(want, to("app")...)
	d := s.one("app", "id-1")
	if !same(d.Record, want) {
		s.Errorf("claimed %+v; want %+v", d.Record, want)
	}
	if d.Attempts != 0 || d.Stored.Before(before) || d.Stored.After(time.Now().Add(time.Second)) {
		s.Errorf("the delivery has %d attempts and was stored at %v", d.Attempts, d.Stored)
	}
	s.count("app", 1, 0)
	s.must(s.store.Done(s.Context(), d))
	s.count("app", 0, 0)
	s.nothing("app")
	if entries := s.list(deliver.Filter{}); len(entries) != 0 {
		s.Errorf("%d deliveries are left", len(entries))
	}
}

func (s *suite) order() {
	for i := range 5 {
		s.append(record(i), to("app")...)
	}
	var ids []string
	for len(ids) < 5 {
		for _, d := range s.claim("app", 2) {
			ids = append(ids, d.Record.ID)
		}
	}
	if !slices.IsSorted(ids) {
		s.Errorf("claimed in the order %v", ids)
	}
}

func (s *suite) wakes() {
	claimed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(s.Context(), patience)
		defer cancel()
		_, err := s.store.Claim(ctx, "app", 1)
		claimed <- err
	}()
	s.append(record(1), to("app")...)
	s.must(<-claimed)
}

func (s *suite) leases() {
	s.append(record(1), to("app")...)
	d := s.one("app", "id-1")
	s.nothing("app")
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{Status: 503}))
	s.one("app", "id-1")
}

func (s *suite) retries() {
	s.append(record(1), to("app")...)
	at := time.Now().Add(2 * soon)
	s.must(s.store.Retry(s.Context(), s.one("app", "id-1"), at, deliver.Failure{Status: 502, Reason: "502"}))
	d := s.one("app", "id-1")
	if early := time.Until(at); early > 0 {
		s.Errorf("claimed %v too early", early)
	}
	if d.Attempts != 1 {
		s.Errorf("it has %d attempts; want 1", d.Attempts)
	}
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{Reason: "no answer"}))
	if d = s.one("app", "id-1"); d.Attempts != 2 {
		s.Errorf("it has %d attempts; want 2", d.Attempts)
	}
}

func (s *suite) later() {
	at := time.Now().Add(2 * soon)
	s.append(record(1), deliver.Target{Destination: "app", Attempts: 1, Due: at})
	s.append(record(2), to("app")...)
	s.one("app", "id-2")
	d := s.one("app", "id-1")
	if early := time.Until(at); early > 0 || d.Attempts != 1 {
		s.Errorf("claimed %v too early, with %d attempts", early, d.Attempts)
	}
}

// going appends records whose first attempts go on, which settle them.
func (s *suite) going() {
	begin := func(number int) *deliver.Delivery {
		s.Helper()
		var leased []*deliver.Delivery
		s.append(record(number), deliver.Target{
			Destination: "app", Attempts: 1, Due: time.Now(), LeaseEnd: time.Now().Add(2 * soon),
			Lease: func(d *deliver.Delivery) { leased = append(leased, d) },
		})
		if len(leased) != 1 || leased[0].Attempts != 0 || leased[0].Destination != "app" ||
			leased[0].Record.ID != record(number).ID || leased[0].Record.Body != nil {
			s.Fatalf("the leases are %+v", leased)
		}
		return leased[0]
	}
	taken, failed, refused := begin(1), begin(2), begin(3)
	s.nothing("app")
	s.must(s.store.Done(s.Context(), taken))
	s.must(s.store.Dead(s.Context(), refused, deliver.Failure{Status: 422}))
	s.must(s.store.Retry(s.Context(), failed, time.Now(), deliver.Failure{Status: 500}))
	s.count("app", 1, 1)
	d := s.one("app", "id-2")
	if d.Attempts != 1 {
		s.Errorf("it has %d attempts; want 1", d.Attempts)
	}
	s.must(s.store.Done(s.Context(), d))
	s.store.Release(begin(4))
	s.must(s.store.Done(s.Context(), s.one("app", "id-4")))
	s.count("app", 0, 1)
}

// goingTwice appends what waits already, and of which nobody makes an attempt.
func (s *suite) goingTwice() {
	r := record(1)
	r.Key = "6b6579"
	s.append(r, deliver.Target{Destination: "app", Due: time.Now().Add(time.Hour)})
	leases := 0
	again := deliver.Target{Destination: "app", Attempts: 1, Lease: func(*deliver.Delivery) { leases++ }}
	s.append(r, again)
	s.append(r, again)
	if leases > 1 {
		s.Errorf("%d leases of one delivery", leases)
	}
	s.count("app", 1, 0)
}

func (s *suite) releases() {
	s.append(record(1), to("app")...)
	s.store.Release(s.one("app", "id-1"))
	if d := s.one("app", "id-1"); d.Attempts != 0 {
		s.Errorf("it has %d attempts; a released one has none more", d.Attempts)
	}
}

func (s *suite) destinations() {
	s.append(record(1), to("orders/billing", "orders/audit")...)
	s.append(record(2), to("orders/audit")...)
	s.must(s.store.Done(s.Context(), s.one("orders/billing", "id-1")))
	s.nothing("orders/billing")
	s.count("orders/billing", 0, 0)
	s.count("orders/audit", 2, 0)
	s.must(s.store.Done(s.Context(), s.one("orders/audit", "id-1")))
	s.must(s.store.Done(s.Context(), s.one("orders/audit", "id-2")))
	s.count("orders/audit", 0, 0)
}

func (s *suite) restart() {
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	want := record(1)
	s.append(want, to("a", "b")...)
	s.append(record(2), deliver.Target{Destination: "a", Attempts: 3, Due: later})
	s.append(record(3), deliver.Target{Destination: "a", Attempts: 1, Dead: &deliver.Failure{Status: 400, Reason: "400"}})
	s.must(s.store.Done(s.Context(), s.one("b", "id-1")))
	before := s.list(deliver.Filter{})
	s.reopen()
	after := s.list(deliver.Filter{})
	if len(after) != 3 || len(before) != 3 {
		s.Fatalf("%d deliveries before, %d after a restart; want 3", len(before), len(after))
	}
	for i := range after {
		b, a := before[i], after[i]
		if a.Ref != b.Ref || a.State != b.State || a.ID != b.ID || !a.Stored.Equal(b.Stored) ||
			a.State == deliver.Dead && (a.Attempts != b.Attempts || a.Failure != b.Failure) {
			s.Errorf("before a restart %+v, after it %+v", b, a)
		}
	}
	s.count("a", 2, 1)
	s.count("b", 0, 0)
	if d := s.one("a", "id-1"); !same(d.Record, want) {
		s.Errorf("after a restart %+v; want %+v", d.Record, want)
	}
	s.nothing("a")
}

func (s *suite) restartLeased() {
	s.append(record(1), to("app")...)
	s.one("app", "id-1")
	s.reopen()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	deliveries, err := s.store.Claim(ctx, "app", 1)
	if err != nil || len(deliveries) != 1 {
		s.Fatalf("within 5 s of a restart %d are due, %v", len(deliveries), err)
	}
}

func (s *suite) keys() {
	first, again := record(1), record(1)
	first.Key, again.Key = "c0ffee", "c0ffee"
	s.append(first, to("a")...)
	s.append(again, to("a")...)
	s.count("a", 1, 0)
	s.append(again, to("b")...)
	s.count("a", 1, 0)
	s.count("b", 1, 0)
	s.one("a", "id-1")
	s.nothing("a")

	s.append(record(2), to("c")...)
	s.append(record(2), to("c")...)
	s.count("c", 2, 0) // without a key two are never the same
}

func (s *suite) dead() {
	s.append(record(1), to("app")...)
	s.append(record(2), to("app")...)
	for _, id := range []string{"id-1", "id-2"} {
		s.must(s.store.Dead(s.Context(), s.one("app", id), deliver.Failure{Status: 422, Reason: "422"}))
	}
	s.nothing("app")
	s.count("app", 0, 2)
	entries := s.list(deliver.Filter{State: deliver.Dead, ID: "id-1"})
	if len(entries) != 1 {
		s.Fatalf("%d dead letters with the id; want 1", len(entries))
	}
	if e := entries[0]; e.Attempts != 1 || e.Status != 422 || e.Reason != "422" || e.State != deliver.Dead ||
		e.Provider != "github" || e.Event != "push" || e.Size != len(record(1).Body) {
		s.Errorf("the dead letter is %+v", e)
	}
	r, err := s.store.Read(s.Context(), entries[0].Ref)
	s.must(err)
	if string(r.Body) != string(record(1).Body) {
		s.Errorf("the dead letter's body is %q", r.Body)
	}
	n, err := s.store.Requeue(s.Context(), deliver.Filter{ID: "id-1"})
	s.must(err)
	if n != 1 {
		s.Errorf("%d were requeued; want 1", n)
	}
	s.count("app", 1, 1)
	d := s.one("app", "id-1")
	if d.Attempts != 0 {
		s.Errorf("a requeued delivery has %d attempts; want 0", d.Attempts)
	}
	s.must(s.store.Done(s.Context(), d))
	s.count("app", 0, 1)
}

// requeuesOnce requeues while others wait for what is due.
func (s *suite) requeuesOnce() {
	const rounds, waiting = 30, 3
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	claimed := make(chan *deliver.Delivery, rounds*waiting)
	var group sync.WaitGroup
	for range waiting {
		group.Go(func() {
			for {
				deliveries, err := s.store.Claim(ctx, "app", 1)
				if err != nil {
					return
				}
				claimed <- deliveries[0]
			}
		})
	}
	s.append(record(1), deliver.Target{Destination: "app", Dead: &deliver.Failure{Status: 400}})
	for range rounds {
		n, err := s.store.Requeue(s.Context(), deliver.Filter{ID: "id-1"})
		s.must(err)
		if n != 1 {
			s.Fatalf("%d were requeued; want 1", n)
		}
		select {
		case d := <-claimed:
			s.must(s.store.Dead(s.Context(), d, deliver.Failure{Status: 400}))
		case <-ctx.Done():
			s.Fatal("what was requeued is not due")
		}
	}
	cancel()
	group.Wait()
	if len(claimed) > 0 {
		s.Errorf("what was requeued was claimed %d times too often", len(claimed))
	}
}

func (s *suite) appendsDead() {
	s.append(record(1), deliver.Target{Destination: "a"},
		deliver.Target{Destination: "b", Attempts: 1, Dead: &deliver.Failure{Status: 400, Reason: "400"}})
	s.nothing("b")
	s.count("a", 1, 0)
	s.count("b", 0, 1)
	entries := s.list(deliver.Filter{Destination: "b"})
	if len(entries) != 1 || entries[0].Attempts != 1 || entries[0].Status != 400 || entries[0].State != deliver.Dead {
		s.Errorf("the dead letter is %+v", entries)
	}
}

func (s *suite) lists() {
	for i := range 7 {
		r := record(i)
		if i%2 == 1 {
			r.Provider, r.Event = "stripe", "charge"
		}
		s.append(r, to("a", "b")...)
	}
	all := s.list(deliver.Filter{})
	if len(all) != 14 {
		s.Fatalf("%d deliveries; want 14", len(all))
	}
	var paged []deliver.Entry
	for filter := (deliver.Filter{}); ; {
		page, err := s.store.List(s.Context(), filter, 3)
		s.must(err)
		if len(page) == 0 {
			break
		}
		if paged = append(paged, page...); len(paged) > len(all) {
			break
		}
		filter.After = page[len(page)-1].Ref
	}
	if len(paged) != len(all) {
		s.Fatalf("%d deliveries by pages; want %d", len(paged), len(all))
	}
	for i := range all {
		if paged[i].Ref != all[i].Ref {
			s.Errorf("page entry %d is %s; the whole list has %s", i, paged[i].Ref, all[i].Ref)
		}
	}
	for name, test := range map[string]struct {
		filter deliver.Filter
		want   int
	}{
		"destination": {deliver.Filter{Destination: "a"}, 7},
		"provider":    {deliver.Filter{Provider: "stripe"}, 6},
		"event":       {deliver.Filter{Event: "push", Destination: "b"}, 4},
		"id":          {deliver.Filter{ID: "id-3"}, 2},
		"ref":         {deliver.Filter{Ref: all[4].Ref}, 1},
		"waiting":     {deliver.Filter{State: deliver.Waiting}, 14},
		"dead":        {deliver.Filter{State: deliver.Dead}, 0},
		"since":       {deliver.Filter{Since: time.Now().Add(time.Hour)}, 0},
		"until":       {deliver.Filter{Until: time.Now().Add(time.Hour)}, 14},
		"none":        {deliver.Filter{Destination: "c"}, 0},
	} {
		if got := s.list(test.filter); len(got) != test.want {
			s.Errorf("%s: %d deliveries; want %d", name, len(got), test.want)
		}
	}
}

func (s *suite) removes() {
	for i := range 4 {
		s.append(record(i), to("a", "b")...)
	}
	s.must(s.store.Dead(s.Context(), s.one("a", "id-0"), deliver.Failure{Status: 400}))
	remove := func(filter deliver.Filter, want int) {
		s.Helper()
		n, err := s.store.Remove(s.Context(), filter)
		s.must(err)
		if n != want {
			s.Errorf("%d were removed by %+v; want %d", n, filter, want)
		}
	}
	ref := s.list(deliver.Filter{ID: "id-3", Destination: "b"})[0].Ref
	remove(deliver.Filter{State: deliver.Dead, Until: time.Now().Add(-time.Hour)}, 0)
	remove(deliver.Filter{State: deliver.Dead}, 1)
	remove(deliver.Filter{ID: "id-1"}, 2)
	remove(deliver.Filter{Ref: ref}, 1)
	s.count("a", 2, 0)
	s.count("b", 2, 0)
	if _, err := s.store.Read(s.Context(), ref); !errors.Is(err, deliver.ErrNotFound) {
		s.Errorf("reading what was removed: %v; want ErrNotFound", err)
	}
	s.must(s.store.Done(s.Context(), s.one("a", "id-2")))
	s.must(s.store.Done(s.Context(), s.one("b", "id-0")))
}

func (s *suite) removesLeased() {
	s.append(record(1), to("app")...)
	d := s.one("app", "id-1")
	if n, err := s.store.Remove(s.Context(), deliver.Filter{ID: "id-1"}); n != 1 || err != nil {
		s.Fatalf("%d were removed, %v", n, err)
	}
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{}))
	s.nothing("app")
	s.count("app", 0, 0)
}

func (s *suite) bodies() {
	for i, body := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff, 0}, 300<<10)} {
		r := record(i)
		r.Body = body
		s.append(r, to("app")...)
		d := s.one("app", r.ID)
		if !bytes.Equal(d.Record.Body, body) {
			s.Errorf("a body of %d bytes came back with %d", len(body), len(d.Record.Body))
		}
		s.must(s.store.Done(s.Context(), d))
	}
}

func (s *suite) ends() {
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.store.Claim(ended, "app", 1); !errors.Is(err, context.Canceled) {
		s.Errorf("Claim with an ended context: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := s.store.Claim(context.WithoutCancel(ended), "app", 1)
		waiting <- err
	}()
	s.must(s.store.Close())
	if err := <-waiting; !errors.Is(err, deliver.ErrClosed) {
		s.Errorf("a Claim that waited when the store was closed: %v", err)
	}
	if err := s.store.Append(context.WithoutCancel(ended), record(1), to("app")); err == nil {
		s.Error("a closed store has taken a record")
	}
	if _, err := s.store.Claim(context.WithoutCancel(ended), "app", 1); !errors.Is(err, deliver.ErrClosed) {
		s.Errorf("Claim of a closed store: %v", err)
	}
}

func (s *suite) settlesOnce() {
	s.append(record(1), to("app")...)
	d := s.one("app", "id-1")
	s.must(s.store.Done(s.Context(), d))
	s.must(s.store.Done(s.Context(), d))
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{}))
	s.must(s.store.Dead(s.Context(), d, deliver.Failure{}))
	s.store.Release(d)
	s.nothing("app")
	s.count("app", 0, 0)
}

func (s *suite) names() {
	r := record(1)
	r.ID, r.Event = "a b/ü.*>\r\n", strings.Repeat("e", 1000)
	destination := "orders/" + strings.Repeat("b", 100)
	s.append(r, to(destination)...)
	if d := s.one(destination, r.ID); !same(d.Record, r) {
		s.Errorf("claimed %+v; want %+v", d.Record, r)
	}
	if entries := s.list(deliver.Filter{ID: r.ID, Event: r.Event}); len(entries) != 1 {
		s.Errorf("%d entries by id and event; want 1", len(entries))
	}
}
