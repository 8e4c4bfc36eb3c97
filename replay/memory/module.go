package memory

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// DefaultMaxEntries is how many deliveries are remembered where nothing is said.
const DefaultMaxEntries = 100_000

// Engine remembers deliveries in the memory of this process: not beyond
// a restart, and not together with other instances. They survive a reload. When
// there are too many, the oldest of those that are not being handled is
// forgotten for each new one. When all are being handled, a new one is refused
// with 503 and may come again.
type Engine struct {
	// How many deliveries are remembered at most, over all endpoints. Each takes
	// about 400 bytes. Default: 100000.
	MaxEntries int `json:"max_entries,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Engine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.replay.memory",
		New: func() caddy.Module { return new(Engine) },
	}
}

// UnmarshalCaddyfile reads the store's options. Syntax:
//
//	memory {
//	    max_entries <number>
//	}
func (e *Engine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the store's name
	if d.NextArg() {
		return d.ArgErr()
	}
	return UnmarshalEntries(d, "memory", &e.MaxEntries)
}

// UnmarshalEntries reads the block of a store that has one option, how many
// deliveries it remembers.
func UnmarshalEntries(d *caddyfile.Dispenser, store string, entries *int) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "max_entries" {
			return d.Errf("unrecognized option %s of the store %s; it can be max_entries", d.Val(), store)
		}
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.Err("max_entries takes one number")
		}
		var err error
		if *entries, err = strconv.Atoi(args[0]); err != nil || *entries <= 0 {
			return d.Errf("max_entries: %q is not a number above 0", args[0])
		}
	}
	return nil
}

// Validate checks the limit.
func (e *Engine) Validate() error {
	if e.MaxEntries < 0 {
		return errors.New("max_entries cannot be negative")
	}
	return nil
}

func (e *Engine) limit() int { return cmp.Or(e.MaxEntries, DefaultMaxEntries) }

// Place implements replay.Engine: a process has one memory.
func (*Engine) Place() (string, error) { return "memory", nil }

// Open implements replay.Engine.
func (e *Engine) Open(o replay.Options) (replay.Store, error) {
	return New(e.limit(), o.Now, o.Evicted), nil
}

// Adopt implements replay.Engine.
func (e *Engine) Adopt(open replay.Store) error {
	store, ok := open.(*Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a memory", open)
	}
	store.SetLimit(e.limit())
	return nil
}

// Interface guards
var (
	_ replay.Engine         = (*Engine)(nil)
	_ caddy.Validator       = (*Engine)(nil)
	_ caddyfile.Unmarshaler = (*Engine)(nil)
)
