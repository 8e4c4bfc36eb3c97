package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// cursor is where a record stands in a series. The zero cursor is after the last one.
type cursor struct{ start, offset int64 }

// hit is a record that a filter has selected.
type hit struct {
	record *archive.Record
	at     cursor
}

// query returns at most limit records that stand before a cursor, the last one first.
func (s *series) query(ctx context.Context, filter *archive.Filter, from cursor, limit int) ([]hit, error) {
	q := &query{series: s, filter: filter, from: from, limit: limit, later: make(map[string][]archive.Note)}
	before, err := q.recordsBefore(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range slices.Backward(s.list()) {
		switch {
		case len(q.hits) == limit, !filter.Since.IsZero() && g.written().Before(filter.Since):
			return q.hits, nil
		case from.start != 0 && g.start > from.start && !q.tells(ctx, g, before):
			continue
		}
		if err := q.read(ctx, g); err != nil {
			return nil, err
		}
	}
	return q.hits, nil
}

// query is one walk through a series, from its end to its beginning. Notes come before
// the records that they are of.
type query struct {
	series *series
	filter *archive.Filter
	from   cursor
	limit  int
	later  map[string][]archive.Note // the last one first; of records that have not come yet
	hits   []hit
}

// recordsBefore returns the refs of the segment that the cursor is in.
func (q *query) recordsBefore(ctx context.Context) (span, error) {
	for _, g := range q.series.list() {
		if g.start == q.from.start {
			found, err := q.series.survey(ctx, g)
			if err != nil {
				return span{}, err
			}
			return span{least: "0", greatest: found.records.greatest}, nil
		}
	}
	return span{}, nil
}

// tells reports whether a segment after the cursor may have notes of records before it.
func (q *query) tells(ctx context.Context, g *segment, before span) bool {
	found, err := q.series.survey(ctx, g)
	return err != nil || found.notes.overlaps(before)
}

// read takes what a segment has. While it does, the file may be removed.
func (q *query) read(ctx context.Context, g *segment) error {
	file, err := openSegment(g)
	if file == nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it is only read
	roughly := *q.filter
	roughly.Outcome = "" // which may come later in the segment
	var entries []*entry
	var refs []string
	notes := make(map[string][]archive.Note)
	_, err = q.series.scan(ctx, g, file, func(e *entry) {
		refs = append(refs, e.summary.Ref)
		if roughly.Selects(e.summary) && (q.from.start == 0 || g.start < q.from.start || g.start == q.from.start && e.offset < q.from.offset) {
			entries = append(entries, e)
		}
	}, func(n *archive.Note) {
		notes[n.Ref] = append(notes[n.Ref], *n)
	})
	if err != nil {
		return err
	}
	for ref, list := range notes {
		q.later[ref] = append(list, q.later[ref]...)
	}
	for _, e := range slices.Backward(entries) {
		if len(q.hits) == q.limit {
			return nil
		}
		if err := q.take(g, file, e); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		delete(q.later, ref)
	}
	return nil
}

// take adds a record to the hits, if it is one.
func (q *query) take(g *segment, file io.ReaderAt, e *entry) error {
	e.summary.Later = unnamed(q.later[e.summary.Ref])
	if !q.filter.Selects(e.summary) {
		return nil
	}
	record := &archive.Record{Summary: *e.summary}
	if q.filter.Examine != nil || q.filter.Requests {
		loaded, err := q.series.load(g, file, e)
		if err != nil {
			return err
		}
		record = loaded
	}
	if q.filter.Examine != nil && !q.filter.Examine(record) {
		return nil
	}
	if !q.filter.Requests {
		record.Head, record.Body = nil, nil
	}
	q.hits = append(q.hits, hit{record, cursor{g.start, e.offset}})
	return nil
}

// load reads the request of an entry. One that is damaged is told of, and left out.
func (s *series) load(g *segment, file io.ReaderAt, e *entry) (*archive.Record, error) {
	record, err := e.load(file)
	if errors.Is(err, errDamaged) || errors.Is(err, errTorn) {
		if s.observer.Damaged != nil {
			s.observer.Damaged(g.path)
		}
		record, err = &archive.Record{Summary: *e.summary}, nil
		record.Omitted = "it is damaged on disk"
	}
	return record, err
}

// unnamed are notes that stand beside their record.
func unnamed(notes []archive.Note) []archive.Note {
	for i := range notes {
		notes[i].Ref = ""
	}
	return notes
}

// get returns a record by its ref; nil if it is not there. It was handed over after its
// ref was made, so it is looked for from there on first.
func (s *series) get(ctx context.Context, ref string) (*archive.Record, error) {
	all := s.list()
	made := archive.RefTime(ref).UnixNano()
	first := max(0, len(all)-1)
	for first > 0 && all[first].start > made {
		first--
	}
	for i := range all { // from the first to the last, then those before it
		at := (first + i) % len(all)
		record, err := s.getFrom(ctx, all[at], ref)
		if err != nil {
			return nil, err
		}
		if record != nil {
			record.Later, err = s.notesOf(ctx, all[at:], ref)
			return record, err
		}
	}
	return nil, nil
}

func (s *series) getFrom(ctx context.Context, g *segment, ref string) (*archive.Record, error) {
	if found := g.known(); found != nil && !found.records.has(ref) {
		return nil, nil
	}
	file, err := openSegment(g)
	if file == nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	var wanted *entry
	_, err = s.scan(ctx, g, file, func(e *entry) {
		if e.summary.Ref == ref {
			wanted = e
		}
	}, func(*archive.Note) {})
	if err != nil || wanted == nil {
		return nil, err
	}
	return s.load(g, file, wanted)
}

// notesOf returns the notes of a record in some segments, the earliest first.
func (s *series) notesOf(ctx context.Context, in []*segment, ref string) ([]archive.Note, error) {
	var notes []archive.Note
	for _, g := range in {
		found, err := s.survey(ctx, g)
		if err != nil {
			return nil, err
		}
		if !found.notes.has(ref) {
			continue
		}
		file, err := openSegment(g)
		if err != nil {
			return nil, err
		}
		if file == nil {
			continue
		}
		_, err = s.scan(ctx, g, file, func(*entry) {}, func(n *archive.Note) {
			if n.Ref == ref {
				notes = append(notes, *n)
			}
		})
		_ = file.Close() // it is only read
		if err != nil {
			return nil, err
		}
	}
	return unnamed(notes), nil
}

// String is the cursor as a part of Page.Next.
func (c cursor) String() string { return fmt.Sprintf("%d.%d", c.start, c.offset) }
