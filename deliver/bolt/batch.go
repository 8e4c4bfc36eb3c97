package bolt

import (
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// batch is one transaction. Its methods change all they have to or nothing:
// the changes of others in the same transaction are kept if one fails. Errors
// of bbolt itself are the exception; they end the transaction.
type batch struct {
	tx     *bolt.Tx
	queues map[string]*queue // that were looked at; written by flush
	names  map[uint32]string // of all destinations
	bytes  int64             // that are kept
	loaded bool              // bytes is known
	err    error             // of bbolt: the transaction cannot be committed
}

// append stores a record, and leases what is still being attempted. Targets at
// which it is waiting already are left out.
func (b *batch) append(
	key string, encoded []byte, targets []deliver.Target, now time.Time, maxSize int64, lease func(*deliver.Target, slot),
) error {
	var wanted []deliver.Target
	for i := range targets {
		if at, waits := b.waits(targets[i].Destination, key); waits {
			lease(&targets[i], at)
		} else {
			wanted = append(wanted, targets[i])
		}
	}
	size := int64(len(encoded)) + int64(len(wanted))*overhead
	if len(wanted) == 0 {
		return b.err
	}
	if b.size()+size > maxSize {
		return deliver.ErrFull
	}
	sequence, err := b.tx.Bucket(records).NextSequence()
	b.note(err)
	b.put(records, sequenceKey(sequence), encoded)
	b.share(sequence, len(wanted))
	b.bytes += size
	for i := range wanted {
		target := &wanted[i]
		q := b.queue(target.Destination)
		if b.err != nil {
			return b.err
		}
		at := slot{q.number, sequence}
		j := job{stored: now, due: target.Due, attempts: target.Attempts, failure: target.Failure}
		if target.Dead != nil {
			j.failure = *target.Dead
			q.dead++
			b.put(deadBucket, at.key(), j.encode())
			continue
		}
		if j.due.IsZero() {
			j.due = now
		}
		b.wait(at, q, &j, key)
		lease(target, at)
	}
	return b.err
}

// wait puts a delivery among those that wait.
func (b *batch) wait(at slot, q *queue, j *job, key string) {
	q.waiting++
	b.put(waitingBucket, at.key(), j.encode())
	b.put(dueBucket, at.dueKey(j.due), nil)
	if key != "" {
		b.put(keysBucket, at.keyKey(key), sequenceKey(at.sequence))
	}
}

// waits returns where a record with a key waits at a destination, if it does.
func (b *batch) waits(destination, key string) (at slot, waits bool) {
	if key == "" {
		return at, false
	}
	q := b.queue(destination)
	if b.err != nil {
		return at, false
	}
	sequence := b.tx.Bucket(keysBucket).Get(slot{destination: q.number}.keyKey(key))
	if len(sequence) != 8 {
		return at, false
	}
	at = slot{q.number, binary.BigEndian.Uint64(sequence)}
	return at, b.tx.Bucket(waitingBucket).Get(at.key()) != nil
}

// reschedule changes when a waiting delivery is due.
func (b *batch) reschedule(at slot, attempts int, due time.Time, failure deliver.Failure) error {
	j, err := b.job(waitingBucket, at)
	if err != nil {
		return err
	}
	b.delete(dueBucket, at.dueKey(j.due))
	j.due, j.attempts, j.failure = due, attempts, failure
	b.put(waitingBucket, at.key(), j.encode())
	b.put(dueBucket, at.dueKey(due), nil)
	return b.err
}

// bury makes a waiting delivery a dead letter.
func (b *batch) bury(at slot, attempts int, failure deliver.Failure) error {
	j, err := b.job(waitingBucket, at)
	if err != nil {
		return err
	}
	q := b.unwait(at, j)
	j.due, j.attempts, j.failure = time.Time{}, attempts, failure
	q.dead++
	b.put(deadBucket, at.key(), j.encode())
	return b.err
}

// requeue makes a dead letter wait again, as if it had not been attempted.
func (b *batch) requeue(at slot, now time.Time) error {
	j, err := b.job(deadBucket, at)
	if err != nil {
		return err
	}
	q := b.queue(b.name(at.destination))
	q.dead--
	b.delete(deadBucket, at.key())
	b.wait(at, q, &job{stored: j.stored, due: now}, b.key(at.sequence))
	return b.err
}

// remove deletes a delivery that is in a state, and its record if it was the
// last.
func (b *batch) remove(at slot, state deliver.State) error {
	bucket := waitingBucket
	if state == deliver.Dead {
		bucket = deadBucket
	}
	j, err := b.job(bucket, at)
	if err != nil {
		return err
	}
	if state == deliver.Dead {
		b.queue(b.name(at.destination)).dead--
		b.delete(deadBucket, at.key())
	} else {
		b.unwait(at, j)
	}
	size := int64(overhead)
	sequence := sequenceKey(at.sequence)
	if left := b.tx.Bucket(shared).Get(sequence); len(left) == 4 {
		b.share(at.sequence, int(binary.BigEndian.Uint32(left))-1)
	} else {
		size += int64(len(b.tx.Bucket(records).Get(sequence)))
		b.delete(records, sequence)
	}
	b.bytes = b.size() - size
	return b.err
}

// unwait takes a delivery from those that wait, and returns its queue.
func (b *batch) unwait(at slot, j *job) *queue {
	q := b.queue(b.name(at.destination))
	q.waiting--
	b.delete(waitingBucket, at.key())
	b.delete(dueBucket, at.dueKey(j.due))
	if key := b.key(at.sequence); key != "" {
		b.delete(keysBucket, at.keyKey(key))
	}
	return q
}

// share notes how many deliveries a record has.
func (b *batch) share(sequence uint64, deliveries int) {
	if deliveries > 1 {
		b.put(shared, sequenceKey(sequence), binary.BigEndian.AppendUint32(nil, uint32(deliveries))) //nolint:gosec // few
	} else {
		b.delete(shared, sequenceKey(sequence))
	}
}

// job returns the state of a delivery, or deliver.ErrNotFound.
func (b *batch) job(bucket []byte, at slot) (*job, error) {
	encoded := b.tx.Bucket(bucket).Get(at.key())
	if encoded == nil {
		return nil, deliver.ErrNotFound
	}
	j, err := decodeJob(encoded)
	b.note(err)
	return j, err
}

// key returns what makes a record unique; empty if it is damaged, and then the
// entry that stays behind is found to be stale by waits.
func (b *batch) key(sequence uint64) string {
	r, _, err := deliver.DecodeHead(b.tx.Bucket(records).Get(sequenceKey(sequence)))
	if err != nil {
		return ""
	}
	return r.Key
}

// size returns how many bytes are kept.
func (b *batch) size() int64 {
	if !b.loaded {
		b.loaded = true
		if encoded := b.tx.Bucket(metaBucket).Get(bytesKey); len(encoded) == 8 {
			b.bytes = int64(binary.BigEndian.Uint64(encoded)) //nolint:gosec // as written by flush
		}
	}
	return b.bytes
}

// queue returns what is kept of a destination, which is new if it is unknown.
func (b *batch) queue(name string) *queue {
	if q, ok := b.queues[name]; ok {
		return q
	}
	if b.queues == nil {
		b.queues = make(map[string]*queue)
	}
	q := new(queue)
	bucket := b.tx.Bucket(destinations)
	if encoded := bucket.Get([]byte(name)); encoded != nil {
		stored, err := decodeQueue(encoded)
		b.note(err)
		if err == nil {
			q = stored
		}
	} else {
		number, err := bucket.NextSequence()
		b.note(err)
		q.number = uint32(number) //nolint:gosec // configurations have few names
		b.put(destinations, []byte(name), q.encode())
	}
	b.queues[name] = q
	b.names = nil
	return q
}

// name returns the name of a destination.
func (b *batch) name(number uint32) string {
	if b.names == nil {
		names, err := destinationNames(b.tx)
		b.note(err)
		b.names = names
	}
	return b.names[number]
}

// flush writes what has been counted, and returns the error that ends the
// transaction.
func (b *batch) flush() error {
	for name, q := range b.queues {
		b.put(destinations, []byte(name), q.encode())
	}
	if b.loaded {
		b.put(metaBucket, bytesKey, binary.BigEndian.AppendUint64(nil, uint64(max(b.bytes, 0))))
	}
	return b.err
}

func (b *batch) put(bucket, key, value []byte) { b.note(b.tx.Bucket(bucket).Put(key, value)) }

func (b *batch) delete(bucket, key []byte) { b.note(b.tx.Bucket(bucket).Delete(key)) }

// note keeps the first error of bbolt.
func (b *batch) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

// destinationNames returns the names of all destinations by their numbers.
func destinationNames(tx *bolt.Tx) (map[uint32]string, error) {
	names := make(map[uint32]string)
	err := tx.Bucket(destinations).ForEach(func(name, encoded []byte) error {
		q, err := decodeQueue(encoded)
		if err == nil {
			names[q.number] = string(name)
		}
		return err
	})
	return names, err
}
