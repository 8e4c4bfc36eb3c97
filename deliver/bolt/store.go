// Package bolt is the engine of package deliver that keeps webhooks in a
// single file, for a single process and without a server.
//
// Every change is forced to disk before it is answered. One goroutine writes:
// it takes what has been asked for by then and makes it one transaction, so
// that many senders share the cost of forcing data to disk and a lone one does
// not wait for others.
package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// DefaultMaxSize is how many bytes are kept where nothing else is said.
const DefaultMaxSize = 1 << 30

// Store is a deliver.Store in a file.
type Store struct {
	path     string
	swap     sync.RWMutex // held by who reads db, and while another takes its place
	db       *bolt.DB
	sparse   bool // the file is mostly empty; of the goroutine that commits
	observer deliver.Observer

	cannotCompact bool  // likewise
	compactAbove  int64 // bytes of a file that is worth it

	maxSize atomic.Int64

	now       func() time.Time
	seen      atomic.Int64  // the latest time, in nanoseconds
	lookAgain time.Duration // how long a claim sleeps at most: the clock may be set meanwhile

	operations chan *operation
	closing    chan struct{} // closed when Close begins
	committed  chan struct{} // closed when the last transaction is over
	closeOnce  sync.Once
	failure    atomic.Pointer[error] // why nothing can be written any more

	mu      sync.Mutex
	leases  map[slot]*lease
	lanes   map[held]int             // by how many each lane is held; see lanes.go
	paused  map[string]bool          // destinations
	changed map[string]chan struct{} // by destination; closed when more may be due
}

// slot names a delivery in the file.
type slot struct {
	destination uint32
	sequence    uint64
}

// lease is a claim of a slot. A settled or removed one is no longer in
// Store.leases.
type lease struct {
	slot
	lane held // that it holds
}

// Options say which file a Store is in, and how much it keeps.
type Options struct {
	// Path is the file.
	Path string

	// MaxSize is how many bytes of records may wait, and as many of dead letters.
	// 0 is DefaultMaxSize.
	MaxSize int64

	// Observer is told what the store does.
	Observer deliver.Observer

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	compactAbove int64 // 0: minCompacted
}

// Open opens the file at path, and makes it if there is none. See Options.Open.
func Open(path string, maxSize int64, observer deliver.Observer) (*Store, error) {
	return Options{Path: path, MaxSize: maxSize, Observer: observer}.Open()
}

