// Package replaytest tests stores of package replay. Whoever writes a store
// runs it in a test of his own:
//
//	func TestStore(t *testing.T) {
//		replaytest.Run(t, replaytest.Harness{New: newStore, Unit: time.Second, Advance: time.Sleep})
//	}
package replaytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// Harness is a kind of store to be tested.
type Harness struct {
	// New returns an empty store, which ends with the test.
	New func(t testing.TB) replay.Store

	// Unit is the shortest time that the store can keep apart.
	Unit time.Duration

	// Advance lets time pass for the store: time.Sleep, or a clock is set.
	Advance func(time.Duration)
}

// patience bounds how long a test waits for what never comes.
const patience = 15 * time.Second

// Run tests a store.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name, test := range map[string]func(*trial){
		"accepted":                       accepted,
		"released":                       released,
		"bound key, accepted":            boundAccepted,
		"bound key, released":            boundReleased,
		"bound key, in flight":           boundInFlight,
		"unbound key takes any payload":  unbound,
		"lease lapses":                   leaseLapses,
		"late owner changes nothing":     lateOwner,
		"late owner of a key left alone": lateOwnerAlone,
		"forgotten after its time":       forgotten,
		"binding forgotten":              bindingForgotten,
		"keys do not touch each other":   apart,
		"one claim of many holds":        oneOfMany,
		"waiting ends when done":         waitDone,
		"waiting ends when released":     waitReleased,
		"waiting ends with its context":  waitContext,
		"nothing to wait for":            waitNothing,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			test(&trial{T: t, Harness: h, ctx: ctx, store: h.New(t)})
		})
	}
}

// trial is one test with a store of its own.
type trial struct {
	*testing.T
	Harness
	ctx    context.Context //nolint:containedctx // it is that of a single test
	store  replay.Store
	claims int
}

// claim makes a claim of its own owner. Keys and payloads are told apart by
// their text.
func (t *trial) claim(key, payload string) replay.Claim {
	t.claims++
	c := replay.Claim{Owner: strconv.Itoa(t.claims), Lease: 4 * t.Unit, TTL: 20 * t.Unit}
	copy(c.Key[:], key)
	copy(c.Digest[:], payload)
	return c
}

func (t *trial) bound(key, payload string) replay.Claim {
	c := t.claim(key, payload)
	c.Bound = true
	return c
}

// reserve makes a claim and checks the answer.
func (t *trial) reserve(c replay.Claim, want replay.State, status int) replay.Claim {
	t.Helper()
	got, err := t.store.Reserve(t.ctx, c)
	if err != nil || got != (replay.Outcome{State: want, Status: status}) {
		t.Fatalf("Reserve: %+v, %v; want state %d with status %d", got, err, want, status)
	}
	return c
}

func (t *trial) done(c replay.Claim, status int) {
	t.Helper()
	if err := t.store.Done(t.ctx, c, status); err != nil {
		t.Fatalf("Done: %v", err)
	}
}

