package bolt

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// makeVersion1 makes a file as version 1 had it: a record for two destinations, at
// one of which it is dead, and one that waits alone.
func makeVersion1(t *testing.T, path string) (size int64) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	job := func(due time.Time, attempts, status uint32, reason string) []byte {
		encoded := binary.BigEndian.AppendUint64(nil, nanoseconds(time.Now()))
		encoded = binary.BigEndian.AppendUint64(encoded, nanoseconds(due))
		encoded = binary.BigEndian.AppendUint32(encoded, attempts)
		return append(binary.BigEndian.AppendUint32(encoded, status), reason...)
	}
	queue := func(number uint32, waiting, dead uint64) []byte {
		encoded := binary.BigEndian.AppendUint32(nil, number)
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(encoded, waiting), dead)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		put := func(bucket, key, value []byte) {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err == nil {
				err = b.Put(key, value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		put(metaBucket, versionKey, []byte{1})
		for sequence := range uint64(2) {
			encoded, err := (&deliver.Record{ID: string('a' + rune(sequence)), Body: make([]byte, 1000)}).Encode()
			if err != nil {
				t.Fatal(err)
			}
			size = int64(len(encoded))
			put(records, sequenceKey(sequence+1), encoded)
		}
		put(shared, sequenceKey(1), binary.BigEndian.AppendUint32(nil, 2))
		put(destinations, []byte("app"), queue(1, 2, 0))
		put(destinations, []byte("other"), queue(2, 0, 1))
		due := time.Now().Add(-time.Minute)
		for sequence := range uint64(2) {
			at := slot{1, sequence + 1}
			put(waitingBucket, at.key(), job(due, 3, 503, "503 Service Unavailable"))
			put(dueBucket, at.dueKey(due), nil)
		}
		put(deadBucket, slot{2, 1}.key(), job(time.Time{}, 7, 422, "422"))
		put(metaBucket, bytesKey, binary.BigEndian.AppendUint64(nil, uint64(2*size+3*overhead)))
		put(keysBucket, []byte("none"), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// What an earlier version has stored is delivered, and counted as it should be.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	size := makeVersion1(t, path)
	s, err := Open(path, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.sizes(t, 2*size+2*overhead, overhead)
	dead, err := s.List(t.Context(), deliver.Filter{State: deliver.Dead}, 10)
	if err != nil || len(dead) != 1 || dead[0].Attempts != 7 || dead[0].Status != 422 || dead[0].Reason != "422" {
		t.Errorf("dead are %+v, %v", dead, err)
	}
	claimed, err := s.Claim(t.Context(), "app", 10)
	if err != nil || len(claimed) != 2 || claimed[0].Attempts != 3 || claimed[0].Made != 3 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	for _, d := range claimed {
		if err := s.Done(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	s.sizes(t, 0, size+overhead)
	if n, err := s.Remove(t.Context(), deliver.Filter{}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	s.sizes(t, 0, 0)
}

// sizes checks how many bytes are reckoned to wait, and of dead letters.
func (s *Store) sizes(t *testing.T, waiting, dead int64) {
	t.Helper()
	err := s.view(func(tx *bolt.Tx) error {
		if live, buried := number(tx, bytesKey), number(tx, deadBytesKey); live != waiting || buried != dead {
			t.Errorf("%d bytes wait, and %d are dead; want %d and %d", live, buried, waiting, dead)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Dead letters have a share of their own. What is more than that takes of the other.
func TestDeadLettersHaveTheirOwnShare(t *testing.T) {
	const maxSize = 64 << 10
	s, err := Open(filepath.Join(t.TempDir(), "store.db"), maxSize, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refused := &deliver.Failure{Status: 422}
	append := func(target deliver.Target) error {
		return s.Append(t.Context(), &deliver.Record{ID: "1", Body: make([]byte, 4000)}, []deliver.Target{target})
	}
	fill := func(target deliver.Target) (n int) {
		for ; ; n++ {
			switch err := append(target); err {
			case nil:
			case deliver.ErrFull:
				return n
			default:
				t.Fatal(err)
			}
		}
	}
	for range 15 {
		if err := append(deliver.Target{Destination: "app", Dead: refused}); err != nil {
			t.Fatal(err)
		}
	}
	if n := fill(deliver.Target{Destination: "app"}); n != 15 {
		t.Errorf("%d fit beside as many dead letters; want 15", n)
	}
	if n, err := s.Remove(t.Context(), deliver.Filter{State: deliver.Waiting}); n != 15 || err != nil {
		t.Fatal(n, err)
	}
	if n := fill(deliver.Target{Destination: "app", Dead: refused}); n < 14 || n > 16 {
		t.Errorf("%d dead letters more fit; want about 15, in the share of what waits", n)
	}
	if err := append(deliver.Target{Destination: "app"}); err != deliver.ErrFull {
		t.Errorf("one more: %v", err)
	}
	if _, err := s.Remove(t.Context(), deliver.Filter{}); err != nil {
		t.Fatal(err)
	}
	s.sizes(t, 0, 0)
}
