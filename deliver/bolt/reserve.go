package bolt

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// A page is never changed in place: taking something out of the file needs a few
// free pages, too. When a disk is full there may be none, and then what would
// make room could not be written. So some pages are held back, which only
// changes that store nothing may use.
var reserveBucket = []byte("reserve") // number: nothing of interest

// The reserve is in small pieces: many pages in a row may not be free when it
// is made anew.
const (
	reservePieces = 512
	reservePiece  = 1500 // bytes, of which two fit in a page
)

// isReserved reports whether pages are held back.
func isReserved(tx *bolt.Tx) bool { return tx.Bucket(reserveBucket) != nil }

// reserve holds pages back, if none are.
func (b *batch) reserve() {
	if isReserved(b.tx) {
		return
	}
	bucket, err := b.tx.CreateBucket(reserveBucket)
	if err != nil {
		b.note(err)
		return
	}
	bucket.FillPercent = 1
	for i := range reservePieces {
		b.note(bucket.Put(binary.BigEndian.AppendUint16(nil, uint16(i)), make([]byte, reservePiece)))
	}
}

// useReserve frees the pages that are held back, which takes fewer of them than
// the transaction before has left.
func (s *Store) useReserve() error {
	return s.write(func(tx *bolt.Tx) (bool, error) {
		if !isReserved(tx) {
			return false, nil
		}
		return true, tx.DeleteBucket(reserveBucket)
	})
}

// commitWhenFull makes those of the operations that store nothing once more,
// after the disk was full for all of them. The others are not made.
func (s *Store) commitWhenFull(operations []*operation, full error) {
	var settling []*operation
	for _, o := range operations {
		if o.bytes > 0 {
			o.err = full
		} else {
			settling = append(settling, o)
		}
	}
	if len(settling) == 0 {
		return
	}
	if err := s.useReserve(); err != nil {
		for _, o := range settling {
			o.err = err
		}
		return
	}
	_ = s.transact(settling) // an error is noted at each
}
