package nats_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/nats"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/replaytest"
)

func TestReplayConformance(t *testing.T) {
	s := serve(t)
	c := replaytest.NewClock(time.Now())
	replaytest.Run(t, replaytest.Harness{
		Unit: time.Minute, Advance: c.Advance,
		New: func(t testing.TB) replay.Store {
			store := openReplay(t, s.ClientURL(), fmt.Sprint("TEST", places.Add(1)))
			store.SetClock(c.Now)
			return store
		},
	})
}

func openReplay(t testing.TB, server, name string) *nats.ReplayStore {
	t.Helper()
	store, err := nats.OpenReplay(nats.ReplayOptions{
		Cluster: nats.Cluster{URLs: []string{server}}, Name: name, Replicas: 1, MaxEntries: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// Two instances know of each other's deliveries, and one that has waited for
// the other's answer is told.
func TestReplayIsShared(t *testing.T) {
	s := serve(t)
	first, second := openReplay(t, s.ClientURL(), "SHARED"), openReplay(t, s.ClientURL(), "SHARED")
	claim := func(owner string) replay.Claim {
		return replay.Claim{Key: replay.Key{1}, Owner: owner, Lease: time.Hour, TTL: time.Hour}
	}
	check := func(store *nats.ReplayStore, owner string, want replay.Outcome) {
		t.Helper()
		if got, err := store.Reserve(t.Context(), claim(owner)); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", owner, got, err, want)
		}
	}
	check(first, "a", replay.Outcome{State: replay.Reserved})
	check(second, "b", replay.Outcome{State: replay.InFlight})
	waited := make(chan error, 1)
	go func() { waited <- second.Wait(t.Context(), replay.Key{1}) }()
	if err := first.Done(t.Context(), claim("a"), 202); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	check(second, "b", replay.Outcome{State: replay.Done, Status: 202})
}
