package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/archive/archivetest"
	"github.com/caddy-webhooks/caddy-webhooks/archive/segment"
)

// open opens an archive in a folder; what it tells of ends up in told.
func open(t testing.TB, folder string, maxAge time.Duration, maxSize int64, told *[]string) *segment.Store {
	t.Helper()
	tell := func(text string) {
		if told != nil {
			*told = append(*told, text)
		}
	}
	store, err := segment.Open(folder, maxAge, maxSize, archive.Observer{
		Lost:    func(count int, err error) { tell(fmt.Sprintf("lost %d: %v", count, err)) },
		Damaged: func(place string) { tell("damaged " + filepath.Base(filepath.Dir(place))) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestArchive(t *testing.T) {
	archivetest.Run(t, func(t *testing.T, place string) archive.Archive {
		return open(t, place, time.Hour, 1<<30, nil)
	})
}

// With segments of a few records each, records and their notes are in different ones.
func TestSmallSegments(t *testing.T) {
	archivetest.Run(t, func(t *testing.T, place string) archive.Archive {
		return eager{open(t, place, time.Hour, 1<<30, nil), t, place}
	})
}

// eager is an archive that begins a segment after each record.
type eager struct {
	*segment.Store
	t     *testing.T
	place string
}

func (e eager) Append(record *archive.Record) {
	e.Store.Append(record)
	e.SetLimits(time.Hour, 1) // a segment is full as soon as something is in it
	_, _ = e.Get(e.t.Context(), archive.NewRef())
	e.SetLimits(time.Hour, 1<<30)
}

// segments returns the files of an archive, and how many bytes they have.
func segments(t *testing.T, folder string) (names []string, size int64) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".segment" {
			info, err := entry.Info()
			if err != nil {
				return err
			}
			names, size = append(names, path), size+info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, size
}

func list(t *testing.T, store archive.Archive) (ids []string) {
	t.Helper()
	page, err := store.Query(t.Context(), &archive.Filter{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range page.Records {
		ids = append(ids, strings.TrimPrefix(record.ID, "evt_"))
	}
	return ids
}

// What is too old goes, also while nothing comes, and a record no later than a sixteenth
// of the age after its time.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		store := open(t, folder, 16*time.Minute, 1<<30, nil)
		defer store.Close()
		for number := range 32 {
			store.Append(archivetest.Made(number))
			time.Sleep(time.Minute)
		}
		if got := len(list(t, store)); got < 15 || got > 18 {
			t.Errorf("%d records are kept", got)
		}
		time.Sleep(18 * time.Minute)
		if names, _ := segments(t, folder); len(names) != 0 {
			t.Errorf("there still is %v", names)
		}
		if got := list(t, store); len(got) != 0 {
			t.Errorf("there still is %v", got)
		}
	})
}

// A flood of forgeries takes no room from what was accepted, and neither exceeds its part.
func TestSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		const maxSize = 1 << 20
		store := open(t, folder, time.Hour, maxSize, nil)
		defer store.Close()
		store.Append(archivetest.Made(1))
		for number := range 100 {
			for range 50 {
				forged := archivetest.Made(number)
				forged.Refused = true
				forged.Body = bytes.Repeat([]byte("x"), 1000)
				store.Append(forged)
			}
			time.Sleep(2 * time.Second)
		}
		_, refused := segments(t, filepath.Join(folder, "refused"))
		if refused > maxSize/10*5/4 || refused < maxSize/20 {
			t.Errorf("refused ones take %d bytes", refused)
		}
		page, err := store.Query(t.Context(), &archive.Filter{ID: "evt_1", Limit: 10, Match: func(s *archive.Summary) bool { return !s.Refused }})
		if err != nil || len(page.Records) != 1 {
			t.Errorf("the accepted one is %v, %v", page, err)
		}
		for number := range 400 {
			record := archivetest.Made(number)
			record.Body = bytes.Repeat([]byte("x"), 10_000)
			store.Append(record)
			time.Sleep(2 * time.Second)
		}
		if _, accepted := segments(t, filepath.Join(folder, "accepted")); accepted > maxSize || accepted < maxSize*2/3 {
			t.Errorf("accepted ones take %d bytes", accepted)
		}
	})
}

