// Package storetest tests engines of package deliver: whatever keeps webhooks
// must pass Run.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// patience is how long a test waits for what must happen. It is only reached
// by an engine that fails.
const patience = 20 * time.Second

// soon is a delay that is short, and long enough to be seen.
const soon = 300 * time.Millisecond

// Opener opens a store that is empty the first time, and has what was stored
// in it each time that it is opened again after it was closed.
type Opener func() (deliver.Store, error)

// Run tests an engine. For each test, place makes an Opener of a new store.
func Run(t *testing.T, place func(t *testing.T) Opener) {
	for name, test := range map[string]func(*suite){
		"delivers what was appended":              (*suite).delivers,
		"hands out what is due longest first":     (*suite).order,
		"wakes who waits":                         (*suite).wakes,
		"claims nothing that another has":         (*suite).leases,
		"claims once under concurrency":           (*suite).concurrency,
		"retries at the time given":               (*suite).retries,
		"appends for later":                       (*suite).later,
		"appends what is being attempted":         (*suite).going,
		"appends what waits and is attempted":     (*suite).goingTwice,
		"releases at once":                        (*suite).releases,
		"keeps destinations apart":                (*suite).destinations,
		"keeps all over a restart":                (*suite).restart,
		"makes due what was leased at a restart":  (*suite).restartLeased,
		"stores a key that waits only once":       (*suite).keys,
		"keeps dead letters and requeues them":    (*suite).dead,
		"hands out once what is requeued":         (*suite).requeuesOnce,
		"appends dead letters":                    (*suite).appendsDead,
		"lists by page and by each field":         (*suite).lists,
		"removes":                                 (*suite).removes,
		"removes what is leased":                  (*suite).removesLeased,
		"takes empty and large bodies":            (*suite).bodies,
		"refuses what ends or is closed":          (*suite).ends,
		"settles one delivery once":               (*suite).settlesOnce,
		"takes names of any characters, and long": (*suite).names,
		"attempts a lane in order":                (*suite).lane,
		"requeues into a lane":                    (*suite).laneRequeued,
		"removes from a lane":                     (*suite).laneRemoved,
		"holds a lane for a first attempt":        (*suite).laneEntered,
		"holds a lane while a first one is late":  (*suite).laneGoing,
		"keeps the order of a long lane":          (*suite).laneLong,
		"pauses and resumes":                      (*suite).pauses,
		"makes due what waits":                    (*suite).retriesNow,
		"moves to another destination":            (*suite).moves,
		"counts attempts over a requeue":          (*suite).counts,
		"says what is held":                       (*suite).listsHeld,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, open: place(t)}
			s.reopen()
			t.Cleanup(func() { _ = s.store.Close() })
			test(s)
		})
	}
}

type suite struct {
	*testing.T
	open  Opener
	store deliver.Store
}

// reopen closes the store if it is open, and opens it.
func (s *suite) reopen() {
	s.Helper()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.Fatalf("Close: %v", err)
		}
	}
	var err error
	if s.store, err = s.open(); err != nil {
		s.Fatalf("opening the store: %v", err)
	}
}

// Record returns a record with a body of its own.
func record(number int) *deliver.Record {
	return &deliver.Record{
		ID: fmt.Sprintf("id-%d", number), Provider: "github", Event: "push",
		Received: time.Now().UTC().Truncate(time.Millisecond),
		Request:  []byte(`{"method":"POST"}`),
		Body:     fmt.Appendf(nil, `{"number":%d}`, number),
	}
}

func to(destinations ...string) []deliver.Target {
	targets := make([]deliver.Target, len(destinations))
	for i, name := range destinations {
		targets[i].Destination = name
	}
	return targets
}

func (s *suite) append(r *deliver.Record, targets ...deliver.Target) {
	s.Helper()
	if err := s.store.Append(s.Context(), r, targets); err != nil {
		s.Fatalf("Append %s: %v", r.ID, err)
	}
}

// claim returns what is due at a destination, of which there must be some.
func (s *suite) claim(destination string, limit int) []*deliver.Delivery {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	deliveries, err := s.store.Claim(ctx, destination, limit)
	if err != nil {
		s.Fatalf("Claim at %s: %v", destination, err)
	}
	if len(deliveries) == 0 || len(deliveries) > limit {
		s.Fatalf("Claim at %s gave %d deliveries; 1 to %d were asked for", destination, len(deliveries), limit)
	}
	return deliveries
}

// claimSome returns what is due at a destination, if anything is.
func (s *suite) claimSome(destination string) []*deliver.Delivery {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), soon)
	defer cancel()
	deliveries, err := s.store.Claim(ctx, destination, 10)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("Claim at %s: %v", destination, err)
	}
	return deliveries
}

// one claims the delivery that must be due.
func (s *suite) one(destination, id string) *deliver.Delivery {
	s.Helper()
	d := s.claim(destination, 1)[0]
	if d.Record.ID != id || d.Destination != destination {
		s.Fatalf("claimed %s for %s; want %s for %s", d.Record.ID, d.Destination, id, destination)
	}
	return d
}

// nothing makes sure that nothing is due at a destination.
func (s *suite) nothing(destination string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), soon)
	defer cancel()
	deliveries, err := s.store.Claim(ctx, destination, 10)
	if len(deliveries) > 0 {
		s.Fatalf("claimed %d deliveries, the first of %s; nothing should be due", len(deliveries), deliveries[0].Record.ID)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("Claim that found nothing: %v; want the error of its context", err)
	}
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// stats returns what is kept for one destination.
func (s *suite) stats(destination string) deliver.Stats {
	s.Helper()
	all, err := s.store.Stats(s.Context())
	s.must(err)
	i := slices.IndexFunc(all, func(stats deliver.Stats) bool { return stats.Destination == destination })
	if i < 0 {
		return deliver.Stats{Destination: destination}
	}
	return all[i]
}

// count makes sure that so many are kept. Servers may count them a moment later.
func (s *suite) count(destination string, waiting, dead int) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for got := s.stats(destination); got.Waiting != waiting || got.Dead != dead; got = s.stats(destination) {
		if time.Now().After(deadline) {
			s.Fatalf("%s has %d waiting and %d dead; want %d and %d", destination, got.Waiting, got.Dead, waiting, dead)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *suite) list(filter deliver.Filter) []deliver.Entry {
	s.Helper()
	entries, err := s.store.List(s.Context(), filter, 1000)
	s.must(err)
	return entries
}

func same(a, b *deliver.Record) bool {
	return a.Key == b.Key && a.ID == b.ID && a.Provider == b.Provider && a.Event == b.Event &&
		a.Received.Equal(b.Received) && string(a.Request) == string(b.Request) && string(a.Body) == string(b.Body)
}
