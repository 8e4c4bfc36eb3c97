package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func read(t *testing.T, size int, announced, limit int64) (*buffer, error) {
	t.Helper()
	b := &buffer{budget: 1 << 30}
	return b, b.readFrom(bytes.NewReader(bytes.Repeat([]byte("x"), size)), announced, limit, nil)
}

// A body is read to its end and no further, whatever was announced.
func TestBufferReads(t *testing.T) {
	for _, size := range []int{0, 1, firstRead - 1, firstRead, firstRead + 1, smallBody, smallBody + 1, 300_000, 5_004_000} {
		for _, announced := range []int64{-1, 0, 1, int64(size), int64(size) + 1, 1 << 40} {
			b, err := read(t, size, announced, int64(size))
			if err != nil || len(b.data) != size {
				t.Errorf("%d bytes, %d announced: %d bytes, %v", size, announced, len(b.data), err)
			}
			b.end(context.Background())
			if size == 0 {
				continue
			}
			b, err = read(t, size, announced, int64(size)-1)
			if refusal, ok := errors.AsType[*verify.Error](err); !ok || refusal.Reason != verify.TooLarge {
				t.Errorf("one byte more than %d: %v", size-1, err)
			}
			b.end(context.Background())
		}
	}
	if n := buffered.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// Announcing a large body reserves little.
func TestBufferGrowsWithTheData(t *testing.T) {
	b := &buffer{budget: 1 << 30}
	arrived := []byte("{")
	err := b.readFrom(io.MultiReader(bytes.NewReader(arrived), iotest.ErrReader(io.ErrUnexpectedEOF)), 1<<29, 1<<30, nil)
	if err == nil || b.charged > firstRead {
		t.Errorf("%d bytes are reserved, %v", b.charged, err)
	}
	b.end(context.Background())
}

func TestBufferHasABudget(t *testing.T) {
	first := &buffer{budget: 1 << 20}
	if err := first.readFrom(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	second := &buffer{budget: 1 << 20}
	err := second.readFrom(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil)
	if refusal, ok := errors.AsType[*verify.Error](err); !ok || refusal.Reason != verify.Overloaded {
		t.Errorf("the second body: %v", err)
	}
	second.end(context.Background())
	first.end(context.Background())
	third := &buffer{budget: 1 << 20}
	if err := third.readFrom(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	third.end(context.Background())
}

// The memory goes to another request when nobody can read it any more, and not
// where somebody wants it after the handler has returned.
func TestBufferIsReleased(t *testing.T) {
	b, err := read(t, 100_000, -1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	held := new(heldBody).hold(b.data, b.shared())
	late := held.again()
	if !b.keep() || b.kept {
		t.Error("reading during the request keeps the memory")
	}
	b.end(context.Background())
	b.release()
	if b.keep() {
		t.Error("it can be read after it was released")
	}
	if n, err := late.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errReleased) {
		t.Errorf("a late reader gets %d bytes, %v", n, err)
	}

	b, err = read(t, 100_000, -1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.end(context.Background())
	if !b.keep() {
		t.Error("what is left behind cannot be read")
	}
	b.release()
	if !b.keep() {
		t.Error("what somebody wants was released")
	}
}

func TestSizeClasses(t *testing.T) {
	last := int64(0)
	for size := int64(minPooled + 1); size <= 1<<maxBits; size += 997 {
		capacity, pool := sizeClass(size)
		if capacity < size || capacity > size+size/4 || capacity < last || pool == nil {
			t.Fatalf("%d bytes: %d, pooled %t", size, capacity, pool != nil)
		}
		if again, same := sizeClass(capacity); again != capacity || same != pool {
			t.Fatalf("%d bytes: the class of its class is %d", size, again)
		}
		last = capacity
	}
	if _, pool := sizeClass(1<<maxBits + 1); pool != nil {
		t.Error("larger ones are kept")
	}
}

// A small body's memory is used again when its request has ended and what has
// sent it is done with it, and not before.
func TestSmallBufferIsUsedAgain(t *testing.T) {
	fill := func(ctx context.Context, before func(*buffer)) []byte {
		t.Helper()
		b, err := read(t, 6_000, 6_000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		before(b)
		b.end(ctx)
		return b.take()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		before func(*buffer)
		want   bool
	}{
		"not sent":          {ended, func(*buffer) {}, true},
		"request goes on":   {t.Context(), func(*buffer) {}, false},
		"sent":              {ended, func(b *buffer) { b.send()() }, true},
		"being sent":        {ended, func(b *buffer) { b.send() }, false},
		"sent twice":        {ended, func(b *buffer) { b.send()(); b.send()() }, false},
		"told late":         {ended, func(b *buffer) { first := b.send(); b.send(); first() }, false},
		"wanted afterwards": {ended, func(b *buffer) { b.ended = true; b.keep() }, false},
	} {
		if got := fill(test.ctx, test.before); (got != nil) != test.want {
			t.Errorf("%s: used again is %t, want %t", name, got != nil, test.want)
		}
	}
	b, err := read(t, 6_000, 6_000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	held := new(heldBody).hold(b.data, b.shared())
	b.end(ended)
	b.take()
	if n, err := held.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errReleased) {
		t.Errorf("a late reader gets %d bytes, %v", n, err)
	}
	if b.keep() || b.take() != nil {
		t.Error("it is there twice")
	}
}
