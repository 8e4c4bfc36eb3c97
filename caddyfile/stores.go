package caddyfile

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
)

// Where the modules are that keep something, or look something up.
const (
	replayNamespace  = "webhooks.replay"
	storeNamespace   = "webhooks.stores"
	tenantsNamespace = "webhooks.tenants"
	archiveNamespace = "webhooks.archives"
)

// The stores that can be written without their names: as a file's path, and as URLs.
const (
	fileStore    = "bolt"
	clusterStore = "nats"
)

// parseReplay reads "replay <store> [<options>]" of the global option webhooks.
func parseReplay(d *caddyfile.Dispenser, to *json.RawMessage) error {
	if *to != nil {
		return d.Err("replay is already specified")
	}
	if !d.NextArg() {
		return d.Err("replay needs the name of a store, such as memory")
	}
	return parseGuest(d, replayNamespace, d.Val(), "store", to)
}

// parseDeliveryStore reads "store <store> [<options>]" of the global option
// webhooks. A path, or nothing, is the store bolt; URLs are the store nats.
func parseDeliveryStore(d *caddyfile.Dispenser, to *json.RawMessage) error {
	if *to != nil {
		return d.Err("store is already specified")
	}
	name := fileStore
	switch ahead := *d; {
	case !ahead.NextArg():
	case strings.Contains(ahead.Val(), "://"):
		name = clusterStore
	case !strings.ContainsAny(ahead.Val(), "/\\.{"): // no path
		d.NextArg()
		name = d.Val()
	}
	return parseGuest(d, storeNamespace, name, "engine", to)
}

// parseGuest has a module read its tokens, of which d is at the one before its
// arguments.
func parseGuest(d *caddyfile.Dispenser, namespace, name, inlineKey string, to *json.RawMessage) error {
	id := namespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return d.Err(unknownGuest(namespace, name))
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	*to = caddyconfig.JSONModuleObject(module, inlineKey, name, nil)
	return nil
}

// unknownGuest says what to write instead of a module that is not there.
func unknownGuest(namespace, name string) string {
	if name == clusterStore {
		return "the store nats needs a build of Caddy with the package nats: xcaddy build " +
			"--with github.com/caddy-webhooks/caddy-webhooks --with github.com/caddy-webhooks/caddy-webhooks/nats"
	}
	var names []string
	for _, module := range caddy.GetModules(namespace) {
		names = append(names, module.ID.Name())
	}
	kind := "store"
	switch namespace {
	case tenantsNamespace:
		kind = "source of tenants"
	case archiveNamespace:
		kind = "archive"
	}
	text := fmt.Sprintf("unknown %s %s%s; this build of Caddy has %s", kind, name, suggest.DidYouMean(name, names), strings.Join(names, ", "))
	switch namespace {
	case storeNamespace:
		text += "; a file is written as a path, such as ./" + name
	case archiveNamespace:
		text += "; a folder is written as a path, such as ./" + name
	}
	return text
}
