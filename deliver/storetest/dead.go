package storetest

import (
	"context"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

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
