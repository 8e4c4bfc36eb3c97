package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// Claim implements deliver.Store.
func (s *Store) Claim(ctx context.Context, destination string, limit int) ([]*deliver.Delivery, error) {
	for {
		changed := s.await(destination)
		if err := s.correct(ctx); err != nil {
			return nil, err
		}
		found, next, err := s.lease(destination, limit)
		if err != nil {
			return nil, err
		}
		if deliveries := s.intact(ctx, destination, found); len(deliveries) > 0 {
			return deliveries, nil
		}
		if len(found) > 0 {
			continue // all were damaged; there may be more
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(min(next.Sub(s.now()), s.lookAgain))
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.closing:
			return nil, deliver.ErrClosed
		}
	}
}

// await returns a channel that is closed when more may be due.
func (s *Store) await(destination string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, ok := s.changed[destination]
	if !ok {
		waiting = make(chan struct{})
		s.changed[destination] = waiting
	}
	return waiting
}

// leased is what lease has found: a copy of a record that may be damaged.
type leased struct {
	lease   *lease
	job     *job
	encoded []byte
}

// lease leases what is due at a destination. If nothing is, next is when
// something will be.
func (s *Store) lease(destination string, limit int) (found []leased, next time.Time, err error) {
	if err := s.failed(); err != nil {
		return nil, next, err
	}
	// The lock is held while reading, so that nobody else leases the same, and
	// what was settled meanwhile is not there any more.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused[destination] {
		return nil, next, nil
	}
	err = s.view(func(tx *bolt.Tx) error {
		stored := tx.Bucket(destinations).Get([]byte(destination))
		if stored == nil {
			return nil
		}
		q, err := decodeQueue(stored)
		if err != nil {
			return err
		}
		now := nanoseconds(s.now())
		prefix := destinationKey(q.number)
		cursor := tx.Bucket(dueBucket).Cursor()
		for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix) && len(found) < limit; key, _ = cursor.Next() {
			due := binary.BigEndian.Uint64(key[4:])
			at := slot{q.number, binary.BigEndian.Uint64(key[12:])}
			if s.leases[at] != nil {
				continue
			}
			if due > now {
				next = fromNanoseconds(due)
				break
			}
			l, err := s.take(tx, destination, at)
			if err != nil {
				return err
			}
			if l.lease != nil {
				found = append(found, l)
			}
		}
		return nil
	})
	if err != nil {
		for _, l := range found {
			delete(s.leases, l.lease.slot)
			s.letGo(l.lease.lane)
		}
		return nil, next, err
	}
	return found, next, nil
}

// take leases one delivery, unless its lane is held. The store is locked.
func (s *Store) take(tx *bolt.Tx, destination string, at slot) (leased, error) {
	j, err := decodeJob(tx.Bucket(waitingBucket).Get(at.key()))
	if err != nil {
		return leased{}, err
	}
	l := &lease{at, held{destination, j.lane}}
	if j.lane != noLane && s.lanes[l.lane] > 0 {
		return leased{}, nil
	}
	s.hold(l)
	return leased{l, j, bytes.Clone(tx.Bucket(records).Get(sequenceKey(at.sequence)))}, nil
}

// intact returns deliveries of those records whose checksum is right. The
// others become dead letters.
func (s *Store) intact(ctx context.Context, destination string, found []leased) []*deliver.Delivery {
	var deliveries []*deliver.Delivery
	for _, l := range found {
		d := &deliver.Delivery{
			Destination: destination,
			Attempts:    l.job.attempts,
			Made:        l.job.made,
			Stored:      l.job.stored,
			Due:         l.job.due,
			Lease:       l.lease,
		}
		var err error
		if d.Record, err = deliver.DecodeRecord(l.encoded); err == nil {
			deliveries = append(deliveries, d)
			continue
		}
		if s.observer.Corrupt != nil {
			s.observer.Corrupt(destination)
		}
		err = s.settle(context.WithoutCancel(ctx), d, func(b *batch, at slot) error {
			return b.bury(at, tried{d.Attempts, d.Made, deliver.Failure{Reason: deliver.ReasonCorrupt}})
		})
		_ = err // the lease stays, so that it is not looked at again before a restart
	}
	return deliveries
}

// view reads in a transaction.
func (s *Store) view(read func(*bolt.Tx) error) (err error) {
	defer boltfile.Recover(&err)
	select {
	case <-s.closing:
		return deliver.ErrClosed
	default:
	}
	s.swap.RLock()
	defer s.swap.RUnlock()
	return s.db.View(read)
}
