package handlers

import (
	"context"
	"errors"
	"io"
	"math"
	"math/bits"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// buffer is the memory of one request's body. It grows as data arrives, so that
// announcing a large body reserves nothing, and counts against the budget of
// all requests until the request ends. Its memory is used again.
//
// A body that was accepted may still be read when its handler has returned: by
// handlers around it, and by a connection to an upstream that answered early. So
// its memory goes to another request only when the server has ended this one,
// and readers that can be later than that take the lock. A small body is sent
// without: whether it was sent is noted instead.
type buffer struct {
	data  []byte
	whole bool // the body has been read to its end

	budget  int64 // how much all requests together may hold
	charged int64 // how much of it this one holds

	sending atomic.Int32 // how far the sending of a small body is

	mu       sync.Mutex
	ctx      context.Context // of the request, whose end frees a small body
	ended    bool            // the handler has returned
	kept     bool            // somebody reads what was left behind: it is not used again
	released bool            // the memory is another request's
}

// buffered is how much all requests hold, in bytes. It is the process's, so that
// a reload neither frees nor forgets anything.
var buffered atomic.Int64

const (
	firstRead = 8 << 10  // room for a body of which nothing has arrived
	smallBody = 64 << 10 // room for one that has begun to, and what is sent in one piece
)

// readFrom reads a body of at most limit bytes, of which the sender has
// announced a number, or -1. It shows what has
// arrived, if that is wanted.
func (b *buffer) readFrom(r io.Reader, announced, limit int64, arrived func([]byte)) error {
	for {
		if len(b.data) == cap(b.data) {
			if err := b.grow(nextSize(int64(cap(b.data)), announced, limit)); err != nil {
				return err
			}
		}
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if arrived != nil {
			arrived(b.data[len(b.data)-n:])
		}
		switch {
		case int64(len(b.data)) > limit:
			return &verify.Error{Reason: verify.TooLarge, Detail: "more than " + strconv.FormatInt(limit, 10) + " bytes"}
		case errors.Is(err, io.EOF):
			b.whole = true
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// nextSize returns how much room a body needs that has filled what it had. One
// byte more than announced or allowed shows where it ends.
func nextSize(have, announced, limit int64) int64 {
	next := 4 * have
	switch {
	case have == 0:
		next = firstRead
	case have < smallBody:
		next = smallBody
	}
	if announced >= have && (announced < next || have >= smallBody) {
		next = announced + 1
	}
	return max(min(next, limit+1), have+1)
}

// grow makes room for size bytes.
func (b *buffer) grow(size int64) error {
	capacity, pool := pooledSize(size)
	if buffered.Add(capacity) > b.budget {
		buffered.Add(-capacity)
		return &verify.Error{Reason: verify.Overloaded, Detail: "webhooks that are being handled fill the memory set aside for them (max_buffered)"}
	}
	outgrown := b.data
	b.data = append(newRoom(capacity, pool), outgrown...)
	recycle(outgrown)
	buffered.Add(-b.charged)
	b.charged = capacity
	return nil
}

// room makes room for a body that is made here of one that counts already.
func (b *buffer) room(size int) {
	b.data, b.whole = newRoom(pooledSize(int64(size))), true
}

// holds reports whether the memory is what a payload is in.
func (b *buffer) holds(payload []byte) bool {
	return len(payload) > 0 && cap(b.data) > 0 && &b.data[:1][0] == &payload[0]
}

// end says that the handler has returned. What it has read can be read on, by
// those around it, until the server ends the request.
func (b *buffer) end(ctx context.Context) {
	buffered.Add(-b.charged)
	b.charged = 0
	if b.shared() == nil {
		return
	}
	b.mu.Lock()
	b.ended, b.ctx = true, ctx
	b.mu.Unlock()
	if b.small() {
		if capacity, pool := sizeClass(int64(cap(b.data))); capacity == int64(cap(b.data)) {
			pool.Put(b) // it is asked whether it is free when somebody needs it
		}
		return
	}
	context.AfterFunc(ctx, b.release)
}

// The states of the sending of a small body, which is read without the lock.
const (
	notSent   = iota
	beingSent // an attempt has begun
	sent      // it is over: nobody reads the body any more
	sentAgain // another attempt has begun, which may never be heard of
)

// send notes that an attempt begins to read a small body, and returns what is
// to be called when it has been written.
func (b *buffer) send() (written func()) {
	if !b.sending.CompareAndSwap(notSent, beingSent) {
		b.sending.Store(sentAgain)
	}
	return func() { b.sending.CompareAndSwap(beingSent, sent) }
}

// take returns the memory of a small body that is used no more, or nil.
func (b *buffer) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.sending.Load()
	if b.kept || b.released || b.ctx.Err() == nil || state == beingSent || state == sentAgain {
		return nil
	}
	b.released = true
	return b.data
}

// drop gives up a body that nobody has seen but its verifier.
func (b *buffer) drop() {
	recycle(b.data)
	b.data = nil
}

// shared returns the buffer if its memory can be used again.
func (b *buffer) shared() *buffer {
	if cap(b.data) <= minPooled {
		return nil
	}
	return b
}

// small reports whether the body is sent in one piece with the head.
func (b *buffer) small() bool { return cap(b.data) <= smallBody }

// release gives the memory to other requests.
func (b *buffer) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.kept {
		b.released = true
		recycle(b.data)
	}
}

// keep reports whether the data is still there, and makes sure that it stays if
// it is wanted after the handler has returned.
func (b *buffer) keep() bool {
	if b.shared() == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = b.kept || b.ended
	return !b.released
}

// retain makes sure that the data stays when the request has ended.
func (b *buffer) retain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = true
}

// classes are the pools of buffers, four sizes for each doubling. What is in
// them is freed when it is not used for a while.
var classes [4 * (maxBits - minBits)]sync.Pool

// The sizes of buffers that are used again: more than 4 KiB, up to 16 MiB.
const (
	minBits, maxBits = 12, 24

	minPooled = 1 << minBits
)

// sizeClass returns the size that a buffer of more than minPooled is made in,
// and its pool: nil for those that are too large to be kept.
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
		if room := reuse(pool); room != nil {
			return room
		}
	}
	return make([]byte, 0, capacity)
}

// reuse returns memory out of a pool; nil if there is none that is free.
func reuse(pool *sync.Pool) []byte {
	switch used := pool.Get().(type) {
	case *[]byte:
		return (*used)[:0]
	case *buffer:
		return used.take()[:0]
	}
	return nil
}

// recycle puts the memory of a buffer into its pool.
func recycle(data []byte) {
	if cap(data) <= minPooled {
		return
	}
	if capacity, pool := sizeClass(int64(cap(data))); pool != nil && capacity == int64(cap(data)) {
		used := data
		pool.Put(&used)
	}
}

// defaultBudget is how much all requests may hold where nothing is said: a
// quarter of the memory limit, which Caddy sets by what the machine or its
// container has; without a limit, 1 GiB.
func defaultBudget() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit / 4
	}
	return 1 << 30
}
