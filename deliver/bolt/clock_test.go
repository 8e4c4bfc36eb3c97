package bolt

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// A clock that is set while nothing is due wakes nobody, so those who wait look
// again now and then.
func TestClaimAfterTheClockWasSet(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store.db"), 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ahead atomic.Int64
	s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s.lookAgain = time.Millisecond
	ahead.Store(-int64(time.Hour)) // an hour behind
	due := deliver.Target{Destination: "app", Due: time.Now()}
	if err := s.Append(t.Context(), &deliver.Record{ID: "1"}, []deliver.Target{due}); err != nil {
		t.Fatal(err)
	}
	claimed := make(chan error, 1)
	go func() {
		_, err := s.Claim(t.Context(), "app", 1)
		claimed <- err
	}()
	select {
	case err := <-claimed:
		t.Fatalf("claimed before it was due: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	ahead.Store(0)
	select {
	case err := <-claimed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("what is overdue is not claimed")
	}
}

// A clock that was ahead has nothing sleep on when it is set right: neither in the
// same process, nor after a restart.
func TestClockSetBack(t *testing.T) {
	for name, restart := range map[string]bool{"in the process": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64
			ahead.Store(int64(4 * 365 * 24 * time.Hour))
			options := Options{
				Path: filepath.Join(t.TempDir(), "store.db"),
				Now:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
			}
			s, err := options.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { s.Close() }()
			s.lookAgain = time.Millisecond
			for i, delay := range []time.Duration{0, 50 * time.Millisecond, time.Hour} {
				due := deliver.Target{Destination: "app", Due: s.Now().Add(delay)}
				if err := s.Append(t.Context(), &deliver.Record{ID: string('0' + rune(i))}, []deliver.Target{due}); err != nil {
					t.Fatal(err)
				}
			}
			if restart {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				ahead.Store(0)
				if s, err = options.Open(); err != nil {
					t.Fatal(err)
				}
			}
			ahead.Store(0)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for _, id := range []string{"0", "1"} {
				d, err := s.Claim(ctx, "app", 1)
				if err != nil || d[0].Record.ID != id {
					t.Fatalf("claimed %v, %v; want %s", d, err, id)
				}
			}
			entries, err := s.List(t.Context(), deliver.Filter{}, 10)
			if err != nil || len(entries) != 3 {
				t.Fatal(entries, err)
			}
			if in := time.Until(entries[2].Due); in > time.Hour || in < 55*time.Minute {
				t.Errorf("what was due an hour later is due in %v", in)
			}
		})
	}
}
