// Package pool has the stores that are open, each once, however many configurations
// use it.
package pool

import (
	"io"

	"github.com/caddyserver/caddy/v2"
)

// Pool are the open stores of one kind, by their places. A reload hands them over:
// the next configuration opens a store before the one before it lets go, so that the
// store is closed by whoever has it last.
type Pool[S io.Closer] struct{ open *caddy.UsagePool }

// New returns a Pool in which nothing is open.
func New[S io.Closer]() Pool[S] { return Pool[S]{caddy.NewUsagePool()} }

// pooled is a store in the pool.
type pooled[S io.Closer] struct{ store S }

// Destruct closes the store after its last user has gone.
func (p pooled[S]) Destruct() error { return p.store.Close() }

// Acquire returns the store at a place. It is opened, or adopted if it is open. Each
// call needs one of Release, unless the error says that there is no store.
func (p Pool[S]) Acquire(place string, open func() (S, error), adopt func(S) error) (S, error) {
	value, loaded, err := p.open.LoadOrNew(place, func() (caddy.Destructor, error) {
		store, err := open()
		return pooled[S]{store}, err
	})
	if err != nil {
		var none S
		return none, err
	}
	store := value.(pooled[S]).store
	if loaded {
		if err := adopt(store); err != nil {
			_, _ = p.open.Delete(place) // another configuration has it, which closes it
			var none S
			return none, err
		}
	}
	return store, nil
}

// Retain counts another user of a store that is open.
func (p Pool[S]) Retain(place string) { _, _, _ = p.open.LoadOrNew(place, nil) }

// Release lets go of a store.
func (p Pool[S]) Release(place string) error {
	_, err := p.open.Delete(place)
	return err
}
