package handlers

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// storeNamespace is where modules are that keep webhooks. They implement
// deliver.Engine.
const storeNamespace = "webhooks.stores"

// defaultEngine is the store of who names none.
const defaultEngine = "bolt"

// clusterEngine is the store that a URL means.
const clusterEngine = "nats"

// parseStore reads the store of the global option: a file's path, or the URLs
// of a cluster.
func parseStore(d *caddyfile.Dispenser, existing json.RawMessage) (json.RawMessage, error) {
	d.Next() // to the option's name, where UnmarshalModule wants it
	if existing != nil {
		return nil, d.Err("store is already specified")
	}
	engine := "bolt"
	ahead := *d
	if ahead.NextArg() && strings.Contains(ahead.Val(), "://") {
		engine = clusterEngine
	}
	id := storeNamespace + "." + engine
	if _, err := caddy.GetModule(id); err != nil {
		return nil, ahead.Errf("a store by URL needs a build of Caddy with the package nats: " +
			"xcaddy build --with github.com/caddy-webhooks/caddy-webhooks --with github.com/caddy-webhooks/caddy-webhooks/nats")
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, "engine", engine, nil), nil
}
