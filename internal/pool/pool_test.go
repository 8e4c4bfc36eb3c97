package pool_test

import (
	"errors"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/pool"
)

// store counts how often it was closed.
type store struct{ closed int }

func (s *store) Close() error {
	s.closed++
	return nil
}

// A store is opened by the first configuration, adopted by the next, and closed by
// whoever has it last.
func TestStoresAreHandedOver(t *testing.T) {
	p := pool.New[*store]()
	opened, adopted := new(store), 0
	open := func() (*store, error) { return opened, nil }
	adopt := func(s *store) error {
		if s != opened {
			t.Errorf("another store is adopted")
		}
		adopted++
		return nil
	}
	for n := range 3 {
		if s, err := p.Acquire("a", open, adopt); s != opened || err != nil || adopted != n {
			t.Errorf("%d: %v, %v, adopted %d times", n, s, err, adopted)
		}
	}
	p.Retain("a")
	for range 3 {
		if err := p.Release("a"); err != nil || opened.closed != 0 {
			t.Errorf("closed %d times although it is in use, %v", opened.closed, err)
		}
	}
	if err := p.Release("a"); err != nil || opened.closed != 1 {
		t.Errorf("closed %d times, %v", opened.closed, err)
	}
}

// A configuration that cannot have a store does not hold it.
func TestFailuresHoldNothing(t *testing.T) {
	p := pool.New[*store]()
	no := errors.New("no")
	if _, err := p.Acquire("a", func() (*store, error) { return nil, no }, nil); !errors.Is(err, no) {
		t.Errorf("opening fails with %v", err)
	}
	opened := new(store)
	if _, err := p.Acquire("a", func() (*store, error) { return opened, nil }, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Acquire("a", nil, func(*store) error { return no }); !errors.Is(err, no) || opened.closed != 0 {
		t.Errorf("adopting fails with %v; closed %d times", err, opened.closed)
	}
	if err := p.Release("a"); err != nil || opened.closed != 1 {
		t.Errorf("closed %d times, %v", opened.closed, err)
	}
}
