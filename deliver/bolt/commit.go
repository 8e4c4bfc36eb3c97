package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Bounds of one transaction: what is above waits for the next.
const (
	maxBatch      = 512
	maxBatchBytes = 4 << 20
)

// operation is a change that somebody waits for.
type operation struct {
	change       func(*batch) error // an error means that it has changed nothing
	bytes        int
	destinations []string // at which more is due afterwards
	done         chan error
	err          error
}

// do makes a change and returns when it is on disk. If ctx ends first the
// change may be made nevertheless.
func (s *Store) do(ctx context.Context, bytes int, destinations []string, change func(*batch) error) error {
	o := &operation{change: change, bytes: bytes, destinations: destinations, done: make(chan error, 1)}
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
		case <-s.closing:
			for len(s.operations) > 0 {
				s.commit(s.gather(<-s.operations))
			}
			return
		}
	}
}

// gather adds to an operation those that wait behind it.
func (s *Store) gather(first *operation) []*operation {
	operations := []*operation{first}
	bytes := first.bytes
	for len(operations) < maxBatch && bytes < maxBatchBytes {
		select {
		case o := <-s.operations:
			operations = append(operations, o)
			bytes += o.bytes
		default:
			return operations
		}
	}
	return operations
}

// commit makes operations one transaction, and tells those who wait.
func (s *Store) commit(operations []*operation) {
	err := s.failed()
	if err == nil {
		err = s.transact(operations)
	}
	for _, o := range operations {
		if err != nil {
			o.err = err
		}
		if o.err == nil {
			for _, destination := range o.destinations {
				s.wake(destination)
			}
		}
		o.done <- o.err
	}
}

func (s *Store) transact(operations []*operation) (err error) {
	defer func() {
		// bbolt panics where it finds its file damaged.
		if r := recover(); r != nil {
			err = s.fail(fmt.Errorf("writing the store: %v", r))
		}
	}()
	tx, err := s.db.Begin(true)
	if err != nil {
		return s.fail(err)
	}
	defer func() { _ = tx.Rollback() }() // fails after a commit, which is well
	b := &batch{tx: tx}
	changed := false
	for _, o := range operations {
		o.err = o.change(b)
		changed = changed || o.err == nil
	}
	if !changed {
		return nil
	}
	if err := b.flush(); err != nil {
		return s.fail(err)
	}
	start := time.Now()
	if err := tx.Commit(); err != nil {
		return s.fail(err)
	}
	if s.observer.Synced != nil {
		s.observer.Synced(time.Since(start), len(operations))
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

// fail decides what an error of a transaction means. A disk that was full when
// pages were written may have room again. After anything else, such as data
// that could not be forced to disk, nobody knows what is on disk: the kernel
// reports that once and forgets the data. Nothing is written then until the
// store is opened anew, from what the disk really has.
func (s *Store) fail(err error) error {
	if write, ok := errors.AsType[*fs.PathError](err); ok && write.Op == "write" && isFull(err) {
		return fmt.Errorf("%w: %w", deliver.ErrFull, err)
	}
	err = fmt.Errorf("the store takes nothing until it is restarted: %w", err)
	s.failure.CompareAndSwap(nil, &err)
	return *s.failure.Load()
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
