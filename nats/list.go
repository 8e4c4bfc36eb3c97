package nats

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Stats implements deliver.Store.
func (s *Store) Stats(ctx context.Context) (all []deliver.Stats, err error) {
	defer func() { err = explain(err) }()
	dead, err := s.dead.Info(ctx, jetstream.WithSubjectFilter(s.deadSubjects("")))
	if err != nil {
		return nil, err
	}
	consumers, err := s.listConsumers(ctx)
	if err != nil {
		return nil, err
	}
	waiting := s.pauses.all()
	for _, about := range consumers {
		n := int(about.NumPending) + about.NumAckPending //nolint:gosec // no stream has so many
		name := about.Config.Metadata[destinationOf]
		stats := waiting[name]
		if stats.Waiting += n; countsLanes(about) && n > 0 {
			turns, err := s.waiting.Info(ctx, jetstream.WithSubjectFilter(s.turnSubjects(name)+".*"))
			if err != nil {
				return nil, err
			}
			stats.Waiting -= len(turns.State.Subjects)
		}
		waiting[name] = stats
	}
	for name, stats := range waiting {
		stats.Destination = name
		stats.Dead = int(dead.State.Subjects[s.deadSubject(name)]) //nolint:gosec // likewise
		if err := s.oldest(ctx, &stats); err != nil {
			return nil, err
		}
		if stats.Waiting > 0 || stats.Dead > 0 || stats.Paused {
			all = append(all, stats)
		}
	}
	slices.SortFunc(all, func(a, b deliver.Stats) int { return cmp.Compare(a.Destination, b.Destination) })
	return all, nil
}

// oldest finds out since when something waits.
func (s *Store) oldest(ctx context.Context, stats *deliver.Stats) error {
	if stats.Waiting <= 0 {
		stats.Waiting = 0
		return nil
	}
	oldest, err := s.waiting.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(s.waitSubjects(stats.Destination)))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		stats.Waiting = 0
	case err != nil:
		return err
	default:
		stats.Oldest = oldest.Time
	}
	return nil
}

// shelf is one of the streams that hold webhooks. The Ref of a delivery is the
// shelf's letter with the sequence.
type shelf struct {
	letter   string
	state    deliver.State
	stream   jetstream.Stream
	subjects func(destination string) string
}

// shelves are those that a filter is about, in the order of lists.
func (s *Store) shelves(filter *deliver.Filter) []shelf {
	var chosen []shelf
	for _, sh := range []shelf{
		{"w", deliver.Waiting, s.waiting, s.waitSubjects}, {"d", deliver.Dead, s.dead, s.deadSubjects},
	} {
		if filter.State == "" || filter.State == sh.state {
			chosen = append(chosen, sh)
		}
	}
	return chosen
}

func (sh *shelf) ref(sequence uint64) string { return sh.letter + strconv.FormatUint(sequence, 10) }

// sequence returns that of a Ref, if it is of this shelf.
func (sh *shelf) sequence(ref string) (uint64, bool) {
	if len(ref) < 2 || ref[:1] != sh.letter {
		return 0, false
	}
	sequence, err := strconv.ParseUint(ref[1:], 10, 64)
	return sequence, err == nil
}

// each calls found for the deliveries of a shelf that a filter chooses, from a
// sequence on, until it returns false.
func (s *Store) each(
	ctx context.Context, sh *shelf, from uint64, filter *deliver.Filter, found func(*deliver.Entry, *jetstream.RawStreamMsg) (bool, error),
) error {
	options := []jetstream.GetMsgOpt{jetstream.WithGetMsgSubject(sh.subjects(filter.Destination))}
	for only := false; !only; from++ {
		if filter.Ref != "" {
			sequence, ok := sh.sequence(filter.Ref)
			if !ok || sequence < from {
				return nil
			}
			from, only, options = sequence, true, nil
		}
		m, err := sh.stream.GetMsg(ctx, max(from, 1), options...)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		from = m.Sequence
		entry := sh.entry(m)
		if !filter.Match(entry) {
			continue
		}
		if more, err := found(entry, m); err != nil || !more {
			return err
		}
	}
	return nil
}

func (sh *shelf) entry(m *jetstream.RawStreamMsg) *deliver.Entry {
	e := &deliver.Entry{Ref: sh.ref(m.Sequence), State: sh.state, Stored: m.Time}
	n := noteOf(m)
	e.Destination, e.Attempts, e.Stored, e.Due, e.Failure = n.Destination, n.Attempts, n.Stored, n.Due, n.Failure
	if record, size, err := deliver.DecodeHead(m.Data); err == nil {
		e.ID, e.Provider, e.Event, e.Size = record.ID, record.Provider, record.Event, size
	}
	return e
}

// List implements deliver.Store: what waits first, then dead letters.
func (s *Store) List(ctx context.Context, filter deliver.Filter, limit int) (all []deliver.Entry, err error) {
	defer func() { err = explain(err) }()
	shelves := s.shelves(&filter)
	first := make(map[lane]uint64) // its sequence, of the lanes that were come upon
	for i := range shelves {
		sh, from := &shelves[i], uint64(1)
		if after, ok := sh.sequence(filter.After); ok {
			from = after + 1
		} else if sh.state == deliver.Waiting && filter.After != "" {
			continue // it is among the dead letters already
		}
		if len(all) >= limit {
			break
		}
		err := s.each(ctx, sh, from, &filter, func(e *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
			if sh.state == deliver.Waiting {
				if err := s.complete(ctx, e, m, first); err != nil {
					return false, err
				}
			}
			all = append(all, *e)
			return len(all) < limit, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// complete adds to the entry of a waiting delivery what its message does not say.
func (s *Store) complete(ctx context.Context, e *deliver.Entry, m *jetstream.RawStreamMsg, firsts map[lane]uint64) error {
	n := noteOf(m)
	if _, err := s.readState(ctx, m.Sequence, &n); err != nil {
		return err
	}
	e.Attempts, e.Due, e.Failure = n.Attempts, n.Due, n.Failure
	l := n.in()
	if l.isNone() {
		return nil
	}
	if _, known := firsts[l]; !known {
		first, err := s.first(ctx, l)
		if first == nil || err != nil {
			return err
		}
		firsts[l] = first.sequence
	}
	e.Held = firsts[l] != m.Sequence
	return nil
}

// Read implements deliver.Store.
func (s *Store) Read(ctx context.Context, ref string) (_ *deliver.Record, err error) {
	defer func() { err = explain(err) }()
	for _, sh := range s.shelves(new(deliver.Filter)) {
		sequence, ok := sh.sequence(ref)
		if !ok {
			continue
		}
		m, err := sh.stream.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, deliver.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return deliver.DecodeRecord(m.Data)
	}
	return nil, deliver.ErrNotFound
}

// Remove implements deliver.Store.
func (s *Store) Remove(ctx context.Context, filter deliver.Filter) (n int, err error) {
	defer func() { err = explain(err) }()
	shelves := s.shelves(&filter)
	for i := range shelves {
		sh := &shelves[i]
		err := s.each(ctx, sh, 1, &filter, func(_ *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
			if err := remove(ctx, sh.stream, m.Sequence); err != nil {
				return false, err
			}
			if sh.state == deliver.Waiting {
				s.dropRemoved(m.Sequence)
				s.forgetState(ctx, m.Sequence)
			}
			n++
			return true, nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
