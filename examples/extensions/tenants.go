package extensions

import (
	"context"
	"errors"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

func init() { caddy.RegisterModule(Environment{}) }

// Environment is a source of tenants in environment variables, for a handful that
// change with the process: the JSON of the tenant `acme` is in PREFIX_acme.
type Environment struct {
	// What the variables' names begin with, followed by an underscore.
	Prefix string `json:"prefix,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Environment) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhooks.tenants.environment", New: func() caddy.Module { return new(Environment) }}
}

// Validate checks the prefix.
func (e *Environment) Validate() error {
	if e.Prefix == "" {
		return errors.New("no prefix; write what the variables begin with")
	}
	return nil
}

// Tenant looks a tenant up. The id has passed tenant.CheckID.
func (e *Environment) Tenant(_ context.Context, id string) (*tenant.Tenant, error) {
	document, found := os.LookupEnv(e.Prefix + "_" + id)
	if !found {
		return nil, tenant.ErrUnknown
	}
	return tenant.Parse(id, []byte(document))
}

// UnmarshalCaddyfile reads "environment <prefix>".
func (e *Environment) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the source's name
	if !d.AllArgs(&e.Prefix) {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var (
	_ caddy.Validator       = (*Environment)(nil)
	_ caddyfile.Unmarshaler = (*Environment)(nil)
	_ tenant.Source         = (*Environment)(nil)
)
