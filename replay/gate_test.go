package replay_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
)

func claimOf(owner string) *replay.Claim {
	return &replay.Claim{Key: replay.Key{1}, Owner: owner, Lease: replay.Lease, TTL: time.Hour}
}

func gate() replay.Gate {
	store := memory.New(10, time.Now, func() {})
	return replay.Gate{Store: func() (replay.Store, error) { return store, nil }}
}

// A copy waits for what becomes of the first one: it is a duplicate if the app has
// accepted that, and goes through if not, also if the first one is never heard of
// again.
func TestCopyWaitsForTheFirst(t *testing.T) {
	for name, test := range map[string]struct {
		settle func(g replay.Gate, first *replay.Claim)
		want   replay.Outcome
		after  time.Duration
	}{
		"accepted":     {func(g replay.Gate, first *replay.Claim) { _ = g.Settle(t.Context(), first, 202) }, replay.Outcome{State: replay.Done, Status: 202}, time.Second},
		"not accepted": {func(g replay.Gate, first *replay.Claim) { _ = g.Settle(t.Context(), first, 0) }, replay.Outcome{State: replay.Reserved}, time.Second},
		"too slow":     {nil, replay.Outcome{State: replay.InFlight}, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, first := gate(), claimOf("first")
			if outcome, err := g.Reserve(t.Context(), first); outcome.State != replay.Reserved || err != nil {
				t.Fatalf("%s: %+v, %v", name, outcome, err)
			}
			if test.settle != nil {
				time.AfterFunc(time.Second, func() { test.settle(g, first) })
			}
			began := time.Now()
			if outcome, err := g.Reserve(t.Context(), claimOf("second")); outcome != test.want || err != nil || time.Since(began) != test.after {
				t.Errorf("%s: %+v after %v, %v", name, outcome, time.Since(began), err)
			}
			if test.settle == nil { // the process of the first one has died
				time.Sleep(replay.Lease)
				if outcome, err := g.Reserve(t.Context(), claimOf("third")); outcome.State != replay.Reserved || err != nil {
					t.Errorf("%s, after the lease: %+v, %v", name, outcome, err)
				}
			}
		})
	}
}

// What is settled is settled although the sender has gone, and a store that cannot
// be opened is an error each time.
func TestGateWithoutSenderOrStore(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	g, claim := gate(), claimOf("first")
	if _, err := g.Reserve(gone, claim); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := g.Settle(gone, claim, 200); err != nil {
		t.Error(err)
	}
	if outcome, err := g.Reserve(t.Context(), claimOf("second")); outcome.State != replay.Done || err != nil {
		t.Errorf("%+v, %v", outcome, err)
	}
	closed := errors.New("closed")
	g.Store = func() (replay.Store, error) { return nil, closed }
	if _, err := g.Reserve(t.Context(), claim); !errors.Is(err, closed) {
		t.Errorf("reserving without a store: %v", err)
	}
	if err := g.Settle(t.Context(), claim, 200); !errors.Is(err, closed) {
		t.Errorf("settling without a store: %v", err)
	}
}
