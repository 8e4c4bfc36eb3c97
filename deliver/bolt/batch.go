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
	live   int64             // bytes of what waits
	dead   int64             // bytes of dead letters
	loaded bool              // live and dead are known
	err    error             // of bbolt: the transaction cannot be committed
}

// append stores a record, and leases what is still being attempted. Targets at
// which it is waiting already are left out.
func (b *batch) append(
	key string, encoded []byte, targets []deliver.Target, now time.Time, maxSize int64, lease func(*deliver.Target, slot),
) error {
	var wanted []deliver.Target
	waiting, dead := 0, 0
	for i := range targets {
		if at, waits := b.waits(targets[i].Destination, key); waits {
			lease(&targets[i], at)
			continue
		}
		if wanted = append(wanted, targets[i]); targets[i].Dead != nil {
			dead++
		} else {
			waiting++
		}
	}
	if len(wanted) == 0 {
		return b.err
	}
	if !b.fits(int64(len(encoded)), waiting, dead, maxSize) {
		return deliver.ErrFull
	}
	sequence, err := b.tx.Bucket(records).NextSequence()
	b.note(err)
	b.put(records, sequenceKey(sequence), encoded)
	b.count(sequence, waiting, dead)
	for i := range wanted {
		target := &wanted[i]
		q := b.queue(target.Destination)
		if b.err != nil {
			return b.err
		}
		at := slot{q.number, sequence}
		j := job{
			stored: now, set: now, due: target.Due, attempts: target.Attempts, made: target.Attempts,
			failure: target.Failure, lane: laneOf(target.Lane),
		}
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
	b.offer(at, j)
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

// tried is what has come of an attempt that failed.
type tried struct {
	attempts, made int // with this one
	failure        deliver.Failure
}

// reschedule changes when a waiting delivery is due.
func (b *batch) reschedule(at slot, now, due time.Time, t tried) error {
	return b.change(at, func(j *job) {
		j.set, j.due, j.attempts, j.made, j.failure = now, due, t.attempts, t.made, t.failure
	})
}

// bury makes a waiting delivery a dead letter.
func (b *batch) bury(at slot, t tried) error {
	j, err := b.job(waitingBucket, at)
	if err != nil {
		return err
	}
	q := b.unwait(at, j)
	j.due, j.attempts, j.made, j.failure = time.Time{}, t.attempts, t.made, t.failure
	q.dead++
	b.put(deadBucket, at.key(), j.encode())
	b.count(at.sequence, -1, 1)
	return b.err
}

// requeue makes a dead letter wait again, with a schedule from its start.
func (b *batch) requeue(at slot, now time.Time) error {
	j, err := b.job(deadBucket, at)
	if err != nil {
		return err
	}
	q := b.queue(b.name(at.destination))
	q.dead--
	b.delete(deadBucket, at.key())
	b.wait(at, q, &job{stored: j.stored, set: now, due: now, made: j.made, lane: j.lane}, b.key(at.sequence))
	b.count(at.sequence, 1, -1)
	return b.err
}

// remove deletes a delivery that is in a state, and its record if it was the
// last.
func (b *batch) remove(at slot, state deliver.State) error {
	j, err := b.job(bucketOf(state), at)
	if err != nil {
		return err
	}
	if state == deliver.Dead {
		b.queue(b.name(at.destination)).dead--
		b.delete(deadBucket, at.key())
		b.count(at.sequence, 0, -1)
	} else {
		b.unwait(at, j)
		b.count(at.sequence, -1, 0)
	}
	return b.err
}

func bucketOf(state deliver.State) []byte {
	if state == deliver.Dead {
		return deadBucket
	}
	return waitingBucket
}

// unwait takes a delivery from those that wait, and returns its queue.
func (b *batch) unwait(at slot, j *job) *queue {
	q := b.queue(b.name(at.destination))
	q.waiting--
	b.delete(waitingBucket, at.key())
	b.withdraw(at, j)
	if key := b.key(at.sequence); key != "" {
		b.delete(keysBucket, at.keyKey(key))
	}
	return q
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
		b.putNumber(bytesKey, b.live)
		b.putNumber(deadBytesKey, b.dead)
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
