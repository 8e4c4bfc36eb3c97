package webhook

import (
	"context"
	"errors"
	"io"
	"math/bits"
	"strconv"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Buffer is the memory of one request's body. It grows by doubling as data arrives,
// so what is announced reserves nothing, and counts against the budget of all
// requests until the handler returns.
//
// The body has these readers, one after the other or at the same time:
//
//  1. webhook_auth, on the goroutine of the request: it fills the buffer and verifies.
//  2. Handlers, rules and placeholders on that goroutine, also those around
//     webhook_auth after it has returned, until net/http ends the request.
//  3. The goroutine of an upstream's connection. net/http may go on reading
//     Request.Body after RoundTrip has returned, if the upstream answers early
//     (https://pkg.go.dev/net/http#RoundTripper), so it may be the last.
//
// A small body is left to the garbage collector. A large one, of more than 64 KiB,
// costs too much for that: its memory goes to another request when net/http has
// ended this one (release, on a goroutine of the request's context). A reader of
// the third kind may come after that, so those of large bodies take the lock and
// get errReleased. Who keeps a body for later (keep, retain) prevents the release.
type Buffer struct {
	Data  []byte
	Whole bool // the body has been read to its end

	Budget int64 // how much all requests together may hold; 0: they are counted, not limited
	Size   int64 // of a payload that is not in data

	mu       sync.Mutex    // of what follows; of data, for large bodies
	charged  int64         // how much of the budget this one holds
	over     bool          // it holds nothing any more
	refused  *verify.Error // that there was no room for what is made of the body
	ended    bool          // the handler has returned
	retained bool          // somebody reads it after that: the memory is not used again
	released bool          // the memory is another request's
}

const (
	firstRead = 8 << 10  // room for a body of which nothing has arrived
	SmallBody = 64 << 10 // the memory of larger ones is used again
)

// Fill reads a body of at most limit bytes, of which the sender has
// announced a number, or -1. It shows what has
// arrived, if that is wanted.
func (b *Buffer) Fill(r io.Reader, announced, limit int64, arrived func([]byte)) error {
	for {
		if len(b.Data) == cap(b.Data) {
			if err := b.grow(nextSize(int64(cap(b.Data)), announced, limit)); err != nil {
				return err
			}
		}
		n, err := r.Read(b.Data[len(b.Data):cap(b.Data)])
		b.Data = b.Data[:len(b.Data)+n]
		if arrived != nil {
			arrived(b.Data[len(b.Data)-n:])
		}
		switch {
		case int64(len(b.Data)) > limit:
			return &verify.Error{Reason: verify.TooLarge, Detail: "more than " + strconv.FormatInt(limit, 10) + " bytes"}
		case errors.Is(err, io.EOF):
			b.Whole = true
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// nextSize returns how much room a body needs that has filled what it had: twice
// as much, but not more than announced. One byte more than announced or allowed
// shows where it ends.
func nextSize(have, announced, limit int64) int64 {
	next := max(2*have, firstRead)
	if announced >= have && announced < next {
		next = announced + 1
	}
	return max(min(next, limit+1), have+1)
}

// grow makes room for size bytes.
func (b *Buffer) grow(size int64) error {
	capacity, pool := pooledSize(size)
	if err := reserve(capacity-int64(cap(b.Data)), capacity, b.Budget); err != nil {
		return err
	}
	b.count(capacity - int64(cap(b.Data)))
	outgrown := b.Data
	b.Data = append(newRoom(capacity, pool), outgrown...)
	recycle(outgrown)
	return nil
}

// Charge counts memory that is made of the body, such as decoded values, until it is
// let go of, which is a negative number, or the handler returns. It implements
// [payload.Memory]. The error is a refusal, which no later answer takes back.
func (b *Buffer) Charge(bytes int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return nil // somebody looks at what is left, and keeps nothing of it
	}
	if bytes <= 0 {
		bytes = max(bytes, -b.charged)
		Buffered.Add(bytes)
	} else if err := reserve(bytes, max(int64(cap(b.Data)), b.Size), b.Budget); err != nil {
		b.refused, _ = errors.AsType[*verify.Error](err)
		return err
	}
	b.charged += bytes
	return nil
}

// count notes what was reserved.
func (b *Buffer) count(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.charged += bytes
}

// Refusal returns why the webhook cannot be handled if there was no room for what
// is made of it, whatever has come of it; nil if there was.
func (b *Buffer) Refusal() *verify.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// holds reports whether the memory is what a payload is in.
func (b *Buffer) holds(payload []byte) bool {
	return len(payload) > 0 && cap(b.Data) > 0 && &b.Data[:1][0] == &payload[0]
}

// End says that the handler has returned: the body does not count any more, and
// its memory is released with the request.
func (b *Buffer) End(ctx context.Context) {
	b.Discharge()
	if b.Shared() == nil {
		return
	}
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	context.AfterFunc(ctx, b.release)
}

// Drop gives up a body that nobody has seen but its verifier.
func (b *Buffer) Drop() {
	b.Discharge()
	recycle(b.Data)
	b.Data = nil
}

// Discharge has nothing of the request count any more.
func (b *Buffer) Discharge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	Buffered.Add(-b.charged)
	b.charged, b.over = 0, true
}

// Shared returns the buffer if its memory is used again, else nil.
func (b *Buffer) Shared() *Buffer {
	if cap(b.Data) <= SmallBody {
		return nil
	}
	return b
}

// release gives the memory to other requests.
func (b *Buffer) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.retained {
		b.released = true
		recycle(b.Data)
	}
}

// available reports whether the data is still there, and makes sure that it stays if
// it is wanted after the handler has returned.
func (b *Buffer) available() bool {
	if b.Shared() == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retained = b.retained || b.ended
	return !b.released
}

// Retain makes sure that the data stays when the request has ended.
func (b *Buffer) Retain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retained = true
}

// classes are the pools of memory, four sizes for each doubling. What is in them is
// freed when it is not used for a while. Small sizes come back only from bodies that
// have outgrown them, or that were refused: nobody else has seen those.
var classes [4 * (maxBits - minBits)]sync.Pool

// The sizes that are used again: more than 4 KiB, up to 16 MiB.
const (
	minBits, maxBits = 12, 24

	minPooled = 1 << minBits
)

// sizeClass returns the size that memory of more than minPooled is made in, and its
// pool: nil for what is too large to be kept.
func sizeClass(size int64) (int64, *sync.Pool) {
	doubling := bits.Len64(uint64(size - 1)) //nolint:gosec // sizes are positive
	step := int64(1) << (doubling - 3)
	capacity := (size + step - 1) / step * step
	index := 4*(doubling-1-minBits) + int(capacity/step) - 5
	if index < 0 || index >= len(classes) {
		return capacity, nil
	}
	return capacity, &classes[index]
}

// pooledSize returns the capacity that room for size bytes has, and its pool; nil
// if it is not used again.
func pooledSize(size int64) (int64, *sync.Pool) {
	if size <= minPooled {
		return size, nil
	}
	return sizeClass(size)
}

// newRoom returns memory that is used again, or new.
func newRoom(capacity int64, pool *sync.Pool) []byte {
	if pool != nil {
		if used, ok := pool.Get().(*[]byte); ok {
			return (*used)[:0]
		}
	}
	return make([]byte, 0, capacity)
}

// recycle puts memory into its pool.
func recycle(data []byte) {
	if cap(data) <= minPooled {
		return
	}
	if capacity, pool := sizeClass(int64(cap(data))); pool != nil && capacity == int64(cap(data)) {
		used := data
		pool.Put(&used)
	}
}
