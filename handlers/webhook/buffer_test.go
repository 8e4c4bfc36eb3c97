package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func read(t *testing.T, size int, announced, limit int64) (*Buffer, error) {
	t.Helper()
	b := &Buffer{Budget: 1 << 30}
	return b, b.Fill(bytes.NewReader(bytes.Repeat([]byte("x"), size)), announced, limit, nil)
}

// A body is read to its end and no further, whatever was announced.
func TestBufferReads(t *testing.T) {
	for _, size := range []int{0, 1, firstRead - 1, firstRead, firstRead + 1, SmallBody, SmallBody + 1, 300_000, 5_004_000} {
		for _, announced := range []int64{-1, 0, 1, int64(size), int64(size) + 1, 1 << 40} {
			b, err := read(t, size, announced, int64(size))
			if err != nil || len(b.Data) != size {
				t.Errorf("%d bytes, %d announced: %d bytes, %v", size, announced, len(b.Data), err)
			}
			b.End(context.Background())
			if size == 0 {
				continue
			}
			b, err = read(t, size, announced, int64(size)-1)
			if refusal, ok := errors.AsType[*verify.Error](err); !ok || refusal.Reason != verify.TooLarge {
				t.Errorf("one byte more than %d: %v", size-1, err)
			}
			b.End(context.Background())
		}
	}
	if n := Buffered.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// A buffer is at most twice what has arrived, whatever was announced.
func TestBufferGrowsWithTheData(t *testing.T) {
	for _, arrived := range []int{1, 8_000, 9_000, 68_000, 300_000, 3_000_000} {
		b := &Buffer{Budget: 1 << 30}
		data := io.MultiReader(bytes.NewReader(make([]byte, arrived)), iotest.ErrReader(io.ErrUnexpectedEOF))
		if err := b.Fill(data, 1<<29, 1<<30, nil); err == nil || b.charged > max(firstRead, 2*int64(arrived)) {
			t.Errorf("%d bytes are reserved for %d, %v", b.charged, arrived, err)
		}
		b.End(context.Background())
	}
	if n := Buffered.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// A part of the budget is for small bodies, and half of it for the smallest. What
// is made of a body counts as it does.
func TestBudgetKeepsRoomForSmallBodies(t *testing.T) {
	const budget = 1 << 20
	fill := func(size int64) (reserved int64) {
		t.Helper()
		for reserve(size, size, budget) == nil {
			reserved += size
		}
		return reserved
	}
	defer func(before int64) { Buffered.Store(before) }(Buffered.Load())
	if large := fill(100_000); large > budget*3/4 || Largest(budget) != budget*3/4 {
		t.Errorf("large bodies take %d", large)
	}
	if middle := fill(9_000); Buffered.Load() > budget*7/8 || middle < budget/8 {
		t.Errorf("bodies of middle size take %d", middle)
	}
	b := Buffer{Data: make([]byte, 0, 6_000), Budget: budget}
	if err := b.Charge(60_000); err != nil || b.charged != 60_000 {
		t.Errorf("what is made of a small body is refused: %v", err)
	}
	if err := b.Charge(budget / 8); err == nil || b.charged != 60_000 {
		t.Errorf("more than there is room for: %v", err)
	}
	b.End(t.Context())
	if small := fill(6_000); small < budget/8-6_000 {
		t.Errorf("small bodies take %d", small)
	}
}

func TestBufferHasABudget(t *testing.T) {
	first := &Buffer{Budget: 1 << 20}
	if err := first.Fill(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	second := &Buffer{Budget: 1 << 20}
	err := second.Fill(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil)
	if refusal, ok := errors.AsType[*verify.Error](err); !ok || refusal.Reason != verify.Overloaded {
		t.Errorf("the second body: %v", err)
	}
	second.End(context.Background())
	first.End(context.Background())
	third := &Buffer{Budget: 1 << 20}
	if err := third.Fill(bytes.NewReader(make([]byte, 700_000)), 700_000, 1<<20, nil); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	third.End(context.Background())
}

// The memory goes to another request when nobody can read it any more, and not
// where somebody wants it after the handler has returned.
func TestBufferIsReleased(t *testing.T) {
	b, err := read(t, 100_000, -1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	held := new(Body).Hold(b.Data, b.Shared(), nil)
	late := held.again()
	if !b.available() || b.retained {
		t.Error("reading during the request keeps the memory")
	}
	b.End(context.Background())
	b.release()
	if b.available() {
		t.Error("it can be read after it was released")
	}
	if n, err := late.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errReleased) {
		t.Errorf("a late reader gets %d bytes, %v", n, err)
	}

	b, err = read(t, 100_000, -1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.End(context.Background())
	if !b.available() {
		t.Error("what is left behind cannot be read")
	}
	b.release()
	if !b.available() {
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
