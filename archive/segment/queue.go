package segment

import "sync"

const (
	// maxQueue is how many bytes wait to be written at most. While a disk stalls, that is
	// what an archive holds in memory; what comes on top is lost.
	maxQueue = 16 << 20

	// batchSize is how many bytes are written at a time: few enough that they are still in
	// the processor's cache. A larger frame is a batch of its own.
	batchSize = 256 << 10

	// maxUnused is how many batches are kept for what comes next.
	maxUnused = 8
)

// batch is some frames.
type batch struct {
	frames []byte
	count  int
}

// queue is what was handed over and is not written yet. Whoever hands a frame over copies
// it into the last batch, under the lock. The writer takes all batches, and gives each one
// back when it has written it.
type queue struct {
	mu      sync.Mutex
	batches []*batch
	size    int // of all frames, those that the writer holds among them
	lost    int // for which there was no room
	unused  []*batch
	full    chan struct{}
}

// add appends a frame, unless there is no room.
func (q *queue) add(kind byte, head, content, rest []byte) {
	size := prefixSize + len(head) + len(content) + len(rest)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size+size > maxQueue {
		q.lost++
		return
	}
	last := q.room(size)
	last.frames = appendFrame(last.frames, kind, head, content, rest)
	last.count++
	if q.size += size; q.size > batchSize {
		select {
		case q.full <- struct{}{}:
		default: // the writer knows
		}
	}
}

// room returns the batch that takes a frame.
func (q *queue) room(size int) *batch {
	if n := len(q.batches); n > 0 {
		if last := q.batches[n-1]; len(last.frames)+size <= cap(last.frames) {
			return last
		}
	}
	var next *batch
	if n := len(q.unused); n > 0 && size <= batchSize {
		next, q.unused = q.unused[n-1], q.unused[:n-1]
	} else {
		next = &batch{frames: make([]byte, 0, max(size, batchSize))}
	}
	q.batches = append(q.batches, next)
	return next
}

// take returns what waits, and how much was lost.
func (q *queue) take() (batches []*batch, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batches, lost = q.batches, q.lost
	q.batches, q.lost = nil, 0
	return batches, lost
}

// done takes back a batch that has been written, or is lost.
func (q *queue) done(written *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= len(written.frames)
	if cap(written.frames) == batchSize && len(q.unused) < maxUnused {
		written.frames, written.count = written.frames[:0], 0
		q.unused = append(q.unused, written)
	}
}
