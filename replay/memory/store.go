// Package memory is an engine of package replay, and its Caddy module: what is
// remembered is in the memory of the process.
package memory

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// Store is a replay.Store in the memory of the process. When it is full, the oldest
// of the deliveries that nobody is handling makes room for a new one.
type Store struct {
	now     func() time.Time
	evicted func()

	mu      sync.Mutex
	limit   int
	entries map[replay.Key]*entry
	settled list.List // of those not claimed, the oldest first; values are Keys
}

type entry struct {
	record  replay.Record
	place   *list.Element // in settled; nil while claimed
	changed chan struct{} // closed when the claim ends; nil if nobody waits
}

// New returns a Store with room for limit deliveries. It calls evicted
// whenever one is forgotten before its time.
func New(limit int, now func() time.Time, evicted func()) *Store {
	return &Store{now: now, evicted: evicted, limit: limit, entries: make(map[replay.Key]*entry)}
}

// SetLimit changes how many deliveries there is room for. Those that are too
// many go with the next ones that come.
func (m *Store) SetLimit(limit int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
}

// Len returns how many deliveries are remembered or being handled.
func (m *Store) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// Reserve implements Store.
func (m *Store) Reserve(_ context.Context, claim replay.Claim) (replay.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	e, known := m.entries[claim.Key]
	if !known {
		e = new(entry)
	}
	record, outcome := e.record.Reserve(claim, now)
	if outcome.State != replay.Reserved {
		return outcome, nil
	}
	if !known && !m.makeRoom(now) {
		return replay.Outcome{}, replay.ErrFull
	}
	m.put(claim.Key, e, record)
	return outcome, nil
}

// Done implements Store.
func (m *Store) Done(_ context.Context, claim replay.Claim, status int) error {
	m.change(claim.Key, func(r replay.Record, now time.Time) replay.Record { return r.Done(claim, status, now) })
	return nil
}

// Release implements Store.
func (m *Store) Release(_ context.Context, claim replay.Claim) error {
	m.change(claim.Key, func(r replay.Record, now time.Time) replay.Record { return r.Release(claim, now) })
	return nil
}

// Wait implements Store.
func (m *Store) Wait(ctx context.Context, key replay.Key) error {
	m.mu.Lock()
	e, known := m.entries[key]
	if !known || e.record.Phase != replay.Claimed {
		m.mu.Unlock()
		return nil
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	changed := e.changed
	m.mu.Unlock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close does nothing: there is nothing to let go of.
func (*Store) Close() error { return nil }

// Record returns what is known of a key, which may be nothing: for stores that
// also write it down.
func (m *Store) Record(key replay.Key) replay.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.entries[key]; known {
		return e.record
	}
	return replay.Record{}
}

// Restore puts back what was written down of a key that is not being handled,
// unless it has expired or there is no room. It is then the oldest: what is to be
// remembered longest is to be put back first.
func (m *Store) Restore(key replay.Key, record replay.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.entries[key]; known || record.Expired(m.now()) || len(m.entries) >= m.limit {
		return
	}
	m.entries[key] = &entry{record: record, place: m.settled.PushFront(key)}
}

// change replaces the record of a claim that has ended.
func (m *Store) change(key replay.Key, next func(replay.Record, time.Time) replay.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.entries[key]
	if !known {
		e = new(entry)
	}
	m.put(key, e, next(e.record, m.now()))
}

// put keeps a record, in its place among those that can be evicted.
func (m *Store) put(key replay.Key, e *entry, record replay.Record) {
	e.record = record
	if e.place != nil && (record.Phase == replay.Claimed || record.Phase == replay.Absent) {
		m.settled.Remove(e.place)
		e.place = nil
	}
	if record.Phase != replay.Claimed && e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
	if record.Phase == replay.Absent {
		delete(m.entries, key)
		return
	}
	m.entries[key] = e
	if record.Phase != replay.Claimed && e.place == nil {
		e.place = m.settled.PushBack(key)
	}
}

// makeRoom forgets what has expired, and more where there is no room for
// another delivery. It reports whether there is room now.
func (m *Store) makeRoom(now time.Time) bool {
	for oldest := m.settled.Front(); oldest != nil; oldest = m.settled.Front() {
		key := oldest.Value.(replay.Key)
		e := m.entries[key]
		if !e.record.Expired(now) {
			if len(m.entries) < m.limit {
				break
			}
			m.evicted()
		}
		m.put(key, e, replay.Record{})
	}
	return len(m.entries) < m.limit
}
