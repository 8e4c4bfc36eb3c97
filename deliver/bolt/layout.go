package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// The buckets. A sequence number names a record, in the order of arrival; a
// destination has a number, too, given once and never again. All numbers are
// big-endian, so that bbolt keeps them in their order.
var (
	metaBucket    = []byte("meta")         // "version", "bytes"
	records       = []byte("records")      // sequence: the record, encoded
	shared        = []byte("shared")       // sequence: how many deliveries a record has, if more than one
	destinations  = []byte("destinations") // name: number, deliveries waiting, dead letters
	waitingBucket = []byte("waiting")      // destination, sequence: job
	dueBucket     = []byte("due")          // destination, due time, sequence: nothing
	deadBucket    = []byte("dead")         // destination, sequence: job
	keysBucket    = []byte("keys")         // destination, key: sequence of one that waits
)

var (
	versionKey = []byte("version")
	bytesKey   = []byte("bytes")
)

// formatVersion is that of the file. A file of another one is refused.
const formatVersion = 1

// overhead is what a delivery is reckoned to need beside its record.
const overhead = 256

// prepare makes the buckets of a new file and looks at the version of an old one.
func prepare(tx *bolt.Tx) error {
	for _, name := range [][]byte{metaBucket, records, shared, destinations, waitingBucket, dueBucket, deadBucket, keysBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	switch version := meta.Get(versionKey); {
	case version == nil:
		return meta.Put(versionKey, []byte{formatVersion})
	case len(version) != 1 || version[0] != formatVersion:
		return fmt.Errorf("the file has format %x; this version reads format %d", version, formatVersion)
	}
	return nil
}

// errDamaged says that the file's own structure is wrong.
var errDamaged = errors.New("the store's file is damaged")

// job is the state of a delivery.
type job struct {
	stored   time.Time
	due      time.Time // of one that waits
	attempts int       // that have failed
	failure  deliver.Failure
}

// jobSize is the length of an encoded job without its reason.
const jobSize = 8 + 8 + 4 + 4

// maxReason is how much of a failure's reason is kept.
const maxReason = 200

func (j *job) encode() []byte {
	encoded := make([]byte, 0, jobSize+len(j.failure.Reason))
	encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(j.stored))
	encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(j.due))
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(j.attempts))       //nolint:gosec // attempts are few
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(j.failure.Status)) //nolint:gosec // three digits
	return append(encoded, j.failure.Reason[:min(len(j.failure.Reason), maxReason)]...)
}

func decodeJob(encoded []byte) (*job, error) {
	if len(encoded) < jobSize {
		return nil, errDamaged
	}
	return &job{
		stored:   fromNanoseconds(binary.BigEndian.Uint64(encoded)),
		due:      fromNanoseconds(binary.BigEndian.Uint64(encoded[8:])),
		attempts: int(binary.BigEndian.Uint32(encoded[16:])),
		failure: deliver.Failure{
			Status: int(binary.BigEndian.Uint32(encoded[20:])),
			Reason: string(encoded[jobSize:]),
		},
	}, nil
}

// nanoseconds is a time as it is stored. Those before 1970 do not occur.
func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func fromNanoseconds(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() } //nolint:gosec // see nanoseconds

func sequenceKey(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

func (s slot) key() []byte {
	return binary.BigEndian.AppendUint64(destinationKey(s.destination), s.sequence)
}

func (s slot) dueKey(due time.Time) []byte {
	key := binary.BigEndian.AppendUint64(destinationKey(s.destination), nanoseconds(due))
	return binary.BigEndian.AppendUint64(key, s.sequence)
}

func destinationKey(number uint32) []byte {
	return binary.BigEndian.AppendUint32(make([]byte, 0, 24), number)
}

func (s slot) keyKey(key string) []byte { return append(destinationKey(s.destination), key...) }

// slotOf is the inverse of slot.key.
func slotOf(key []byte) slot {
	return slot{binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[4:])}
}

// queue is what is kept of a destination as a whole.
type queue struct {
	number        uint32
	waiting, dead uint64
}

func (q *queue) encode() []byte {
	encoded := binary.BigEndian.AppendUint32(nil, q.number)
	encoded = binary.BigEndian.AppendUint64(encoded, q.waiting)
	return binary.BigEndian.AppendUint64(encoded, q.dead)
}

func decodeQueue(encoded []byte) (*queue, error) {
	if len(encoded) != 20 {
		return nil, errDamaged
	}
	return &queue{
		number:  binary.BigEndian.Uint32(encoded),
		waiting: binary.BigEndian.Uint64(encoded[4:]),
		dead:    binary.BigEndian.Uint64(encoded[12:]),
	}, nil
}
