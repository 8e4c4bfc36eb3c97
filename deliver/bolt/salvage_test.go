package bolt_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

const pageSize = 4096

// sound is a file before its damage.
type sound struct {
	path       string
	content    []byte
	deliveries map[string]deliver.Entry // by id and destination
	records    map[string]*deliver.Record
}

// newSound makes a file with webhooks of all sizes that wait, in lanes and not, and are
// dead, for two destinations.
func newSound(t testing.TB, events int) *sound {
	t.Helper()
	f := &sound{
		path: filepath.Join(t.TempDir(), "deliveries.db"), deliveries: make(map[string]deliver.Entry), records: make(map[string]*deliver.Record),
	}
	s, err := bolt.Open(f.path, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, uint64(events))) //nolint:gosec // the same file each time
	for i := range events {
		r := &deliver.Record{ID: fmt.Sprint("id-", i), Provider: "github", Body: make([]byte, 1+random.IntN(300)<<random.IntN(7))}
		for at := range r.Body {
			r.Body[at] = byte(random.Uint32())
		}
		f.records[r.ID] = r
		targets := []deliver.Target{{Destination: "a", Attempts: i % 3, Due: time.Now().Add(time.Hour), Lane: []string{"", "k"}[i%2]}}
		if i%4 == 0 {
			targets = append(targets, deliver.Target{Destination: "b", Attempts: 1, Dead: &deliver.Failure{Status: 422, Reason: "422"}})
		}
		if err := s.Append(t.Context(), r, targets); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetPaused(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	entries := listAll(t, s)
	for i := range entries {
		f.deliveries[entries[i].ID+" "+entries[i].Destination] = entries[i]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if f.content, err = os.ReadFile(f.path); err != nil {
		t.Fatal(err)
	}
	return f
}

func listAll(t testing.TB, s *bolt.Store) []deliver.Entry {
	t.Helper()
	entries, err := s.List(t.Context(), deliver.Filter{}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// salvage damages the file, saves what is intact, and returns what is in the new one.
func (f *sound) salvage(t testing.TB, content []byte) (bolt.Salvaged, *bolt.Store) {
	t.Helper()
	folder := t.TempDir()
	damaged, saved := filepath.Join(folder, "damaged.db"), filepath.Join(folder, "saved.db")
	if err := os.WriteFile(damaged, content, 0o400); err != nil {
		t.Fatal(err)
	}
	found, err := bolt.Salvage(t.Context(), damaged, saved)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(damaged); err != nil || !bytes.Equal(after, content) {
		t.Errorf("the damaged file is not what it was, %v", err)
	}
	s, err := bolt.Open(saved, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return found, s
}

// check compares what was saved with what was there, and returns the ids.
func (f *sound) check(t testing.TB, found bolt.Salvaged, s *bolt.Store) map[string]bool {
	t.Helper()
	ids, counts := make(map[string]bool), make(map[string]int)
	entries := listAll(t, s)
	for i := range entries {
		e := &entries[i]
		r, err := s.Read(t.Context(), e.Ref)
		if err != nil || f.records[r.ID] == nil || !bytes.Equal(r.Body, f.records[r.ID].Body) {
			t.Fatalf("%s was saved, and is not what was stored: %v", e.ID, err)
		}
		ids[e.ID] = true
		was, known := f.deliveries[e.ID+" "+e.Destination]
		switch {
		case e.Destination == bolt.StrayDestination:
			counts["stray"]++
		case !known && len(f.deliveries) > 0:
			counts["unnamed"]++ // the page with its destination's name is damaged
		case e.Ref != was.Ref || e.State != was.State || e.Failure != was.Failure && was.State == deliver.Dead:
			t.Errorf("saved %+v; there was %+v", *e, was)
		}
		if e.Destination != bolt.StrayDestination {
			counts[string(e.State)]++
		}
	}
	if counts["waiting"] != found.Waiting || counts["dead"] != found.Dead || counts["stray"] != found.Stray {
		t.Errorf("saved are %v; it says %+v", counts, found)
	}
	return ids
}

// A file that is sound is saved as it is, with what it says of order and pauses.
func TestSalvageSound(t *testing.T) {
	f := newSound(t, 300)
	found, s := f.salvage(t, f.content)
	f.check(t, found, s)
	if want := (bolt.Salvaged{Waiting: 300, Dead: 75}); found != want {
		t.Errorf("saved %+v; want %+v", found, want)
	}
	if !s.Paused("a") {
		t.Error("the pause is lost")
	}
	if n, err := s.RetryNow(t.Context(), deliver.Filter{}); n != 300 || err != nil {
		t.Fatalf("%d are due, %v", n, err)
	}
	if err := s.SetPaused(t.Context(), "a", false); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), "a", 1000)
	if err != nil || len(claimed) != 151 { // those of no lane, and one of it
		t.Errorf("%d are claimed, %v", len(claimed), err)
	}
}

// Whatever is damaged, each webhook of which no page is damaged is saved.
func TestSalvageDamaged(t *testing.T) {
	f := newSound(t, 300)
	pages := len(f.content) / pageSize
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // seeded
		content := bytes.Clone(f.content)
		damaged := make(map[int]bool)
		switch seed % 3 {
		case 0: // the end is missing
			keep := random.IntN(pages)
			content = content[:keep*pageSize+random.IntN(pageSize)]
			for page := keep; page < pages; page++ {
				damaged[page] = true
			}
		case 1: // bits are wrong
			for range 1 + random.IntN(20) {
				at := random.IntN(len(content))
				content[at] ^= 1 << random.IntN(8)
				damaged[at/pageSize] = true
			}
		default: // pages hold something else
			for range 1 + random.IntN(10) {
				page := random.IntN(pages)
				damaged[page] = true
				for at := range pageSize {
					content[page*pageSize+at] = byte(random.Uint32())
				}
			}
		}
		found, s := f.salvage(t, content)
		saved := f.check(t, found, s)
		for id, r := range f.records {
			if !saved[id] && f.isWhole(t, r, damaged) {
				t.Errorf("seed %d: %s is intact, and was not saved: %+v", seed, id, found)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// isWhole reports whether the pages with a record are not damaged.
func (f *sound) isWhole(t *testing.T, r *deliver.Record, damaged map[int]bool) bool {
	t.Helper()
	encoded, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; ; {
		at := bytes.Index(f.content[from:], encoded)
		if at < 0 {
			return false
		}
		from += at + 1
		page := (from - 1) / pageSize
		for binary.NativeEndian.Uint64(f.content[page*pageSize:]) != uint64(page) {
			page-- // it begins on one before
		}
		whole := true
		for last := page + int(binary.NativeEndian.Uint32(f.content[page*pageSize+12:])); page <= last; page++ {
			whole = whole && !damaged[page]
		}
		if whole {
			return true
		}
	}
}

// No file keeps it from ending.
func FuzzSalvage(f *testing.F) {
	s := newSound(f, 8)
	f.Add(s.content[:8*pageSize], uint16(0), byte(0))
	f.Add([]byte(nil), uint16(1), byte(1))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, value byte) {
		if int(at) < len(content) {
			content = bytes.Clone(content)
			content[at] = value
		}
		path := filepath.Join(t.TempDir(), "damaged.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bolt.Salvage(t.Context(), path, ""); err != nil {
			t.Fatal(err)
		}
	})
}
