// Package bolt is a store of package replay that survives restarts: what is
// remembered is in memory, and written down in a file when a delivery has ended.
// A claim is not: if the process ends before the app has answered, nobody knows
// what became of the delivery, and a copy is let through.
package bolt

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
)

// The buckets.
var (
	recordBucket = []byte("records") // key: record
	expiryBucket = []byte("expiry")  // expiry, key: nothing
)

// maxForgotten is how many expired records a write takes away, at most: more
// than it adds.
const maxForgotten = 16

// Store is a replay.Store in memory and in a file.
type Store struct {
	*memory.Store

	db  *bolt.DB
	now func() time.Time

	mu        sync.Mutex
	gathering *batch // what the next transaction writes down; nil if nobody waits for it

	writing sync.Mutex // held while a transaction is made
	failure error      // why nothing is written down any more
}

// Open opens the file at path, and makes it if there is none, readable by its
// owner only. What is in it is remembered in memory, which is new. A file that
// another process has open is refused.
func Open(path string, remembered *memory.Store, now func() time.Time) (*Store, error) {
	s := &Store{Store: remembered, now: now}
	db, err := boltfile.Open(path, bolt.Options{}, s.load)
	if err != nil {
		return nil, err
	}
	s.db = db
	return s, nil
}

// load remembers what is in the file, those first that are remembered longest:
// there may be room for fewer now.
func (s *Store) load(tx *bolt.Tx) error {
	records, err := tx.CreateBucketIfNotExists(recordBucket)
	if err != nil {
		return err
	}
	expiry, err := tx.CreateBucketIfNotExists(expiryBucket)
	if err != nil {
		return err
	}
	cursor := expiry.Cursor()
	for at, _ := cursor.Last(); at != nil; at, _ = cursor.Prev() {
		var key replay.Key
		copy(key[:], at[8:])
		var record replay.Record
		if err := json.Unmarshal(records.Get(key[:]), &record); err != nil {
			return fmt.Errorf("a record cannot be read: %w", err)
		}
		s.Restore(key, record)
	}
	return nil
}

// Done implements replay.Store.
func (s *Store) Done(ctx context.Context, claim replay.Claim, status int) error {
	return errors.Join(s.Store.Done(ctx, claim, status), s.write(claim.Key))
}

// Release implements replay.Store.
func (s *Store) Release(ctx context.Context, claim replay.Claim) error {
	err := s.Store.Release(ctx, claim)
	if !claim.Bound {
		return err // nothing is known of it again
	}
	return errors.Join(err, s.write(claim.Key))
}

// batch is what one transaction writes down.
type batch struct {
	keys []replay.Key
	done chan struct{} // closed when it is on disk, or has failed
	err  error
}

// write writes down what is known of a key, and returns when that is on disk.
// Whoever comes while others write is in the next batch, which the first of its
// members writes.
func (s *Store) write(key replay.Key) error {
	s.mu.Lock()
	b, first := s.gathering, s.gathering == nil
	if first {
		b = &batch{done: make(chan struct{})}
		s.gathering = b
	}
	b.keys = append(b.keys, key)
	s.mu.Unlock()
	if !first {
		<-b.done
		return b.err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	s.gathering = nil
	s.mu.Unlock()
	b.err = s.commit(b.keys)
	close(b.done)
	return b.err
}

// commit writes down what is known of keys by now: a later change of one may
// have been written earlier.
func (s *Store) commit(keys []replay.Key) error {
	if s.failure != nil {
		return s.failure
	}
	err := boltfile.Update(s.db, func(tx *bolt.Tx) error {
		for i := range keys {
			if err := s.put(tx, &keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !boltfile.IsFull(err) {
		// Deliveries are remembered in memory only from now on.
		err = fmt.Errorf("nothing is written down until the store is restarted: %w", err)
		s.failure = err
	}
	return err
}

func (s *Store) put(tx *bolt.Tx, key *replay.Key) error {
	record := s.Record(*key)
	if record.Phase == replay.Claimed {
		return nil
	}
	if err := forget(tx, key[:]); err != nil {
		return err
	}
	if err := forgetExpired(tx, s.now()); err != nil || record.Phase == replay.Absent {
		return err
	}
	encoded, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := tx.Bucket(expiryBucket).Put(expiryKey(record.Expires, key[:]), nil); err != nil {
		return err
	}
	return tx.Bucket(recordBucket).Put(key[:], encoded)
}

func expiryKey(at time.Time, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(at.UnixNano(), 0))), key...)
}

// forget takes a key out of the file.
func forget(tx *bolt.Tx, key []byte) error {
	records := tx.Bucket(recordBucket)
	encoded := records.Get(key)
	if encoded == nil {
		return nil
	}
	var record replay.Record
	if err := json.Unmarshal(encoded, &record); err != nil {
		return err
	}
	return errors.Join(tx.Bucket(expiryBucket).Delete(expiryKey(record.Expires, key)), records.Delete(key))
}

// forgetExpired takes out some of what has expired.
func forgetExpired(tx *bolt.Tx, now time.Time) error {
	var expired [][]byte
	cursor := tx.Bucket(expiryBucket).Cursor()
	for at, _ := cursor.First(); at != nil && len(expired) < maxForgotten; at, _ = cursor.Next() {
		if binary.BigEndian.Uint64(at) > uint64(max(now.UnixNano(), 0)) {
			break
		}
		expired = append(expired, at[8:])
	}
	for _, key := range expired {
		if err := forget(tx, append([]byte(nil), key...)); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file. One that is damaged stays open: bbolt may hold its lock
// for ever.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if errors.Is(s.failure, boltfile.ErrDamaged) {
		return s.failure
	}
	return s.db.Close()
}

var _ replay.Store = (*Store)(nil)
