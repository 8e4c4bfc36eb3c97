package segment

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// What is handed over comes out as it went in, in its order, in batches that are used
// again; and no more waits than may.
func TestQueue(t *testing.T) {
	q := queue{full: make(chan struct{}, 1)}
	body := bytes.Repeat([]byte("b"), 6_000)
	for round := range 3 {
		var want []byte
		count := 0
		for i, size := range []int{0, 1, 6_000, batchSize / 2, batchSize / 2, batchSize, 3 * batchSize, 6_000} {
			content := bytes.Repeat([]byte{byte('a' + i)}, size)
			q.add(recordKind, []byte("head"), content, body)
			want = appendFrame(want, recordKind, []byte("head"), content, body)
			count++
		}
		select {
		case <-q.full:
		default:
			t.Error("the writer was not told")
		}
		batches, lost := q.take()
		var got []byte
		for _, one := range batches {
			got = append(got, one.frames...)
			count -= one.count
			q.done(one)
		}
		if !bytes.Equal(got, want) || count != 0 || lost != 0 || q.size != 0 {
			t.Errorf("round %d: %d of %d bytes, %d frames too few, %d lost, %d bytes counted", round, len(got), len(want), count, lost, q.size)
		}
		if len(q.unused) == 0 || len(q.unused) > maxUnused {
			t.Errorf("round %d: %d batches are kept", round, len(q.unused))
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := queue{full: make(chan struct{}, 1)}
	const size = 1 << 20
	frame := make([]byte, size-prefixSize)
	for range maxQueue/size + 3 {
		q.add(recordKind, nil, frame, nil)
	}
	batches, lost := q.take()
	if lost != 3 || len(batches) != maxQueue/size {
		t.Errorf("%d batches wait and %d frames were lost, want %d and 3", len(batches), lost, maxQueue/size)
	}
	q.add(recordKind, nil, frame, nil) // the writer still holds what it has taken
	if _, lost := q.take(); lost != 1 {
		t.Errorf("%d frames were lost while the writer holds all that may wait, want 1", lost)
	}
	for _, one := range batches {
		q.done(one)
	}
	q.add(recordKind, nil, frame, nil)
	if _, lost := q.take(); lost != 0 || len(q.unused) != 0 {
		t.Errorf("%d frames were lost, and %d large batches are kept", lost, len(q.unused))
	}
}

// A disk that takes nothing is asked once for all that waits, and what is lost is told of once.
func TestUnwrittenBatches(t *testing.T) {
	var told []int
	s := &series{
		folder:   filepath.Join(t.TempDir(), "absent"),
		observer: archive.Observer{Lost: func(count int, _ error) { told = append(told, count) }},
		queue:    queue{full: make(chan struct{}, 1)},
		limits:   limits{age: 1 << 40, size: 1 << 40},
	}
	for range 3 {
		s.queue.add(recordKind, nil, make([]byte, batchSize), nil)
	}
	s.write()
	if len(told) != 1 || told[0] != 3 || s.queue.size != 0 {
		t.Errorf("told %v, and %d bytes are counted", told, s.queue.size)
	}
}
