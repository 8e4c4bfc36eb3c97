package replay

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Memory is a Store in the memory of the process. When it is full, the oldest
// of the deliveries that nobody is handling makes room for a new one.
type Memory struct {
	now     func() time.Time
	evicted func()

	mu      sync.Mutex
	limit   int
	entries map[Key]*entry
	settled list.List // of those not claimed, the oldest first; values are Keys
}

type entry struct {
	record  Record
	place   *list.Element // in settled; nil while claimed
	changed chan struct{} // closed when the claim ends; nil if nobody waits
}

// NewMemory returns a Memory with room for limit deliveries. It calls evicted
// whenever one is forgotten before its time.
func NewMemory(limit int, now func() time.Time, evicted func()) *Memory {
	return &Memory{now: now, evicted: evicted, limit: limit, entries: make(map[Key]*entry)}
}

// SetLimit changes how many deliveries there is room for. Those that are too
// many go with the next ones that come.
func (m *Memory) SetLimit(limit int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
}

// Len returns how many deliveries are remembered or being handled.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// Reserve implements Store.
func (m *Memory) Reserve(_ context.Context, claim Claim) (Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	e, known := m.entries[claim.Key]
	if !known {
		e = new(entry)
	}
	record, outcome := e.record.Reserve(claim, now)
	if outcome.State != Reserved {
		return outcome, nil
	}
	if !known && !m.makeRoom(now) {
		return Outcome{}, ErrFull
	}
	m.put(claim.Key, e, record)
	return outcome, nil
}

// Done implements Store.
func (m *Memory) Done(_ context.Context, claim Claim, status int) error {
	m.change(claim.Key, func(r Record, now time.Time) Record { return r.Done(claim, status, now) })
	return nil
}

// Release implements Store.
func (m *Memory) Release(_ context.Context, claim Claim) error {
	m.change(claim.Key, func(r Record, now time.Time) Record { return r.Release(claim, now) })
	return nil
}

// Wait implements Store.
func (m *Memory) Wait(ctx context.Context, key Key) error {
	m.mu.Lock()
	e, known := m.entries[key]
	if !known || e.record.Phase != Claimed {
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

// Record returns what is known of a key, which may be nothing: for stores that
// also write it down.
func (m *Memory) Record(key Key) Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.entries[key]; known {
		return e.record
	}
	return Record{}
}

// Restore puts back what was written down of a key that is not being handled,
// unless it has expired or there is no room. It is then the oldest: what is to be
// remembered longest is to be put back first.
func (m *Memory) Restore(key Key, record Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.entries[key]; known || record.Expired(m.now()) || len(m.entries) >= m.limit {
		return
	}
	m.entries[key] = &entry{record: record, place: m.settled.PushFront(key)}
}

// change replaces the record of a claim that has ended.
func (m *Memory) change(key Key, next func(Record, time.Time) Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.entries[key]
	if !known {
		e = new(entry)
	}
	m.put(key, e, next(e.record, m.now()))
}

// put keeps a record, in its place among those that can be evicted.
func (m *Memory) put(key Key, e *entry, record Record) {
	e.record = record
	if e.place != nil && (record.Phase == Claimed || record.Phase == Absent) {
		m.settled.Remove(e.place)
		e.place = nil
	}
	if record.Phase != Claimed && e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
	if record.Phase == Absent {
		delete(m.entries, key)
		return
	}
	m.entries[key] = e
	if record.Phase != Claimed && e.place == nil {
		e.place = m.settled.PushBack(key)
	}
}

// makeRoom forgets what has expired, and more where there is no room for
// another delivery. It reports whether there is room now.
func (m *Memory) makeRoom(now time.Time) bool {
	for oldest := m.settled.Front(); oldest != nil; oldest = m.settled.Front() {
		key := oldest.Value.(Key)
		e := m.entries[key]
		if !e.record.Expired(now) {
			if len(m.entries) < m.limit {
				break
			}
			m.evicted()
		}
		m.put(key, e, Record{})
	}
	return len(m.entries) < m.limit
}
