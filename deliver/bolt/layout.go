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
	metaBucket    = []byte("meta")         // see the keys below
	records       = []byte("records")      // sequence: the record, encoded
	shared        = []byte("shared")       // sequence: its deliveries that wait and that are dead, if there are several
	destinations  = []byte("destinations") // name: queue
	waitingBucket = []byte("waiting")      // destination, sequence: job
	dueBucket     = []byte("due")          // destination, due time, sequence: nothing; of a lane the first only
	lanesBucket   = []byte("lanes")        // destination, lane, sequence of one that waits: nothing
	deadBucket    = []byte("dead")         // destination, sequence: job
	keysBucket    = []byte("keys")         // destination, key: sequence of one that waits
)

var (
	versionKey   = []byte("version")
	bytesKey     = []byte("bytes") // of what waits
	deadBytesKey = []byte("dead")  // of dead letters
	seenKey      = []byte("seen")  // the latest time that was seen
)

// formatVersion is that of the file. One of version 1 is made anew, any other is
// refused.
const formatVersion = 2

// overhead is what a delivery is reckoned to need beside its record.
const overhead = 256

// prepare makes the buckets of a new file and looks at the version of an old one.
func prepare(tx *bolt.Tx) error {
	for _, name := range [][]byte{
		metaBucket, records, shared, destinations, waitingBucket, dueBucket, lanesBucket, deadBucket, keysBucket,
	} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	switch version := meta.Get(versionKey); {
	case len(version) == 1 && version[0] == formatVersion:
		return nil
	case len(version) == 1 && version[0] == 1:
		if err := upgrade(tx); err != nil {
			return err
		}
	case version != nil:
		return fmt.Errorf("the file has format %x; this version reads format %d", version, formatVersion)
	}
	return meta.Put(versionKey, []byte{formatVersion})
}

// errDamaged says that the file's own structure is wrong.
var errDamaged = errors.New("the store's file is damaged")

// job is the state of a delivery.
type job struct {
	stored   time.Time
	due      time.Time // of one that waits
	set      time.Time // when due was decided
	attempts int       // that have failed, of its schedule
	made     int       // all attempts
	failure  deliver.Failure
	lane     laneID
}

// A job on disk: stored, due, attempts, a byte that says what follows, status, then
// made and set, the lane, and the reason. Version 1 had no byte above the status,
// which has three digits, so that it was 0: there is only the reason.
const (
	jobSize = 8 + 8 + 4 + 4

	hasTimes = 1 << 0 // made and set follow
	hasLane  = 1 << 1
)

// maxReason is how much of a failure's reason is kept.
const maxReason = 200

func (j *job) encode() []byte {
	flags := hasTimes
	if j.lane != noLane {
		flags |= hasLane
	}
	encoded := make([]byte, 0, jobSize+12+len(j.lane)+len(j.failure.Reason))
	encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(j.stored))
	encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(j.due))
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(j.attempts))                        //nolint:gosec // attempts are few
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(flags<<24|j.failure.Status&0xffff)) //nolint:gosec // three digits
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(j.made))                            //nolint:gosec // attempts are few
	encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(j.set))
	if j.lane != noLane {
		encoded = append(encoded, j.lane[:]...)
	}
	return append(encoded, j.failure.Reason[:min(len(j.failure.Reason), maxReason)]...)
}

func decodeJob(encoded []byte) (*job, error) {
	if len(encoded) < jobSize {
		return nil, errDamaged
	}
	status := binary.BigEndian.Uint32(encoded[20:])
	j := &job{
		stored:   fromNanoseconds(binary.BigEndian.Uint64(encoded)),
		due:      fromNanoseconds(binary.BigEndian.Uint64(encoded[8:])),
		attempts: int(binary.BigEndian.Uint32(encoded[16:])),
		failure:  deliver.Failure{Status: int(status & 0xffff)},
	}
	j.made, j.set = j.attempts, j.stored
	rest := encoded[jobSize:]
	if status>>24&hasTimes != 0 {
		if len(rest) < 12 {
			return nil, errDamaged
		}
		j.made, j.set, rest = int(binary.BigEndian.Uint32(rest)), fromNanoseconds(binary.BigEndian.Uint64(rest[4:])), rest[12:]
	}
	if status>>24&hasLane != 0 {
		if len(rest) < len(j.lane) {
			return nil, errDamaged
		}
		rest = rest[copy(j.lane[:], rest):]
	}
	j.failure.Reason = string(rest)
	return j, nil
}

// nanoseconds is a time as it is stored. Those before 1970 do not occur.
func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func fromNanoseconds(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() } //nolint:gosec // see nanoseconds

func sequenceKey(sequence uint64) []byte { return binary.BigEndian.AppendUint64(nil, sequence) }

func sequenceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

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
	paused        bool
}

func (q *queue) encode() []byte {
	encoded := binary.BigEndian.AppendUint32(nil, q.number)
	encoded = binary.BigEndian.AppendUint64(encoded, q.waiting)
	encoded = binary.BigEndian.AppendUint64(encoded, q.dead)
	if q.paused {
		return append(encoded, 1)
	}
	return append(encoded, 0)
}

func decodeQueue(encoded []byte) (*queue, error) {
	if len(encoded) != 20 && len(encoded) != 21 { // version 1 had nothing of pauses
		return nil, errDamaged
	}
	return &queue{
		number:  binary.BigEndian.Uint32(encoded),
		waiting: binary.BigEndian.Uint64(encoded[4:]),
		dead:    binary.BigEndian.Uint64(encoded[12:]),
		paused:  len(encoded) == 21 && encoded[20] != 0,
	}, nil
}
