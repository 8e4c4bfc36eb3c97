package bolt

import (
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
