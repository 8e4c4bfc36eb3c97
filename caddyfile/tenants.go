package caddyfile

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// tenant reads "tenant <placeholder> [from <source>]".
func tenant(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1:
		c.Tenant = &verify.Tenant{ID: args[0]}
	case len(args) == 3 && args[1] == "from":
		c.Tenant = &verify.Tenant{ID: args[0], From: args[2]}
	default:
		return d.Err("tenant needs a placeholder and the name of a source, as in tenant {path.1} from shops")
	}
	return noBlock(d, "tenant")
}

// parseTenants reads "tenants <name> <source> [<options>]" of the global option
// webhooks.
func parseTenants(d *caddyfile.Dispenser, options *Options) error {
	var name, source string
	if !d.Args(&name, &source) {
		return d.Err("tenants needs a name and a source, as in tenants shops file /etc/webhooks/tenants")
	}
	if !writtenName.MatchString(name) {
		return d.Errf("tenants: %q cannot be the name of a source; use up to 64 letters, digits, dots, hyphens and underscores", name)
	}
	if options.Tenants[name] != nil {
		return d.Errf("tenants %s is already defined", name)
	}
	var module json.RawMessage
	if err := parseGuest(d, tenantsNamespace, source, "source", &module); err != nil {
		return err
	}
	if options.Tenants == nil {
		options.Tenants = make(map[string]json.RawMessage)
	}
	options.Tenants[name] = module
	return nil
}
