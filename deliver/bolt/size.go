package bolt

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Dead letters have a share of their own, as large as that of what waits, so that
// they do not keep an app that is well from its webhooks. Only what is more than
// their share takes of the other's. A record counts among what waits as long as
// one of its deliveries waits, then among dead letters.

// fits reports whether there is room for a record with so many deliveries.
func (b *batch) fits(record int64, waiting, dead int, maxSize int64) bool {
	b.load()
	live, buried := b.live+int64(waiting)*overhead, b.dead+int64(dead)*overhead
	if waiting > 0 {
		live += record
	} else {
		buried += record
	}
	return live+max(buried-maxSize, 0) <= maxSize
}

// count changes how many deliveries of a record wait and are dead, and deletes it
// if there are none any more.
func (b *batch) count(sequence uint64, waiting, dead int) {
	b.load()
	key := sequenceKey(sequence)
	// Where nothing is said there is a single one, or none yet.
	waited, died := max(-waiting, 0), max(-dead, 0)
	if counted := b.tx.Bucket(shared).Get(key); len(counted) == 8 {
		waited, died = int(binary.BigEndian.Uint32(counted)), int(binary.BigEndian.Uint32(counted[4:]))
	}
	size := int64(len(b.tx.Bucket(records).Get(key)))
	b.charge(size, waited, died, -1)
	waited, died = waited+waiting, died+dead
	b.charge(size, waited, died, +1)
	if waited+died == 0 {
		b.delete(records, key)
	}
	if waited+died < 2 {
		b.delete(shared, key)
	} else {
		b.put(shared, key, counts(waited, died))
	}
}

func counts(waiting, dead int) []byte {
	encoded := binary.BigEndian.AppendUint32(nil, uint32(waiting)) //nolint:gosec // few
	return binary.BigEndian.AppendUint32(encoded, uint32(dead))    //nolint:gosec // few
}

// charge adds what a record and its deliveries need, or takes it away.
func (b *batch) charge(record int64, waiting, dead int, sign int64) {
	b.live += sign * int64(waiting) * overhead
	b.dead += sign * int64(dead) * overhead
	switch {
	case waiting > 0:
		b.live += sign * record
	case dead > 0:
		b.dead += sign * record
	}
}

// load reads how many bytes are kept.
func (b *batch) load() {
	if !b.loaded {
		b.loaded = true
		b.live, b.dead = number(b.tx, bytesKey), number(b.tx, deadBytesKey)
	}
}

// number reads one of those that are kept in metaBucket.
func number(tx *bolt.Tx, key []byte) int64 {
	if encoded := tx.Bucket(metaBucket).Get(key); len(encoded) == 8 {
		return int64(binary.BigEndian.Uint64(encoded)) //nolint:gosec // as written by putNumber
	}
	return 0
}

func (b *batch) putNumber(key []byte, n int64) {
	b.put(metaBucket, key, binary.BigEndian.AppendUint64(nil, uint64(max(n, 0))))
}

// upgrade counts in a file of version 1 what that did not tell apart: how many
// deliveries of a record wait and are dead, and the bytes of both.
func upgrade(tx *bolt.Tx) error {
	deliveries := make(map[uint64][2]int) // that wait and are dead, by record
	for i, state := range []deliver.State{deliver.Waiting, deliver.Dead} {
		err := tx.Bucket(bucketOf(state)).ForEach(func(key, _ []byte) error {
			n := deliveries[sequenceOf(key[4:])]
			n[i]++
			deliveries[sequenceOf(key[4:])] = n
			return nil
		})
		if err != nil {
			return err
		}
	}
	b := &batch{tx: tx, loaded: true}
	for sequence, n := range deliveries {
		key := sequenceKey(sequence)
		b.charge(int64(len(tx.Bucket(records).Get(key))), n[0], n[1], +1)
		if n[0]+n[1] > 1 {
			b.put(shared, key, counts(n[0], n[1]))
		}
	}
	return b.flush()
}