func (t *trial) release(c replay.Claim) {
	t.Helper()
	if err := t.store.Release(t.ctx, c); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

func accepted(t *trial) {
	first := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
	t.done(first, 202)
	t.reserve(t.claim("k", "a"), replay.Done, 202)
	t.reserve(t.claim("k", "a"), replay.Done, 202)
	t.Advance(8 * t.Unit) // longer than the lease
	t.reserve(t.claim("k", "a"), replay.Done, 202)
}

func released(t *trial) {
	for range 3 {
		t.release(t.reserve(t.claim("k", "a"), replay.Reserved, 0))
	}
	t.done(t.reserve(t.claim("k", "b"), replay.Reserved, 0), 200)
	t.reserve(t.claim("k", "a"), replay.Done, 200)
}

func boundAccepted(t *trial) {
	t.done(t.reserve(t.bound("k", "a"), replay.Reserved, 0), 200)
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
	t.reserve(t.bound("k", "a"), replay.Done, 200)
}

func boundReleased(t *trial) {
	t.release(t.reserve(t.bound("k", "a"), replay.Reserved, 0))
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
	t.Advance(8 * t.Unit) // longer than the lease
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
	t.done(t.reserve(t.bound("k", "a"), replay.Reserved, 0), 200)
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
}

func boundInFlight(t *trial) {
	t.reserve(t.bound("k", "a"), replay.Reserved, 0)
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
	t.reserve(t.bound("k", "a"), replay.InFlight, 0)
	t.Advance(8 * t.Unit) // its owner has died
	t.reserve(t.bound("k", "b"), replay.Swapped, 0)
	t.reserve(t.bound("k", "a"), replay.Reserved, 0)
}

func unbound(t *trial) {
	first := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.reserve(t.claim("k", "b"), replay.InFlight, 0)
	t.done(first, 204)
	t.reserve(t.claim("k", "b"), replay.Done, 204)
}

func leaseLapses(t *trial) {
	t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
	t.Advance(8 * t.Unit)
	t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
}

func lateOwner(t *trial) {
	late := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.Advance(8 * t.Unit)
	second := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.release(late)
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
	t.done(late, 500)
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
	t.done(second, 201)
	t.release(late)
	t.release(second)
	t.reserve(t.claim("k", "a"), replay.Done, 201)
}

func lateOwnerAlone(t *trial) {
	late := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.Advance(8 * t.Unit)
	t.done(late, 200)
	t.reserve(t.claim("k", "a"), replay.Done, 200)
}

func forgotten(t *trial) {
	t.done(t.reserve(t.claim("k", "a"), replay.Reserved, 0), 200)
	t.Advance(24 * t.Unit)
	t.reserve(t.claim("k", "a"), replay.Reserved, 0)
}

func bindingForgotten(t *trial) {
	t.release(t.reserve(t.bound("k", "a"), replay.Reserved, 0))
	t.done(t.reserve(t.bound("l", "a"), replay.Reserved, 0), 200)
	t.Advance(24 * t.Unit)
	t.reserve(t.bound("k", "b"), replay.Reserved, 0)
	t.reserve(t.bound("l", "b"), replay.Reserved, 0)
}

func apart(t *trial) {
	const keys = 50
	for i := range keys {
		c := t.reserve(t.claim(fmt.Sprint("key ", i), "a"), replay.Reserved, 0)
		if i%2 == 0 {
			t.done(c, 200+i)
		} else {
			t.release(c)
		}
	}
	for i := range keys {
		if i%2 == 0 {
			t.reserve(t.claim(fmt.Sprint("key ", i), "a"), replay.Done, 200+i)
		} else {
			t.reserve(t.claim(fmt.Sprint("key ", i), "a"), replay.Reserved, 0)
		}
	}
}

func oneOfMany(t *trial) {
	const many = 16
	for round := range 3 {
		claims := make([]replay.Claim, many)
		for i := range claims {
			claims[i] = t.claim("k", "a")
		}
		var group sync.WaitGroup
		outcomes, failures := make([]replay.Outcome, many), make([]error, many)
		for i := range claims {
			group.Go(func() { outcomes[i], failures[i] = t.store.Reserve(t.ctx, claims[i]) })
		}
		group.Wait()
		if err := errors.Join(failures...); err != nil {
			t.Fatal(err)
		}
		holds := -1
		for i, outcome := range outcomes {
			switch {
			case outcome.State == replay.Reserved && holds < 0:
				holds = i
			case outcome.State != replay.InFlight:
				t.Fatalf("round %d: another claim gets state %d", round, outcome.State)
			}
		}
		if holds < 0 {
			t.Fatalf("round %d: no claim holds", round)
		}
		t.release(claims[holds])
	}
}

func waitDone(t *trial) {
	first := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.waitFor(func() { t.done(first, 200) }, replay.Done)
}

func waitReleased(t *trial) {
	first := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	t.waitFor(func() { t.release(first) }, replay.Reserved)
}

// waitFor waits as a copy of a delivery does while the first one ends, and
// checks what it is told then.
func (t *trial) waitFor(end func(), want replay.State) {
	t.Helper()
	c := t.claim("k", "a")
	c.Lease = patience // the clock of the test stands still meanwhile, or is slow
	started, told := make(chan struct{}), make(chan replay.Outcome, 1)
	go func() {
		defer close(told)
		close(started)
		for {
			outcome, err := t.store.Reserve(t.ctx, c)
			if err != nil || outcome.State != replay.InFlight {
				told <- outcome
				return
			}
			if t.store.Wait(t.ctx, c.Key) != nil {
				return
			}
		}
	}()
	<-started
	end()
	if outcome, ok := <-told; !ok || outcome.State != want {
		t.Errorf("waiting ends with state %d (%t), want %d", outcome.State, ok, want)
	}
}

func waitContext(t *trial) {
	c := t.reserve(t.claim("k", "a"), replay.Reserved, 0)
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	if err := t.store.Wait(ctx, c.Key); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	t.reserve(t.claim("k", "a"), replay.InFlight, 0)
}

func waitNothing(t *trial) {
	c := t.claim("k", "a")
	if err := t.store.Wait(t.ctx, c.Key); err != nil {
		t.Errorf("Wait for a key that is not claimed: %v", err)
	}
	t.done(t.reserve(c, replay.Reserved, 0), 200)
	if err := t.store.Wait(t.ctx, c.Key); err != nil {
		t.Errorf("Wait for what is done: %v", err)
	}
}
