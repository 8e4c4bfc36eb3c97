package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
	"github.com/caddy-webhooks/caddy-webhooks/replay/replaytest"
)

func TestMemory(t *testing.T) {
	var c replaytest.Clock
	replaytest.Run(t, replaytest.Harness{
		New:     func(testing.TB) replay.Store { return memory.New(100, c.Now, func() {}) },
		Unit:    time.Second,
		Advance: c.Advance,
	})
}

// full is a Store with room for three, and a count of what it has evicted.
type full struct {
	*memory.Store
	replaytest.Clock
	t       *testing.T
	evicted int
}

func newFull(t *testing.T) *full {
	f := &full{t: t}
	f.Store = memory.New(3, f.Now, func() { f.evicted++ })
	return f
}

func claim(key byte) replay.Claim {
	return replay.Claim{Key: replay.Key{key}, Owner: string(key), Lease: time.Minute, TTL: time.Hour}
}

func (f *full) reserve(c replay.Claim, want replay.State) {
	f.t.Helper()
	if got, err := f.Reserve(context.Background(), c); err != nil || got.State != want {
		f.t.Errorf("key %d: %+v, %v; want state %d", c.Key[0], got, err, want)
	}
}

func (f *full) accept(keys ...byte) {
	f.t.Helper()
	for _, key := range keys {
		f.reserve(claim(key), replay.Reserved)
		if err := f.Done(context.Background(), claim(key), 200); err != nil {
			f.t.Error(err)
		}
	}
}

func (f *full) check(entries, evicted int) {
	f.t.Helper()
	if f.Len() != entries || f.evicted != evicted {
		f.t.Errorf("%d entries, %d evicted; want %d and %d", f.Len(), f.evicted, entries, evicted)
	}
}

func TestFullForgetsTheOldest(t *testing.T) {
	f := newFull(t)
	f.accept(1, 2, 3)
	f.check(3, 0)
	f.reserve(claim(1), replay.Done) // asking makes nothing younger
	f.accept(4)
	f.check(3, 1)
	f.reserve(claim(2), replay.Done)
	f.reserve(claim(3), replay.Done)
	f.reserve(claim(4), replay.Done)
	f.accept(1)
	f.check(3, 2)
}

// What is being handled is not forgotten; what was abandoned can be.
func TestFullKeepsClaims(t *testing.T) {
	f := newFull(t)
	f.reserve(claim(1), replay.Reserved)
	abandoned := claim(2)
	abandoned.Bound = true
	f.reserve(abandoned, replay.Reserved)
	if err := f.Release(context.Background(), abandoned); err != nil {
		t.Error(err)
	}
	f.accept(3, 4)
	f.check(3, 1)
	f.accept(5)
	f.check(3, 2)
	f.reserve(claim(1), replay.InFlight)
	f.reserve(claim(4), replay.Done)
}

func TestFullOfClaims(t *testing.T) {
	f := newFull(t)
	for _, key := range []byte{1, 2, 3} {
		f.reserve(claim(key), replay.Reserved)
	}
	if _, err := f.Reserve(context.Background(), claim(4)); !errors.Is(err, replay.ErrFull) {
		t.Errorf("error is %v, want ErrFull", err)
	}
	f.reserve(claim(2), replay.InFlight)
	f.check(3, 0)
	if err := f.Release(context.Background(), claim(2)); err != nil {
		t.Error(err)
	}
	f.check(2, 0)
	f.accept(4)
	f.check(3, 0)
}

// What has expired makes room without being counted, and does not pile up.
func TestExpiredMakesRoom(t *testing.T) {
	f := newFull(t)
	f.accept(1, 2)
	f.Advance(time.Hour)
	f.accept(3)
	f.check(1, 0)
}

func TestSmallerLimit(t *testing.T) {
	f := newFull(t)
	f.accept(1, 2, 3)
	f.SetLimit(2)
	f.accept(4)
	f.check(2, 2)
	f.reserve(claim(3), replay.Done)
	f.reserve(claim(4), replay.Done)
}

// Lapsed claims that are taken over are still one entry.
func TestLapsedClaimIsTakenOver(t *testing.T) {
	f := newFull(t)
	f.reserve(claim(1), replay.Reserved)
	f.Advance(time.Minute)
	second := claim(1)
	second.Owner = "second"
	f.reserve(second, replay.Reserved)
	f.check(1, 0)
	if err := f.Done(context.Background(), second, 200); err != nil {
		t.Error(err)
	}
	f.accept(2, 3, 4)
	f.check(3, 1)
}

func TestKeyText(t *testing.T) {
	key := replay.Key{0xab, 1}
	if got := key.String(); len(got) != 64 || got[:4] != "ab01" {
		t.Errorf("the key is written %q", got)
	}
}
