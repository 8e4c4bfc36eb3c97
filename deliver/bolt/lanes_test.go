package bolt

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func openForLanes(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store.db"), 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A lane in which nothing waits, and of which nothing is attempted, is nowhere.
func TestLanesAreForgotten(t *testing.T) {
	s := openForLanes(t)
	const lanes = 300
	var leave []func()
	for i := range lanes {
		record := &deliver.Record{ID: fmt.Sprint(i)}
		if err := s.Append(t.Context(), record, []deliver.Target{{Destination: "app", Lane: fmt.Sprint("stored-", i)}}); err != nil {
			t.Fatal(err)
		}
		let, err := s.Enter(t.Context(), "app", fmt.Sprint("entered-", i))
		if let == nil || err != nil {
			t.Fatalf("a lane cannot be entered, %v", err)
		}
		leave = append(leave, let)
	}
	if n := s.kept(t); n != 2*lanes {
		t.Errorf("%d lanes are known; want %d", n, 2*lanes)
	}
	for _, let := range leave {
		let()
	}
	claimed, err := s.Claim(t.Context(), "app", lanes)
	if err != nil || len(claimed) != lanes {
		t.Fatalf("%d are claimed, %v", len(claimed), err)
	}
	for _, d := range claimed {
		if err := s.Done(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.kept(t); n != 0 {
		t.Errorf("%d lanes are still known", n)
	}
}

// kept is how many lanes are in memory and in the file.
func (s *Store) kept(t *testing.T) int {
	t.Helper()
	s.mu.Lock()
	n := len(s.lanes)
	s.mu.Unlock()
	err := s.view(func(tx *bolt.Tx) error {
		n += tx.Bucket(lanesBucket).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Each operation enters and leaves a lane of its own, as an event does that the app
// takes at once.
func BenchmarkLanes(b *testing.B) {
	s := openForLanes(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		leave, err := s.Enter(context.Background(), "app", fmt.Sprint(i))
		if leave == nil || err != nil {
			b.Fatal(err)
		}
		leave()
	}
}
