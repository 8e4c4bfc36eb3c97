package tenant

import (
	"context"
	"errors"
)

// ErrUnknown is returned by a Source for an id that no tenant has.
var ErrUnknown = errors.New("no tenant has this id")

// Source finds tenants. It is used by many goroutines at a time.
type Source interface {
	// Tenant returns the tenant with an id that has passed CheckID. The error is
	// ErrUnknown if the source knows that there is none, a *DocumentError if there
	// is one whose JSON cannot be used, and any other one if the source cannot tell
	// now. It returns when its context ends.
	Tenant(ctx context.Context, id string) (*Tenant, error)
}

// Store is a Source that can be written.
type Store interface {
	Source

	// Put makes a tenant, or replaces it as a whole. Whoever looks it up meanwhile
	// gets the old one or the new one.
	Put(ctx context.Context, id string, document []byte) error

	// Delete ends a tenant. The error is ErrUnknown if there is none.
	Delete(ctx context.Context, id string) error
}

// Lister is a Source that can name its tenants.
type Lister interface {
	// List returns the ids of all tenants, in order.
	List(ctx context.Context) ([]string, error)
}
