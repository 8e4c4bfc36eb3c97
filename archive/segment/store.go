// Package segment keeps an archive in files of one machine, for one process: segments,
// to which records are appended, and that go as a whole when they are too old or too
// many.
package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// refusedShare is the part of the size that refused requests may take.
const refusedShare = 10

// Store is an archive in a folder.
type Store struct {
	lock              *os.File
	accepted, refused *series
}

// Open opens the archive in a folder, which is made if it is not there. It is readable by
// its owner only. A folder that another process has open is refused.
func Open(folder string, maxAge time.Duration, maxSize int64, observer archive.Observer) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return nil, err
	}
	s := &Store{lock: lock}
	accepted, refused := shares(maxAge, maxSize)
	if s.accepted, err = openSeries(filepath.Join(folder, "accepted"), accepted, observer); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if s.refused, err = openSeries(filepath.Join(folder, "refused"), refused, observer); err != nil {
		s.accepted.close()
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// shares divides the size among what was accepted and what was refused.
func shares(age time.Duration, size int64) (accepted, refused limits) {
	part := size / refusedShare
	return limits{age, size - part}, limits{age, part}
}

// SetLimits replaces what Open was given.
func (s *Store) SetLimits(maxAge time.Duration, maxSize int64) {
	accepted, refused := shares(maxAge, maxSize)
	s.accepted.setBounds(accepted)
	s.refused.setBounds(refused)
}

// Append implements archive.Archive.
func (s *Store) Append(record *archive.Record) {
	to := s.accepted
	if record.Refused {
		to = s.refused
	}
	room := heads.Get().(*[]byte)
	defer heads.Put(room)
	head, err := record.AppendJSON((*room)[:0])
	if err != nil || len(head) > maxHead {
		to.lost(1, err)
		return
	}
	to.queue.add(recordKind, head, record.Head, record.Body)
	if cap(head) <= maxRoom {
		*room = head
	}
}

// heads are what the heads of frames are written in.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// maxRoom is the largest room that is used again, in bytes.
const maxRoom = 16 << 10

// Note implements archive.Archive. It goes to both series, as nobody knows which one has
// the record; the one that has not ignores it.
func (s *Store) Note(note *archive.Note) {
	head, err := json.Marshal(note)
	if err != nil || note.Ref == "" {
		s.accepted.lost(1, err)
		return
	}
	s.accepted.queue.add(noteKind, head, nil, nil)
	if note.Outcome == archive.Resent { // nothing else becomes of what was refused
		s.refused.queue.add(noteKind, head, nil, nil)
	}
}

// Query implements archive.Archive.
func (s *Store) Query(ctx context.Context, filter *archive.Filter) (*archive.Page, error) {
	from, err := parseCursors(filter.Before)
	if err != nil {
		return nil, err
	}
	var found [2][]hit
	for i, one := range s.both() {
		if err := one.do(ctx, one.write); err != nil {
			return nil, err
		}
		if found[i], err = one.query(ctx, filter, from[i], filter.Limit+1); err != nil {
			return nil, err
		}
	}
	page := new(archive.Page)
	for len(found[0])+len(found[1]) > 0 {
		i := later(found)
		if len(page.Records) == filter.Limit {
			page.Next = from[0].String() + "-" + from[1].String()
			break
		}
		page.Records, from[i] = append(page.Records, found[i][0].record), found[i][0].at
		found[i] = found[i][1:]
	}
	return page, nil
}

// later returns which of two lists begins with what came later.
func later(found [2][]hit) int {
	switch {
	case len(found[0]) == 0:
		return 1
	case len(found[1]) == 0 || !found[1][0].record.Received.After(found[0][0].record.Received):
		return 0
	}
	return 1
}

// parseCursors reads Filter.Before: how far the two series were listed.
func parseCursors(text string) (from [2]cursor, err error) {
	if text == "" {
		return from, nil
	}
	parts := strings.Split(text, "-")
	if len(parts) != len(from) {
		return from, archive.ErrCursor
	}
	for i, part := range parts {
		if _, err := fmt.Sscanf(part, "%d.%d", &from[i].start, &from[i].offset); err != nil || from[i].String() != part {
			return from, archive.ErrCursor
		}
	}
	return from, nil
}

// Get implements archive.Archive.
func (s *Store) Get(ctx context.Context, ref string) (*archive.Record, error) {
	for _, one := range s.both() {
		if err := one.do(ctx, one.write); err != nil {
			return nil, err
		}
		if record, err := one.get(ctx, ref); record != nil || err != nil {
			return record, err
		}
	}
	return nil, archive.ErrNotFound
}

// Purge implements archive.Archive.
func (s *Store) Purge(ctx context.Context, filter *archive.Filter) (int, error) {
	total := 0
	for _, one := range s.both() {
		removed, err := one.purge(ctx, filter)
		total += removed
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Close implements archive.Archive.
func (s *Store) Close() error {
	s.accepted.close()
	s.refused.close()
	return s.lock.Close()
}

func (s *Store) both() [2]*series { return [2]*series{s.accepted, s.refused} }

// Interface guard
var _ archive.Archive = (*Store)(nil)
