package tenant

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// What a Cache does where its options do not say.
const (
	// DefaultKnown is how many tenants a Memory keeps, DefaultUnknown how many ids that
	// are none.
	DefaultKnown, DefaultUnknown = 100_000, 10_000

	defaultAtOnce  = 16
	defaultTimeout = 5 * time.Second

	// pause is how long nothing is asked again about an id after a failure.
	pause = time.Second
)

// Options say how a Cache behaves.
type Options struct {
	// TTL is how long a tenant is used without asking again.
	TTL time.Duration

	// NegativeTTL is how long an id stays unknown without asking again.
	NegativeTTL time.Duration

	// Stale is how long the last good answer is used while the source fails. 0: not
	// at all. A tenant whose document is broken stays as it was for as long.
	Stale time.Duration

	// Timeout is how long one look-up may take, waiting for its turn too. Default: 5s.
	Timeout time.Duration

	// AtOnce is how many look-ups run at a time for tenants that are known, and
	// again for ids that are not. Default: 16.
	AtOnce int

	// Memory is where answers are kept. Default: one of its own.
	Memory *Memory

	// Now tells the time. Default: time.Now.
	Now func() time.Time

	// Observe is told of each look-up. It must be quick.
	Observe func(Lookup)
}

// Result is how a look-up ended.
type Result string

// The results.
const (
	Found      Result = "found"
	NotFound   Result = "unknown"
	Unreadable Result = "unreadable" // the tenant's document is broken
	Failed     Result = "failed"     // the source cannot tell
)

// Lookup is one question to a source, and what came of it.
type Lookup struct {
	ID     string
	Result Result
	Err    error // why, unless the tenant was found or is unknown
	Served bool  // the last good answer is used instead
	First  bool  // the first failure after a success: of the source, or for Unreadable of this id
	Mended bool  // the first success after a failure of the source
}

// UnavailableError says that nothing is known of an id, and that the source cannot
// tell.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return "the tenant cannot be looked up: " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Cache stands in front of a Source. It is one itself.
//
// What strangers can ask for is kept apart from the tenants: ids that are unknown
// push out each other, never a tenant, and wait for each other, never in the way of
// a known tenant that is looked up again.
type Cache struct {
	*Memory
	source  Source
	options Options
	flight  singleflight.Group
	renew   chan struct{} // slots of look-ups of known tenants
	search  chan struct{} // slots of all others
	failing atomic.Bool   // the source has failed, and not answered since
}

// entry is a tenant, and until when nobody has to ask.
type entry struct {
	tenant *Tenant
	until  time.Time
	good   time.Time // when the source has said so
	broken bool      // the source has since had a document that is broken
}

// refusal is what is known of an id that no tenant is known by.
type refusal struct {
	err   error
	until time.Time
}

// Memory is what a Cache knows. Another Cache of the same source can take it over, so
// that the last good answers are not lost when a configuration is replaced.
type Memory struct {
	known   *lru.Cache[string, *entry]
	unknown *lru.Cache[string, *refusal]
}

// NewMemory returns a Memory for so many tenants, and so many ids that nobody has.
func NewMemory(known, unknown int) *Memory {
	m := new(Memory)
	m.known, _ = lru.New[string, *entry](max(known, 1)) // fails for sizes below 1 only
	m.unknown, _ = lru.New[string, *refusal](max(unknown, 1))
	return m
}

// NewCache returns a Cache in front of a source.
func NewCache(source Source, options Options) *Cache {
	if options.Memory == nil {
		options.Memory = NewMemory(DefaultKnown, DefaultUnknown)
	}
	if options.AtOnce <= 0 {
		options.AtOnce = defaultAtOnce
	}
	c := &Cache{Memory: options.Memory, source: source}
	c.renew, c.search = make(chan struct{}, options.AtOnce), make(chan struct{}, options.AtOnce)
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Observe == nil {
		options.Observe = func(Lookup) {}
	}
	c.options = options
	return c
}

