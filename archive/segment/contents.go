package segment

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// contents are the refs in a segment, as far as is needed to pass over it.
type contents struct {
	size    int64 // of the segment when it was looked at
	records span
	notes   span // the records that its notes are of
}

// span is from the least of some refs to the greatest; both are empty if there are none.
type span struct{ least, greatest string }

func (s *span) add(ref string) {
	if s.least == "" || ref < s.least {
		s.least = ref
	}
	s.greatest = max(s.greatest, ref)
}

func (s *span) has(ref string) bool { return s.least != "" && s.least <= ref && ref <= s.greatest }

// overlaps reports whether a ref may be in both.
func (s *span) overlaps(other span) bool {
	return s.least != "" && other.least != "" && s.least <= other.greatest && other.least <= s.greatest
}

// known returns what is in a segment, if somebody has looked since it was written to.
func (g *segment) known() *contents {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.found == nil || g.found.size != g.size {
		return nil
	}
	return g.found
}

func (g *segment) know(found *contents) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.found = found
}

// scan has functions look at all frames of a segment, in their order. A segment that is
// gone has none. Where it is damaged the rest of it is told of, and left out.
func (s *series) scan(ctx context.Context, g *segment, file io.ReaderAt, record func(*entry), note func(*archive.Note)) (*contents, error) {
	found := &contents{size: g.length()}
	frames := newReader(file, found.size)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := frames.next()
		if err == nil {
			err = found.take(f, record, note)
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errTorn):
			g.know(found)
			return found, nil
		case errors.Is(err, errDamaged):
			if g.known() == nil && s.observer.Damaged != nil {
				s.observer.Damaged(g.path)
			}
			g.know(found)
			return found, nil
		case err != nil:
			return nil, err
		}
	}
}

// take notes a frame, and shows it.
func (c *contents) take(f *frame, record func(*entry), note func(*archive.Note)) error {
	if f.kind == noteKind {
		n, err := f.note()
		if err == nil {
			c.notes.add(n.Ref)
			note(n)
		}
		return err
	}
	e, err := f.record()
	if err == nil {
		c.records.add(e.summary.Ref)
		record(e)
	}
	return err
}

// survey returns what is in a segment.
func (s *series) survey(ctx context.Context, g *segment) (*contents, error) {
	if found := g.known(); found != nil {
		return found, nil
	}
	file, err := openSegment(g)
	if file == nil {
		return new(contents), err
	}
	defer file.Close() //nolint:errcheck // it is only read
	return s.scan(ctx, g, file, func(*entry) {}, func(*archive.Note) {})
}

// openSegment opens a segment for reading; there is no file if it was removed.
func openSegment(g *segment) (*os.File, error) {
	file, err := os.Open(g.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return file, err
}
