package bolt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
	"github.com/caddy-webhooks/caddy-webhooks/replay/replaytest"
)

func open(t testing.TB, path string, limit int, c *replaytest.Clock) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, memory.New(limit, c.Now, func() {}), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	c := replaytest.NewClock(time.Unix(1_700_000_000, 0))
	replaytest.Run(t, replaytest.Harness{
		Unit: time.Minute, Advance: c.Advance,
		New: func(t testing.TB) replay.Store { return open(t, filepath.Join(t.TempDir(), "replay.db"), 1000, c) },
	})
}

// What was accepted is known after a restart, and so is the payload that a key
// is bound to; what the app was being asked about is let through.
func TestRestart(t *testing.T) {
	c := replaytest.NewClock(time.Unix(1_700_000_000, 0))
	path := filepath.Join(t.TempDir(), "sub", "replay.db")
	claim := func(key byte, payload byte, bound bool) replay.Claim {
		return replay.Claim{
			Key: replay.Key{key}, Digest: replay.Digest{payload}, Bound: bound, Owner: "o", Lease: time.Minute, TTL: time.Hour,
		}
	}
	s := open(t, path, 1000, c)
	reserve := func(c replay.Claim, want replay.Outcome) {
		t.Helper()
		if got, err := s.Reserve(t.Context(), c); got != want || err != nil {
			t.Errorf("%v: %+v, %v; want %+v", c.Key[0], got, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range byte(5) {
		reserve(claim(key, 1, key == 1), replay.Outcome{State: replay.Reserved})
	}
	must(s.Done(t.Context(), claim(0, 1, false), 202))
	must(s.Release(t.Context(), claim(1, 1, true)))
	must(s.Release(t.Context(), claim(2, 1, false)))
	must(s.Done(t.Context(), replay.Claim{Key: replay.Key{4}, Owner: "o", TTL: time.Second}, 200))
	if _, err := bolt.Open(path, memory.New(1, c.Now, nil), c.Now); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	must(s.Close())

	c.Advance(2 * time.Second)
	s = open(t, path, 1000, c)
	reserve(claim(0, 2, false), replay.Outcome{State: replay.Done, Status: 202})
	reserve(claim(1, 2, true), replay.Outcome{State: replay.Swapped})
	reserve(claim(2, 1, false), replay.Outcome{State: replay.Reserved})
	reserve(claim(3, 1, false), replay.Outcome{State: replay.Reserved})
	reserve(claim(4, 1, false), replay.Outcome{State: replay.Reserved})
	must(s.Close())

	c.Advance(2 * time.Hour)
	s = open(t, path, 1000, c)
	reserve(claim(0, 2, false), replay.Outcome{State: replay.Reserved})
}

// The file does not grow by what has expired, and a smaller memory takes what is
// remembered longest.
func TestForgets(t *testing.T) {
	c := replaytest.NewClock(time.Unix(1_700_000_000, 0))
	path := filepath.Join(t.TempDir(), "replay.db")
	s := open(t, path, 1000, c)
	accept := func(n int, ttl time.Duration) {
		t.Helper()
		claim := replay.Claim{Key: replay.Key{byte(n), byte(n >> 8)}, Owner: "o", Lease: time.Minute, TTL: ttl}
		if _, err := s.Reserve(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if err := s.Done(t.Context(), claim, 200); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 100 {
		accept(n, time.Minute)
	}
	c.Advance(time.Hour)
	for n := range 10 {
		accept(1000+n, time.Duration(n+1)*time.Hour)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, 3, c)
	if n := s.Len(); n != 3 {
		t.Errorf("%d are remembered, want 3", n)
	}
	if got := s.Record(replay.Key{byte(1009 & 255), byte(1009 >> 8)}); got.Phase != replay.Accepted {
		t.Errorf("the one that is remembered longest is %+v", got)
	}
	// Of these, the one that would be forgotten first makes room.
	accept(2000, time.Hour)
	for n, want := range map[int]replay.Phase{1007: replay.Absent, 1008: replay.Accepted, 1009: replay.Accepted, 2000: replay.Accepted} {
		if got := s.Record(replay.Key{byte(n & 255), byte(n >> 8)}); got.Phase != want {
			t.Errorf("%d is in phase %v, want %v", n, got.Phase, want)
		}
	}
}

// A file that is damaged while it is in use ends neither the process nor the
// memory: who asks is told that nothing is written down.
func TestDamagedWhileOpen(t *testing.T) {
	c := replaytest.NewClock(time.Unix(1_700_000_000, 0))
	path := filepath.Join(t.TempDir(), "replay.db")
	s, err := bolt.Open(path, memory.New(10_000, c.Now, func() {}), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	accept := func(n int) error {
		claim := replay.Claim{Key: replay.Key{byte(n), byte(n >> 8)}, Owner: "o", Lease: time.Minute, TTL: time.Hour}
		if _, err := s.Reserve(t.Context(), claim); err != nil {
			return err
		}
		return s.Done(t.Context(), claim, 200)
	}
	for n := range 500 {
		if err := accept(n); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	head := int64(2 * os.Getpagesize()) // which says where the rest is
	if _, err := file.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size()-head)), head); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			if err := accept(1000 + n); err == nil || !strings.Contains(err.Error(), "nothing is written down until") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	all.Wait()
	if n := s.Len(); n != 550 {
		t.Errorf("%d are remembered, want 550", n)
	}
	if err := s.Close(); err == nil {
		t.Error("a damaged file is closed as if nothing had happened")
	}
}
