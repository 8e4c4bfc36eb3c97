package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// compactAbove is less than what fillAndEmpty stores, and more than what it leaves. A file
// is as large as its map, which is up to twice what is in it, so one that was compacted
// has less than compacted.
const (
	compactAbove = 2 << 20
	compacted    = 4 << 20
)

// fillAndEmpty stores much and has all but a few delivered, of which it returns how
// many there are.
func fillAndEmpty(t *testing.T, s *Store) (left int) {
	t.Helper()
	var group sync.WaitGroup
	const all, kept, senders = 160, 5, 8
	for sender := range senders {
		group.Go(func() {
			for i := range all / senders {
				record := &deliver.Record{ID: fmt.Sprint(sender, "-", i), Key: fmt.Sprintf("%02x%02x", sender, i), Body: make([]byte, 60_000)}
				if err := s.Append(t.Context(), record, []deliver.Target{{Destination: "app", Lane: fmt.Sprint(i % 7)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for range all - kept {
		entries, err := s.List(t.Context(), deliver.Filter{}, 200)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) <= kept {
			break
		}
		for _, e := range entries[:min(len(entries)-kept, 195)] {
			group.Go(func() {
				if _, err := s.Remove(t.Context(), deliver.Filter{Ref: e.Ref, Destination: "app"}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	return kept
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A file that is mostly empty shrinks by itself, with what is in it, while others
// store and look.
func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Options{Path: path, compactAbove: compactAbove, Observer: deliver.Observer{Trouble: func(err error) { t.Error(err) }}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	left := fillAndEmpty(t, s)
	if err := s.Append(t.Context(), &deliver.Record{ID: "new"}, []deliver.Target{{Destination: "app"}}); err != nil {
		t.Fatal(err)
	}
	// Callers have their answers before the file is compacted; the next one waits for it.
	if err := s.SetPaused(t.Context(), "app", false); err != nil {
		t.Fatal(err)
	}
	if size := fileSize(t, path); size >= compacted {
		t.Errorf("the file has %d bytes, of which few are used", size)
	}
	check := func() {
		t.Helper()
		entries, err := s.List(t.Context(), deliver.Filter{}, 100)
		if err != nil || len(entries) != left+1 || entries[left].ID != "new" {
			t.Errorf("there are %d, %v; want %d", len(entries), err, left+1)
		}
		for _, e := range entries {
			if _, err := s.Read(t.Context(), e.Ref); err != nil {
				t.Errorf("%s: %v", e.Ref, err)
			}
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = (Options{Path: path, compactAbove: compactAbove}).Open(); err != nil {
		t.Fatal(err)
	}
	check()
}

// A copy that was cut short does no harm, and one that cannot be made neither.
func TestCompactCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var trouble []error
	s, err := Options{Path: path, compactAbove: compactAbove, Observer: deliver.Observer{Trouble: func(err error) { trouble = append(trouble, err) }}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path+copySuffix, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := fillAndEmpty(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(trouble) != 1 || fileSize(t, path) < compacted {
		t.Errorf("the trouble is %v", trouble)
	}
	if err := errors.Join(os.RemoveAll(path+copySuffix), os.WriteFile(path+copySuffix, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err = (Options{Path: path, compactAbove: compactAbove}).Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if size := fileSize(t, path); size >= compacted {
		t.Errorf("a file that is opened has %d bytes, of which few are used", size)
	}
	if _, err := os.Stat(path + copySuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
	if entries, err := s.List(t.Context(), deliver.Filter{}, 100); err != nil || len(entries) != left {
		t.Errorf("there are %d, %v; want %d", len(entries), err, left)
	}
}
