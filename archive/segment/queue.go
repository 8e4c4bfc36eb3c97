package segment

import "sync"

// maxQueue is how many bytes wait to be written at most. While a disk stalls, that is
// what an archive holds in memory; what comes on top is lost.
const maxQueue = 16 << 20

// queue is what was handed over and is not written yet. Whoever hands a frame over copies
// it into one buffer, under the lock; the writer takes the buffer and leaves another one.
type queue struct {
	mu     sync.Mutex
	frames []byte
	count  int // of the frames
	lost   int // for which there was no room
	full   chan struct{}
}

// add appends a frame, unless there is no room.
func (q *queue) add(kind byte, head, content, rest []byte) {
	size := prefixSize + len(head) + len(content) + len(rest)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames)+size > maxQueue {
		q.lost++
		return
	}
	q.frames = appendFrame(q.frames, kind, head, content, rest)
	q.count++
	if len(q.frames) > maxQueue/16 {
		select {
		case q.full <- struct{}{}:
		default: // the writer knows
		}
	}
}

// take returns what waits, and how much was lost. The spare is used for what comes next.
func (q *queue) take(spare []byte) (frames []byte, count, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames, count, lost = q.frames, q.count, q.lost
	q.frames, q.count, q.lost = spare[:0], 0, 0
	return frames, count, lost
}
