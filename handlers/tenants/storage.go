package tenants

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// Storage is a source of tenants in Caddy's storage, whatever module that is, so that
// all instances of a cluster know them. `caddy webhooks tenant` writes it. A change is
// seen within five seconds by other instances. While the storage fails, the last good
// answer is used for an hour.
type Storage struct {
	// What the keys of the tenants begin with. Default: webhooks/tenants.
	Prefix string `json:"prefix,omitempty"`

	*tenant.Storage `json:"-"`
}

// DefaultPrefix is what the keys of tenants begin with where nothing is said.
const DefaultPrefix = "webhooks/tenants"

// CaddyModule returns the Caddy module information.
func (Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".storage", New: func() caddy.Module { return new(Storage) }}
}

// Provision finds the storage.
func (s *Storage) Provision(ctx caddy.Context) error {
	if s.Prefix == "" {
		s.Prefix = DefaultPrefix
	}
	s.Storage = tenant.NewStorage(ctx.Storage(), s.Prefix)
	return nil
}

// Options say how answers are kept.
func (*Storage) Options() tenant.Options {
	return tenant.Options{TTL: 5 * time.Second, NegativeTTL: 2 * time.Second, Stale: time.Hour}
}

// UnmarshalCaddyfile reads the source's options. Syntax:
//
//	storage [<prefix>]
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if d.NextArg() {
		s.Prefix = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	return noBlock(d)
}

// Interface guards
var (
	_ tenant.Store          = (*Storage)(nil)
	_ tenant.Lister         = (*Storage)(nil)
	_ Cached                = (*Storage)(nil)
	_ caddy.Provisioner     = (*Storage)(nil)
	_ caddyfile.Unmarshaler = (*Storage)(nil)
)
