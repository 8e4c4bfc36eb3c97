package bolt

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// scanned is how many deliveries one read transaction looks at: a file cannot
// grow while one is open.
const scanned = 1000

// Stats implements deliver.Store.
func (s *Store) Stats(context.Context) ([]deliver.Stats, error) {
	var all []deliver.Stats
	err := s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(destinations).ForEach(func(name, encoded []byte) error {
			q, err := decodeQueue(encoded)
			if err != nil {
				return err
			}
			stats := deliver.Stats{Destination: string(name), Paused: q.paused}
			stats.Waiting, stats.Dead = int(q.waiting), int(q.dead) //nolint:gosec // counts
			prefix := destinationKey(q.number)
			if key, value := tx.Bucket(waitingBucket).Cursor().Seek(prefix); bytes.HasPrefix(key, prefix) {
				j, err := decodeJob(value)
				if err != nil {
					return err
				}
				stats.Oldest = j.stored
			}
			all = append(all, stats)
			return nil
		})
	})
	return all, err // bbolt keeps the names in order
}

// List implements deliver.Store.
func (s *Store) List(ctx context.Context, filter deliver.Filter, limit int) ([]deliver.Entry, error) {
	var entries []deliver.Entry
	after, err := parseRef(filter.After)
	if err != nil {
		return nil, err
	}
	for len(entries) < limit {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		page, last, err := s.scan(&filter, after)
		if err != nil {
			return nil, err
		}
		entries = append(entries, page...)
		if last == (slot{}) {
			break
		}
		after = last
	}
	return entries[:min(limit, len(entries))], nil
}

// scan looks at some deliveries after one, and returns those that a filter
// chooses. last is the last one that it has looked at, or zero at the end.
func (s *Store) scan(filter *deliver.Filter, after slot) (entries []deliver.Entry, last slot, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		names, err := destinationNames(tx)
		if err != nil {
			return err
		}
		w := newWalk(tx, names, filter, after)
		for range scanned {
			at, state, encoded, ok := w.next()
			if !ok {
				last = slot{}
				return nil
			}
			last = at
			entry, err := describe(tx, at, state, encoded)
			if err != nil {
				return err
			}
			entry.Destination = names[at.destination]
			if filter.Match(entry) {
				entries = append(entries, *entry)
			}
		}
		return nil
	})
	return entries, last, err
}

// describe makes the entry of a delivery.
func describe(tx *bolt.Tx, at slot, state deliver.State, encoded []byte) (*deliver.Entry, error) {
	j, err := decodeJob(encoded)
	if err != nil {
		return nil, err
	}
	entry := &deliver.Entry{
		Ref: at.ref(), State: state, Stored: j.stored, Attempts: j.attempts, Failure: j.failure,
	}
	if state == deliver.Waiting {
		entry.Due = j.due
		front, waits := frontOf(tx, at.destination, j.lane)
		entry.Held = j.lane != noLane && waits && front != at
	}
	// Of a damaged record nothing can be said but that it is there.
	if r, size, err := deliver.DecodeHead(tx.Bucket(records).Get(sequenceKey(at.sequence))); err == nil {
		entry.ID, entry.Provider, entry.Event, entry.Size = r.ID, r.Provider, r.Event, size
	}
	return entry, nil
}

// walk goes through the deliveries of all destinations and states in the order
// of their sequence numbers, by a cursor for each.
type walk struct{ strands []*strand }

type strand struct {
	cursor     *bolt.Cursor
	prefix     []byte
	state      deliver.State
	key, value []byte
}

// newWalk makes a walk that begins after a delivery. What the filter rules out
// by its state or destination is not walked at all.
func newWalk(tx *bolt.Tx, names map[uint32]string, filter *deliver.Filter, after slot) *walk {
	w := new(walk)
	for number, name := range names {
		if filter.Destination != "" && filter.Destination != name {
			continue
		}
		from := slot{number, after.sequence}
		if number <= after.destination {
			from.sequence++
		}
		for state, bucket := range map[deliver.State][]byte{deliver.Waiting: waitingBucket, deliver.Dead: deadBucket} {
			if filter.State != "" && filter.State != state {
				continue
			}
			st := &strand{cursor: tx.Bucket(bucket).Cursor(), prefix: destinationKey(number), state: state}
			st.at(st.cursor.Seek(from.key()))
			w.strands = append(w.strands, st)
		}
	}
	return w
}

func (st *strand) at(key, value []byte) {
	if !bytes.HasPrefix(key, st.prefix) {
		key, value = nil, nil
	}
	st.key, st.value = key, value
}

// next returns the next delivery; ok is false at the end.
func (w *walk) next() (at slot, state deliver.State, encoded []byte, ok bool) {
	var first *strand
	for _, st := range w.strands {
		if st.key == nil {
			continue
		}
		here := slotOf(st.key)
		if first == nil || here.compare(at) < 0 {
			first, at = st, here
		}
	}
	if first == nil {
		return slot{}, "", nil, false
	}
	state, encoded = first.state, first.value
	first.at(first.cursor.Next())
	return at, state, encoded, true
}

// compare orders by age, and by destination where a record has several.
func (s slot) compare(other slot) int {
	if s.sequence != other.sequence {
		if s.sequence < other.sequence {
			return -1
		}
		return 1
	}
	return int(s.destination) - int(other.destination)
}

// ref is the text that names a delivery to operators.
func (s slot) ref() string { return fmt.Sprintf("%d.%d", s.sequence, s.destination) }

// parseRef is the inverse of slot.ref; the empty text is the zero slot.
func parseRef(text string) (slot, error) {
	var s slot
	if text == "" {
		return s, nil
	}
	if _, err := fmt.Sscanf(text, "%d.%d", &s.sequence, &s.destination); err != nil || s.ref() != text {
		return s, fmt.Errorf("%w: %.40q names none in this store", deliver.ErrNotFound, text)
	}
	return s, nil
}

// Read implements deliver.Store.
func (s *Store) Read(_ context.Context, ref string) (*deliver.Record, error) {
	at, err := parseRef(ref)
	if err != nil {
		return nil, err
	}
	var encoded []byte
	err = s.view(func(tx *bolt.Tx) error {
		if tx.Bucket(waitingBucket).Get(at.key()) == nil && tx.Bucket(deadBucket).Get(at.key()) == nil {
			return deliver.ErrNotFound
		}
		encoded = bytes.Clone(tx.Bucket(records).Get(sequenceKey(at.sequence)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return deliver.DecodeRecord(encoded)
}