// Tenant implements Source. The tenant is the same pointer for as long as its
// version is the same. The error is ErrID, ErrUnknown, a *DocumentError, an
// *UnavailableError or that of the context.
func (c *Cache) Tenant(ctx context.Context, id string) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	if found, err, ok := c.remembered(id); ok {
		return found, err
	}
	// The look-up does not end with the request that began it, because others wait
	// for it, too.
	answer := c.flight.DoChan(id, func() (any, error) {
		if found, err, ok := c.remembered(id); ok {
			return found, err
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Timeout)
		defer cancel()
		return c.lookUp(limited, id)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-answer:
		found, _ := got.Val.(*Tenant)
		return found, got.Err
	}
}

// Forget makes the next question about an id go to the source.
func (c *Cache) Forget(id string) {
	if old, ok := c.known.Peek(id); ok {
		c.known.Add(id, &entry{tenant: old.tenant, good: old.good, broken: old.broken})
	}
	c.unknown.Remove(id)
}

// remembered answers without the source, if it is not time to ask again.
func (c *Cache) remembered(id string) (found *Tenant, err error, ok bool) { //nolint:revive // the error is an answer here
	if e, ok := c.known.Get(id); ok {
		return e.tenant, nil, c.options.Now().Before(e.until)
	}
	if r, ok := c.unknown.Get(id); ok {
		return nil, r.err, c.options.Now().Before(r.until)
	}
	return nil, nil, false
}

// lookUp asks the source and remembers the answer. It runs once at a time for an id.
func (c *Cache) lookUp(ctx context.Context, id string) (*Tenant, error) {
	old, _ := c.known.Peek(id)
	asked := c.options.Now()
	found, err := c.ask(ctx, id, old != nil)
	_, isBroken := errors.AsType[*DocumentError](err)
	switch {
	case err == nil:
		c.observe(Lookup{ID: id, Result: Found})
		return c.keep(id, old, found, asked), nil
	case errors.Is(err, ErrUnknown):
		c.observe(Lookup{ID: id, Result: NotFound})
		c.known.Remove(id)
		c.unknown.Add(id, &refusal{ErrUnknown, asked.Add(c.options.NegativeTTL)})
		return nil, ErrUnknown
	}
	look := Lookup{ID: id, Result: Failed, Err: err, Served: old != nil && asked.Before(old.good.Add(c.options.Stale))}
	if isBroken {
		look.Result, look.First = Unreadable, old == nil || !old.broken
	} else {
		err = &UnavailableError{err}
	}
	c.observe(look)
	again := c.options.Now().Add(pause)
	if look.Served {
		c.known.Add(id, &entry{tenant: old.tenant, until: again, good: old.good, broken: isBroken})
		return old.tenant, nil
	}
	c.known.Remove(id)
	c.unknown.Add(id, &refusal{err, again})
	return nil, err
}

// keep remembers a tenant. An equal one keeps its place in memory, so that what
// others have made of it stays good.
func (c *Cache) keep(id string, old *entry, found *Tenant, asked time.Time) *Tenant {
	if old != nil && old.tenant.Version() == found.Version() {
		found = old.tenant
	}
	c.known.Add(id, &entry{tenant: found, until: asked.Add(c.options.TTL), good: asked})
	c.unknown.Remove(id)
	return found
}

// ask waits for its turn and asks the source, which may have been written by
// others: what panics has failed.
func (c *Cache) ask(ctx context.Context, id string, known bool) (found *Tenant, err error) {
	slots := c.search
	if known {
		slots = c.renew
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, errors.New("too many look-ups at a time")
	}
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, fmt.Errorf("the source has panicked: %T", r)
		}
	}()
	found, err = c.source.Tenant(ctx, id)
	if err == nil && (found == nil || found.ID != id) {
		return nil, errors.New("the source has answered with another tenant")
	}
	return found, err
}

func (c *Cache) observe(look Lookup) {
	switch look.Result {
	case Failed:
		look.First = c.failing.CompareAndSwap(false, true)
	default:
		look.Mended = c.failing.CompareAndSwap(true, false)
	}
	c.options.Observe(look)
}
