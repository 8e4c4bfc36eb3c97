package storetest

import (
	"context"
	"errors"
	"slices"
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

// concurrency has many append and many claim.
func (s *suite) concurrency() {
	const writers, each, readers = 8, 25, 4
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	seen := make(map[string]int)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for {
				deliveries, err := s.store.Claim(ctx, "app", 3)
				if err != nil {
					return
				}
				for _, d := range deliveries {
					mu.Lock()
					seen[d.Record.ID]++
					all := len(seen) == writers*each
					mu.Unlock()
					if err := s.store.Done(context.WithoutCancel(ctx), d); err != nil {
						s.Errorf("Done: %v", err)
					}
					if all {
						cancel()
					}
				}
			}
		})
	}
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := s.store.Append(s.Context(), record(w*each+i), to("app")); err != nil {
					s.Errorf("Append: %v", err)
				}
			}
		})
	}
	group.Wait()
	if len(seen) != writers*each {
		s.Errorf("%d of %d were claimed", len(seen), writers*each)
	}
	for id, times := range seen {
		if times != 1 {
			s.Errorf("%s was claimed %d times", id, times)
		}
	}
	s.count("app", 0, 0)
}

func (s *suite) releases() {
	s.append(record(1), to("app")...)
	s.store.Release(s.one("app", "id-1"))
	if d := s.one("app", "id-1"); d.Attempts != 0 {
		s.Errorf("it has %d attempts; a released one has none more", d.Attempts)
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
