package storetest

import (
	"slices"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// pauses has nothing claimed, also after a restart, and what waits go on afterwards.
func (s *suite) pauses() {
	s.append(record(1), to("app", "other")...)
	s.must(s.store.SetPaused(s.Context(), "app", true))
	s.nothing("app")
	s.one("other", "id-1")
	s.reopen()
	if !s.store.Paused("app") || s.store.Paused("other") {
		s.Error("a pause ends with a restart")
	}
	s.nothing("app")
	if !s.stats("app").Paused {
		s.Error("the pause is not shown")
	}
	claimed := make(chan error, 1)
	go func() {
		_, err := s.store.Claim(s.Context(), "app", 1)
		claimed <- err
	}()
	s.must(s.store.SetPaused(s.Context(), "app", false))
	s.must(<-claimed)
	s.must(s.store.SetPaused(s.Context(), "new", true))
	s.append(record(2), to("new")...)
	s.nothing("new")
}

// retriesNow makes what waits for its time due.
func (s *suite) retriesNow() {
	later := time.Now().Add(time.Hour)
	for i := range 4 {
		s.append(record(i), deliver.Target{Destination: "app", Attempts: 2, Due: later})
	}
	s.append(record(4), deliver.Target{Destination: "app", Lane: "k", Due: later}, deliver.Target{Destination: "b", Due: later})
	s.append(record(5), deliver.Target{Destination: "app", Lane: "k", Due: later})
	s.append(record(6), deliver.Target{Destination: "app", Attempts: 1, Dead: &unwell})
	n, err := s.store.RetryNow(s.Context(), deliver.Filter{ID: "id-2"})
	s.must(err)
	d := s.one("app", "id-2")
	if n != 1 || d.Attempts != 2 || d.Made != 2 {
		s.Errorf("%d are due now, with %d attempts; want 1 with 2", n, d.Attempts)
	}
	s.nothing("app")
	if n, err = s.store.RetryNow(s.Context(), deliver.Filter{Destination: "app"}); n != 5 || err != nil {
		s.Errorf("%d are due now, %v; want 5", n, err) // without the one that is leased
	}
	if ids := s.drain("app"); !slices.Equal(ids, []string{"id-0", "id-1", "id-3", "id-4", "id-5"}) {
		s.Errorf("due are %v", ids)
	}
	s.nothing("b")
	s.count("app", 1, 1)
}

// drain takes all that is due, and returns the sorted ids.
func (s *suite) drain(destination string) (ids []string) {
	s.Helper()
	for s.stats(destination).Waiting > 0 {
		due := s.claimSome(destination)
		if len(due) == 0 {
			break
		}
		for _, d := range due {
			ids = append(ids, d.Record.ID)
			s.must(s.store.Done(s.Context(), d))
		}
	}
	slices.Sort(ids)
	return ids
}

// moves gives what is kept for one destination to another.
func (s *suite) moves() {
	for i := range 3 {
		s.append(record(i), in("k", "old")...)
	}
	s.append(record(3), in("k", "new")...)
	s.append(record(4), to("old", "new")...)
	s.append(record(5), deliver.Target{Destination: "old", Attempts: 1, Dead: &unwell})
	s.must(s.store.Retry(s.Context(), s.one("old", "id-0"), time.Now(), unwell))
	n, err := s.store.Move(s.Context(), "old", "new")
	if n != 5 || err != nil {
		s.Fatalf("%d were moved, %v; want 5", n, err)
	}
	s.count("old", 0, 0)
	s.count("new", 5, 1)
	s.nothing("old")
	var order []string
	for len(order) < 5 {
		for _, d := range s.claim("new", 5) {
			if d.Record.ID == "id-0" && d.Attempts != 1 {
				s.Errorf("a moved one has %d attempts; want 1", d.Attempts)
			}
			order = append(order, d.Record.ID)
			s.must(s.store.Done(s.Context(), d))
		}
	}
	order = slices.DeleteFunc(order, func(id string) bool { return id == "id-4" })
	if !slices.Equal(order, []string{"id-0", "id-1", "id-2", "id-3"}) {
		s.Errorf("a lane that was moved has the order %v", order)
	}
	if n, err := s.store.Requeue(s.Context(), deliver.Filter{Destination: "new"}); n != 1 || err != nil {
		s.Errorf("%d were requeued, %v", n, err)
	}
	s.must(s.store.Done(s.Context(), s.one("new", "id-5")))
}