// Open opens the file, and makes it if there is none. It is readable by its owner
// only. A file that another process has open is refused.
func (o Options) Open() (*Store, error) {
	db, err := boltfile.Open(o.Path, fileOptions(), prepare)
	if errors.Is(err, boltfile.ErrDamaged) {
		err = fmt.Errorf("%w; caddy webhooks queue salvage saves what is intact", err)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:       o.Path,
		db:         db,
		observer:   o.Observer,
		now:        o.Now,
		lookAgain:  30 * time.Second,
		operations: make(chan *operation, maxBatch),
		closing:    make(chan struct{}),
		committed:  make(chan struct{}),
		leases:     make(map[slot]*lease),
		lanes:      make(map[held]int),
		paused:     make(map[string]bool),
		changed:    make(map[string]chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.compactAbove = cmp.Or(o.compactAbove, minCompacted)
	s.SetMaxSize(o.MaxSize)
	if err := s.restore(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", o.Path, err), db.Close())
	}
	_ = os.Remove(o.Path + copySuffix) // of a process that was killed
	s.compactIfSparse()
	go s.commitAll()
	return s, nil
}

func fileOptions() bolt.Options {
	// A list of free pages that has grown with a backlog would be written with each
	// transaction. It is found again when the file is opened.
	return bolt.Options{NoFreelistSync: true}
}

// restore reads what a store has in memory.
func (s *Store) restore() error {
	return s.view(func(tx *bolt.Tx) error {
		s.sparse = s.isSparse(tx)
		s.seen.Store(number(tx, seenKey))
		return tx.Bucket(destinations).ForEach(func(name, encoded []byte) error {
			q, err := decodeQueue(encoded)
			if err == nil && q.paused {
				s.paused[string(name)] = true
			}
			return err
		})
	})
}

// SetMaxSize changes how many bytes of records may be kept.
func (s *Store) SetMaxSize(bytes int64) {
	if bytes <= 0 {
		bytes = DefaultMaxSize
	}
	s.maxSize.Store(bytes)
}

// Append implements deliver.Store.
func (s *Store) Append(ctx context.Context, record *deliver.Record, targets []deliver.Target) error {
	if len(targets) == 0 {
		return nil
	}
	encoded, err := record.Encode()
	if err != nil {
		return err
	}
	names := make([]string, len(targets))
	for i, target := range targets {
		names[i] = target.Destination
	}
	now := s.now()
	going := &going{store: s, record: record, now: now}
	err = s.do(ctx, &operation{bytes: len(encoded), destinations: names}, func(b *batch) error {
		return b.append(record.Key, encoded, targets, now, s.maxSize.Load(), going.lease)
	})
	going.end(err)
	return err
}

// Done implements deliver.Store.
func (s *Store) Done(ctx context.Context, d *deliver.Delivery) error {
	return s.settle(ctx, d, func(b *batch, at slot) error { return b.remove(at, deliver.Waiting) })
}

// Retry implements deliver.Store.
func (s *Store) Retry(ctx context.Context, d *deliver.Delivery, at time.Time, failure deliver.Failure) error {
	now := s.now() // the clock may be set before it is written
	return s.settle(ctx, d, func(b *batch, where slot) error {
		return b.reschedule(where, now, at, tried{d.Attempts + 1, d.Made + 1, failure})
	})
}

// Postpone implements deliver.Controls.
func (s *Store) Postpone(ctx context.Context, d *deliver.Delivery, at time.Time, failure deliver.Failure) error {
	now := s.now()
	return s.settle(ctx, d, func(b *batch, where slot) error {
		return b.reschedule(where, now, at, tried{d.Attempts, d.Made + 1, failure})
	})
}

// Dead implements deliver.Store.
func (s *Store) Dead(ctx context.Context, d *deliver.Delivery, failure deliver.Failure) error {
	return s.settle(ctx, d, func(b *batch, at slot) error {
		return b.bury(at, tried{d.Attempts + 1, d.Made + 1, failure})
	})
}

// Release implements deliver.Store.
func (s *Store) Release(d *deliver.Delivery) {
	if held, ok := d.Lease.(*lease); ok && s.free(held) {
		s.wake(d.Destination)
	}
}

// settle changes a leased delivery and ends its lease. A lease that has ended
// already is not settled again. What waits in a lane behind the delivery should not
// wait for company on its way to disk.
func (s *Store) settle(ctx context.Context, d *deliver.Delivery, change func(*batch, slot) error) error {
	held, ok := d.Lease.(*lease)
	if !ok || !s.holds(held) {
		return nil
	}
	err := s.do(ctx, &operation{lazy: held.lane.lane == noLane}, func(b *batch) error { return change(b, held.slot) })
	if err != nil && !errors.Is(err, deliver.ErrNotFound) {
		return err
	}
	s.Release(d)
	return nil
}

func (s *Store) holds(l *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[l.slot] == l
}

// acquire makes a lease, unless there is one.
func (s *Store) acquire(l *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[l.slot] != nil {
		return false
	}
	s.hold(l)
	return true
}

// hold notes a lease. The store is locked.
func (s *Store) hold(l *lease) {
	s.leases[l.slot] = l
	if l.lane.lane != noLane {
		s.lanes[l.lane]++
	}
}

// free ends a lease, and reports whether it had not ended before.
func (s *Store) free(l *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[l.slot] != l {
		return false
	}
	delete(s.leases, l.slot)
	s.letGo(l.lane)
	return true
}

// wake tells those who wait at a destination to look again.
func (s *Store) wake(destination string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting, ok := s.changed[destination]; ok {
		close(waiting)
		delete(s.changed, destination)
	}
}

// Close implements deliver.Store.
func (s *Store) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.committed
		// bbolt may hold the lock of a file that is damaged for ever.
		if err = s.failed(); !errors.Is(err, boltfile.ErrDamaged) {
			err = s.db.Close()
		}
	})
	return err
}

// Interface guard
var _ deliver.Store = (*Store)(nil)
