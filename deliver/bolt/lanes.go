package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"

	bolt "go.etcd.io/bbolt"
)

// What waits in a lane is in lanesBucket in the order of its sequences, that is of
// its acknowledgements. The earliest of a lane, and nothing else of it, is in
// dueBucket too, so a claim finds at once what may be attempted, however long
// lanes are. That is decided by what is on disk alone, in the transaction that
// changes a lane.
//
// One at a time is decided in memory: Store.lanes counts who holds a lane. A lease
// holds the lane of its delivery, and so does a first attempt that has entered it.
// A claim passes over what is due in a lane that is held: that can be the earliest
// itself, which is leased, or an older one that was requeued since. A lane in which
// nothing waits is nowhere.

// laneID names a lane of a destination: a hash, since keys come out of payloads.
type laneID [16]byte

var noLane laneID

func laneOf(key string) (id laneID) {
	if key != "" {
		sum := sha256.Sum256([]byte(key))
		copy(id[:], sum[:])
	}
	return id
}

// held names a lane in memory. Destinations that only first attempts know have no
// number yet.
type held struct {
	destination string
	lane        laneID
}

func (id laneID) prefix(destination uint32) []byte {
	return append(destinationKey(destination), id[:]...)
}

func (id laneID) key(at slot) []byte {
	return append(id.prefix(at.destination), sequenceKey(at.sequence)...)
}

// frontOf returns the earliest that waits in a lane, if there is one.
func frontOf(tx *bolt.Tx, destination uint32, lane laneID) (at slot, waits bool) {
	prefix := lane.prefix(destination)
	key, _ := tx.Bucket(lanesBucket).Cursor().Seek(prefix)
	if !bytes.HasPrefix(key, prefix) || len(key) != len(prefix)+8 {
		return at, false
	}
	return slot{destination, sequenceOf(key[len(prefix):])}, true
}

// offer lets a waiting delivery be claimed when it is due, or when its turn comes.
func (b *batch) offer(at slot, j *job) {
	if j.lane == noLane {
		b.put(dueBucket, at.dueKey(j.due), nil)
		return
	}
	front, waits := frontOf(b.tx, at.destination, j.lane)
	if !waits || at.compare(front) < 0 { // before the others, if it was a dead letter
		if waits {
			if other, err := b.job(waitingBucket, front); err == nil {
				b.delete(dueBucket, front.dueKey(other.due))
			}
		}
		b.put(dueBucket, at.dueKey(j.due), nil)
	}
	b.put(lanesBucket, j.lane.key(at), nil)
}

// withdraw is the inverse of offer. If the delivery was the first of its lane, the
// next one is offered.
func (b *batch) withdraw(at slot, j *job) {
	b.delete(dueBucket, at.dueKey(j.due))
	if j.lane == noLane {
		return
	}
	b.delete(lanesBucket, j.lane.key(at))
	if front, waits := frontOf(b.tx, at.destination, j.lane); waits {
		if next, err := b.job(waitingBucket, front); err == nil {
			b.put(dueBucket, front.dueKey(next.due), nil)
		}
	}
}

// change changes the state of a waiting delivery, which keeps its place.
func (b *batch) change(at slot, change func(*job)) error {
	j, err := b.job(waitingBucket, at)
	if err != nil {
		return err
	}
	before := at.dueKey(j.due)
	change(j)
	b.put(waitingBucket, at.key(), j.encode())
	if j.lane != noLane {
		if front, _ := frontOf(b.tx, at.destination, j.lane); front != at {
			return b.err
		}
	}
	b.delete(dueBucket, before)
	b.put(dueBucket, at.dueKey(j.due), nil)
	return b.err
}

// Enter implements deliver.Controls.
func (s *Store) Enter(_ context.Context, destination, key string) (leave func(), err error) {
	lane := held{destination, laneOf(key)}
	if err := s.failed(); err != nil {
		return nil, err
	}
	// As in lease: nobody else takes the lane while the file is read.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lanes[lane] > 0 {
		return nil, nil
	}
	waits := false
	err = s.view(func(tx *bolt.Tx) error {
		stored := tx.Bucket(destinations).Get([]byte(destination))
		if stored == nil {
			return nil
		}
		q, err := decodeQueue(stored)
		if err == nil {
			_, waits = frontOf(tx, q.number, lane.lane)
		}
		return err
	})
	if waits || err != nil {
		return nil, err
	}
	s.lanes[lane]++
	return func() {
		s.mu.Lock()
		s.letGo(lane)
		s.mu.Unlock()
		s.wake(destination)
	}, nil
}

// letGo says that somebody does not hold a lane any more. The store is locked.
func (s *Store) letGo(lane held) {
	if lane.lane == noLane {
		return
	}
	if s.lanes[lane]--; s.lanes[lane] <= 0 {
		delete(s.lanes, lane)
	}
}
