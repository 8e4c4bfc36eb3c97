package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// Bounds of one transaction: what is above waits for the next.
const (
	maxBatch      = 512
	maxBatchBytes = 4 << 20
)

// lazyTime is how long an outcome waits at most for something that has to be on
// disk at once, with which it is forced there. If Caddy ends meanwhile, the attempt
// is made again.
const lazyTime = 100 * time.Millisecond

// operation is a change that somebody waits for.
type operation struct {
	change       func(*batch) error // an error means that it has changed nothing
	bytes        int                // that it stores
	lazy         bool               // it may wait for others
	destinations []string           // at which more is due afterwards
	done         chan error
	err          error
}

// do makes a change and returns when it is on disk. If ctx ends first the
// change may be made nevertheless.
func (s *Store) do(ctx context.Context, o *operation, change func(*batch) error) error {
	o.change, o.done = change, make(chan error, 1)
	if err := s.failed(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return deliver.ErrClosed
	default:
	}
	select {
	case s.operations <- o:
	case <-s.closing:
		return deliver.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-s.committed: // it came too late to be looked at, or just in time
		select {
		case err := <-o.done:
			return err
		default:
			return deliver.ErrClosed
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commitAll commits operations until the store is closed.
func (s *Store) commitAll() {
	defer close(s.committed)
	for {
		select {
		case o := <-s.operations:
			s.commit(s.gather(o))
			s.compactIfSparse()
		case <-s.closing:
			for len(s.operations) > 0 {
				s.commit(s.gather(<-s.operations))
			}
			return
		}
	}
}

// gather adds to an operation those that wait behind it. As long as all of them are
// lazy, it waits for one that is not.
func (s *Store) gather(first *operation) []*operation {
	operations := []*operation{first}
	bytes, lazy := first.bytes, first.lazy
	var enough <-chan time.Time
	for len(operations) < maxBatch && bytes < maxBatchBytes {
		var o *operation
		select {
		case o = <-s.operations:
		default:
			if !lazy {
				return operations
			}
			if enough == nil {
				timer := time.NewTimer(lazyTime)
				defer timer.Stop()
				enough = timer.C
			}
			select {
			case o = <-s.operations:
			case <-enough:
				return operations
			case <-s.closing:
				return operations
			}
		}
		operations = append(operations, o)
		bytes += o.bytes
		lazy = lazy && o.lazy
	}
	return operations
}

// commit makes operations one transaction, and tells those who wait.
func (s *Store) commit(operations []*operation) {
	err := s.transact(operations)
	if errors.Is(err, deliver.ErrFull) {
		s.commitWhenFull(operations, err)
	}
	for _, o := range operations {
		if o.err == nil {
			for _, destination := range o.destinations {
				s.wake(destination)
			}
		}
		o.done <- o.err
	}
}

// transact makes operations one transaction. An error of it is theirs, too.
func (s *Store) transact(operations []*operation) error {
	written := false
	var start time.Time
	err := s.write(func(tx *bolt.Tx) (bool, error) {
		b := &batch{tx: tx}
		stores := false
		for _, o := range operations {
			o.err = o.change(b)
			written = written || o.err == nil
			stores = stores || o.err == nil && o.bytes > 0
		}
		if !written {
			return false, nil
		}
		if stores {
			b.reserve()
		}
		b.putNumber(seenKey, s.look())
		err := b.flush()
		s.sparse = err == nil && s.isSparse(tx)
		start = time.Now()
		return true, err
	})
	switch {
	case err != nil:
		for _, o := range operations {
			o.err = err
		}
	case written && s.observer.Synced != nil:
		s.observer.Synced(time.Since(start), len(operations))
	}
	return err
}

// write commits what a function changes, unless it says that this is nothing.
func (s *Store) write(change func(*bolt.Tx) (bool, error)) (err error) {
	if err := s.failed(); err != nil {
		return err
	}
	defer func() {
		if errors.Is(err, boltfile.ErrDamaged) {
			err = s.fail(err)
		}
	}()
	defer boltfile.Recover(&err)
	tx, err := s.db.Begin(true)
	if err != nil {
		return s.fail(err)
	}
	defer func() { _ = tx.Rollback() }() // fails after a commit, which is well
	changed, err := change(tx)
	if err == nil && changed {
		err = tx.Commit()
	}
	if err != nil {
		return s.fail(err)
	}
	return nil
}

// failed returns why nothing can be written any more, or nil.
func (s *Store) failed() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// fail decides what an error of a transaction means: see boltfile.IsFull.
func (s *Store) fail(err error) error {
	if boltfile.IsFull(err) {
		return fmt.Errorf("%w: %w", deliver.ErrFull, err)
	}
	err = fmt.Errorf("the store takes nothing until it is restarted: %w", err)
	s.failure.CompareAndSwap(nil, &err)
	return *s.failure.Load()
}
