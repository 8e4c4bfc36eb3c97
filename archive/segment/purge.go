package segment

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// maxPurged is how many records a purge removes at a time.
const maxPurged = 50_000

// purge removes what a filter selects, and returns how many records that were.
func (s *series) purge(ctx context.Context, filter *archive.Filter) (int, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	for total := 0; ; {
		var complete []*segment
		if err := s.do(ctx, func() { s.write(); s.seal(); complete = s.list() }); err != nil {
			return total, err
		}
		hits, err := s.query(ctx, filter, cursor{}, maxPurged)
		if err != nil || len(hits) == 0 {
			return total, err
		}
		gone := make(map[string]bool, len(hits))
		for _, h := range hits {
			gone[h.record.Ref] = true
		}
		for _, g := range complete {
			if err := s.remake(g, gone); err != nil {
				return total, err
			}
		}
		if total += len(hits); len(hits) < maxPurged {
			return total, nil
		}
	}
}

// remake replaces a complete segment by one without the records of some refs and their
// notes, and without what cannot be read at its end: a part of those may be in it. When it
// returns, nothing of them is in the folder any more, and the rest is on disk.
func (s *series) remake(g *segment, gone map[string]bool) error {
	file, err := openSegment(g)
	if file == nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it is only read
	size := g.length()
	if keepsAll, err := holdsNone(newReader(file, size), gone); err != nil || keepsAll {
		return err
	}
	unfinishedPath := g.path + unfinished
	rest, err := os.OpenFile(unfinishedPath, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	kept, err := copyRest(rest, file, size, gone)
	err = errors.Join(err, rest.Sync(), rest.Close())
	if err == nil && kept > 0 { // its age is that of its last record
		err = os.Chtimes(unfinishedPath, g.written(), g.written())
	}
	if err == nil && kept > 0 {
		err = os.Rename(unfinishedPath, g.path)
	}
	if err != nil || kept == 0 {
		err = errors.Join(err, os.Remove(unfinishedPath))
	}
	if err == nil && kept == 0 {
		err = s.remove(g)
	}
	if err != nil {
		return err
	}
	g.shrink(kept)
	return boltfile.SyncDirectory(s.folder)
}

// holdsNone reports whether all of a segment stays.
func holdsNone(frames *reader, gone map[string]bool) (bool, error) {
	for {
		f, err := frames.next()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case errors.Is(err, errTorn), errors.Is(err, errDamaged):
			return false, nil
		case err != nil:
			return false, err
		}
		if ref, err := f.ref(); err != nil || gone[ref] {
			return false, nil //nolint:nilerr // what cannot be read does not stay
		}
	}
}

// copyRest copies the frames that stay, and returns how many bytes they have.
func copyRest(to io.Writer, file io.ReaderAt, size int64, gone map[string]bool) (int64, error) {
	buffered, frames, kept := bufio.NewWriterSize(to, readAhead), newReader(file, size), int64(0)
	for {
		f, err := frames.next()
		var ref string
		if err == nil {
			ref, err = f.ref()
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errTorn), errors.Is(err, errDamaged):
			return kept, buffered.Flush()
		case err != nil:
			return kept, err
		case gone[ref]:
			continue
		}
		if _, err := io.Copy(buffered, io.NewSectionReader(file, f.offset, f.size)); err != nil {
			return kept, err
		}
		kept += f.size
	}
}

// ref is that of the record that a frame is, or is a note of.
func (f *frame) ref() (string, error) {
	if f.kind == noteKind {
		n, err := f.note()
		if err != nil {
			return "", err
		}
		return n.Ref, nil
	}
	e, err := f.record()
	if err != nil {
		return "", err
	}
	return e.summary.Ref, nil
}

// shrink says that another file has taken the segment's place.
func (g *segment) shrink(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size, g.found = size, nil
}
