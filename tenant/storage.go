package tenant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// KeyValues is what a Storage keeps its tenants in. The storage of Caddy is one.
type KeyValues interface {
	// Load returns a value; the error wraps fs.ErrNotExist if there is none.
	Load(ctx context.Context, key string) ([]byte, error)

	// Store sets a value as a whole.
	Store(ctx context.Context, key string, value []byte) error

	// Delete removes a value.
	Delete(ctx context.Context, key string) error

	// List returns the keys below a prefix.
	List(ctx context.Context, prefix string, recursive bool) ([]string, error)
}

// Storage is a Source of one value for each tenant, under a prefix and the tenant's
// id. A storage may find a value by another spelling of its key, so a tenant's
// document must have its id.
type Storage struct {
	values KeyValues
	prefix string
}

// NewStorage returns the Source of the tenants below a prefix.
func NewStorage(values KeyValues, prefix string) *Storage {
	return &Storage{values, strings.Trim(path.Clean("/"+prefix), "/")}
}

func (s *Storage) key(id string) string { return path.Join(s.prefix, id+suffix) }

// Tenant implements Source.
func (s *Storage) Tenant(ctx context.Context, id string) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	document, err := s.values.Load(ctx, s.key(id))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrUnknown
	case err != nil:
		return nil, fmt.Errorf("the storage: %w", plainPathError(err))
	}
	found, err := read(document)
	switch {
	case err != nil:
		return nil, err
	case found.ID == "":
		return nil, broken("it has no id; in a storage it must: \"id\": %q", id)
	case found.ID != id && strings.EqualFold(found.ID, id):
		return nil, ErrUnknown
	case found.ID != id:
		return nil, errOtherID
	}
	return found, nil
}

// List implements Lister.
func (s *Storage) List(ctx context.Context) ([]string, error) {
	keys, err := s.values.List(ctx, s.prefix, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the storage: %w", plainPathError(err))
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = path.Base(key)
	}
	return idsOf(names), nil
}

// Put implements Store. The id is put into the document.
func (s *Storage) Put(ctx context.Context, id string, document []byte) error {
	if _, err := Parse(id, document); err != nil {
		return err
	}
	quoted, err := payload.Encode(id)
	if err != nil {
		return err
	}
	if document, err = payload.Set(document, payload.Path{"id"}, quoted); err != nil {
		return err
	}
	return plainPathError(s.values.Store(ctx, s.key(id), document))
}

// Delete implements Store.
func (s *Storage) Delete(ctx context.Context, id string) error {
	switch _, err := s.Tenant(ctx, id); {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrID):
		return err
	}
	return plainPathError(s.values.Delete(ctx, s.key(id)))
}
