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
	consumers := s.waiting.ListConsumers(ctx)
	var found []*jetstream.ConsumerInfo
	for about := range consumers.Info() { // to the end, else the lister waits for ever
		found = append(found, about)
	}
	if err := consumers.Err(); err != nil {
		return nil, err
	}
	for _, about := range found {
		name := about.Config.Metadata["destination"]
		stats := deliver.Stats{
			Destination: name,
			Waiting:     int(about.NumPending) + about.NumAckPending,   //nolint:gosec // no stream has so many
			Dead:        int(dead.State.Subjects[s.deadSubject(name)]), //nolint:gosec // likewise
		}
		if stats.Waiting > 0 {
			oldest, err := s.waiting.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(s.waitSubjects(name)))
			switch {
			case errors.Is(err, jetstream.ErrMsgNotFound):
				stats.Waiting = 0
			case err != nil:
				return nil, err
			default:
				stats.Oldest = oldest.Time
			}
		}
		if stats.Waiting > 0 || stats.Dead > 0 {
			all = append(all, stats)
		}
	}
	slices.SortFunc(all, func(a, b deliver.Stats) int { return cmp.Compare(a.Destination, b.Destination) })
	return all, nil
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
	if n, err := readNote(m.Header); err == nil {
		e.Destination, e.Attempts, e.Stored, e.Due, e.Failure = n.Destination, n.Attempts, n.Stored, n.Due, n.Failure
	}
	if record, size, err := deliver.DecodeHead(m.Data); err == nil {
		e.ID, e.Provider, e.Event, e.Size = record.ID, record.Provider, record.Event, size
	}
	return e
}

// List implements deliver.Store: what waits first, then dead letters.
func (s *Store) List(ctx context.Context, filter deliver.Filter, limit int) (all []deliver.Entry, err error) {
	defer func() { err = explain(err) }()
	shelves := s.shelves(&filter)
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
				n := note{Attempts: e.Attempts, Due: e.Due, Failure: e.Failure}
				if _, err := s.readState(ctx, m.Sequence, &n); err != nil {
					return false, err
				}
				e.Attempts, e.Due, e.Failure = n.Attempts, n.Due, n.Failure
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

// Requeue implements deliver.Store. If it is cut short between the two streams,
// a webhook is in both.
func (s *Store) Requeue(ctx context.Context, filter deliver.Filter) (n int, err error) {
	defer func() { err = explain(err) }()
	filter.State = deliver.Dead
	dead := s.shelves(&filter)[0]
	err = s.each(ctx, &dead, 1, &filter, func(e *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
		record, _, err := deliver.DecodeHead(m.Data)
		if err != nil {
			return true, nil // what is damaged stays where it is
		}
		if _, err := s.consumer(ctx, e.Destination); err != nil {
			return false, err
		}
		again := note{Destination: e.Destination, Stored: e.Stored}
		if _, err := s.publish(ctx, s.waitSubject(e.Destination, record.Key), again, m.Data); err != nil {
			return false, err
		}
		if err := s.dead.DeleteMsg(ctx, m.Sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, err
		}
		n++
		return true, nil
	})
	return n, err
}

// Remove implements deliver.Store.
func (s *Store) Remove(ctx context.Context, filter deliver.Filter) (n int, err error) {
	defer func() { err = explain(err) }()
	shelves := s.shelves(&filter)
	for i := range shelves {
		sh := &shelves[i]
		err := s.each(ctx, sh, 1, &filter, func(_ *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
			if err := sh.stream.DeleteMsg(ctx, m.Sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
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
