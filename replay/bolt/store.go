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
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// The buckets.
var (
	recordBucket = []byte("records") // key: record
	expiryBucket = []byte("expiry")  // expiry, key: nothing
)

// lockTimeout is how long Open waits for another process to free the file.
const lockTimeout = time.Second

// maxForgotten is how many expired records a write takes away, at most: more
// than it adds.
const maxForgotten = 16

// Store is a replay.Store in memory and in a file.
type Store struct {
	*replay.Memory

	db      *bolt.DB
	now     func() time.Time
	failure atomic.Pointer[error] // why nothing is written down any more
}

// Open opens the file at path, and makes it if there is none, readable by its
// owner only. What is in it is remembered in memory, which is new. A file that
// another process has open is refused.
func Open(path string, memory *replay.Memory, now func() time.Time) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, NoStatistics: true})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is open in another process; give each its own file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.MaxBatchDelay = 0 // what comes while one batch is written is the next
	s := &Store{Memory: memory, db: db, now: now}
	if err := db.Update(s.load); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), db.Close())
	}
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
	return errors.Join(s.Memory.Done(ctx, claim, status), s.write(claim.Key))
}

// Release implements replay.Store.
func (s *Store) Release(ctx context.Context, claim replay.Claim) error {
	err := s.Memory.Release(ctx, claim)
	if !claim.Bound {
		return err // nothing is known of it again
	}
	return errors.Join(err, s.write(claim.Key))
}

// write writes down what is known of a key, and returns when that is on disk.
func (s *Store) write(key replay.Key) error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return s.fail(s.db.Batch(func(tx *bolt.Tx) error {
		// What is known by now: a later change may have been written earlier.
		record := s.Record(key)
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
	}))
}

// fail decides what an error of a transaction means. A disk that was full when
// pages were written may have room again. After anything else nobody knows what
// is on disk, and writing more could spoil it: until the file is opened anew,
// deliveries are remembered in memory only.
func (s *Store) fail(err error) error {
	write, ok := errors.AsType[*fs.PathError](err)
	if err == nil || ok && write.Op == "write" && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		return err
	}
	err = fmt.Errorf("nothing is written down until the store is restarted: %w", err)
	s.failure.CompareAndSwap(nil, &err)
	return *s.failure.Load()
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

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

var _ replay.Store = (*Store)(nil)