// Nothing waits for the disk: what there is no room for is lost, and told of.
func TestLost(t *testing.T) {
	var told []string
	store := open(t, t.TempDir(), time.Hour, 1<<30, &told)
	large := archivetest.Made(1)
	large.Body = make([]byte, 17<<20)
	store.Append(large)
	store.Append(archivetest.Made(2))
	if got := fmt.Sprint(list(t, store)); got != "[2]" {
		t.Errorf("there is %v", got)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(told) != "[lost 1: <nil>]" {
		t.Errorf("told is %q", told)
	}
}

// A folder that cannot be written to loses what comes meanwhile, and no more.
func TestUnwritable(t *testing.T) {
	var told []string
	folder := t.TempDir()
	store := open(t, folder, time.Hour, 1<<30, &told)
	accepted := filepath.Join(folder, "accepted")
	if err := errors.Join(os.Remove(accepted), os.WriteFile(accepted, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	store.Append(archivetest.Made(1))
	_, _ = store.Get(t.Context(), archive.NewRef())
	if err := errors.Join(os.Remove(accepted), os.Mkdir(accepted, 0o700)); err != nil {
		t.Fatal(err)
	}
	store.Append(archivetest.Made(2))
	if got := fmt.Sprint(list(t, store)); got != "[2]" {
		t.Errorf("there is %v", got)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "lost 1: open ") {
		t.Errorf("told is %q", told)
	}
}

func TestLocked(t *testing.T) {
	folder := t.TempDir()
	store := open(t, folder, time.Hour, 1<<30, nil)
	if _, err := segment.Open(folder, time.Hour, 1<<30, archive.Observer{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, folder, time.Hour, 1<<30, nil).Close()
}

// A crash leaves any beginning of what was written. What is whole in it is there, and
// nothing is told of.
func TestTorn(t *testing.T) {
	folder := t.TempDir()
	store := open(t, folder, time.Hour, 1<<30, nil)
	for number := 1; number <= 3; number++ {
		store.Append(archivetest.Made(number))
	}
	store.Close()
	names, _ := segments(t, folder)
	whole, err := os.ReadFile(names[0])
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	frames := 0
	for length := 0; length <= len(whole); length += 7 {
		if err := os.WriteFile(names[0], whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		var told []string
		torn := open(t, folder, time.Hour, 1<<30, &told)
		got := list(t, torn)
		frames = max(frames, len(got))
		if len(got) < frames || len(told) > 0 {
			t.Errorf("of %d bytes there is %v, and it tells %v", length, got, told)
		}
		torn.Close()
	}
	if frames != 2 {
		t.Errorf("at most %d records were whole", frames)
	}
}

// Whatever bit changes, nothing is shown that was not written.
func TestDamaged(t *testing.T) {
	folder := t.TempDir()
	store := open(t, folder, time.Hour, 1<<30, nil)
	first, second := archivetest.Made(1), archivetest.Made(2)
	store.Append(first)
	store.Append(second)
	store.Close()
	names, _ := segments(t, folder)
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{first.Ref: string(first.Request()), second.Ref: string(second.Request())}
	for at := 0; at < len(whole); at += 3 {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		if err := os.WriteFile(names[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		var told []string
		store := open(t, folder, time.Hour, 1<<30, &told)
		page, err := store.Query(t.Context(), &archive.Filter{Limit: 10, Requests: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range page.Records {
			if got := string(record.Request()); got != want[record.Ref] && record.Omitted == "" {
				t.Errorf("byte %d changed: the request is %q", at, got)
			}
		}
		if len(page.Records) == 2 && page.Records[0].Omitted+page.Records[1].Omitted == "" {
			t.Errorf("byte %d changed, and nobody notices", at)
		}
		store.Close()
	}
}

// What was purged is in no file, also where a crash has left a part of it, and where a
// purge was broken off.
func TestPurgedBytes(t *testing.T) {
	folder := t.TempDir()
	store := open(t, folder, time.Hour, 1<<30, nil)
	for number := 1; number <= 3; number++ {
		store.Append(archivetest.Made(number))
	}
	store.Close()
	names, _ := segments(t, folder)
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.LastIndex(content, []byte("3@example.com")) + len("3@example.com")
	if err := errors.Join(os.WriteFile(names[0], content[:torn], 0o600), os.WriteFile(filepath.Join(folder, "accepted", "1.segment.tmp"), content, 0o600)); err != nil {
		t.Fatal(err)
	}
	store = open(t, folder, time.Hour, 1<<30, nil)
	defer store.Close()
	count, err := store.Purge(t.Context(), &archive.Filter{Examine: func(r *archive.Record) bool {
		return bytes.Contains(r.Body, []byte("2@example.com"))
	}})
	if err != nil || count != 1 {
		t.Fatalf("%d are purged, %v", count, err)
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, address := range []string{"2@example.com", "3@example.com", "evt_2"} {
			if bytes.Contains(content, []byte(address)) {
				t.Errorf("%s still has %s", path, address)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list(t, store)); got != "[1]" {
		t.Errorf("what stays is %s", got)
	}
}

// Records come while others are listed and purged.
func TestMeanwhile(t *testing.T) {
	store := open(t, t.TempDir(), time.Hour, 1<<30, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for number := 1; number <= 2000; number++ {
			store.Append(archivetest.Made(number))
		}
	}()
	purged := 0
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		count, err := store.Purge(t.Context(), &archive.Filter{Match: func(s *archive.Summary) bool { return strings.HasSuffix(s.ID, "7") }})
		if err != nil {
			t.Fatal(err)
		}
		purged += count
		list(t, store)
	}
	if kept := len(list(t, store)); purged != 200 || kept != 1800 {
		t.Errorf("%d are purged and %d kept", purged, kept)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
