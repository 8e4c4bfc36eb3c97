package bolt

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
)

// Engine remembers deliveries in memory and in a file, so that they are
// known after a restart. It is for one process. What the app was being asked
// about when the process ended is not known: a copy of it is let through.
type Engine struct {
	// The file. Placeholders such as {env.NAME} are replaced. Default:
	// webhooks/replay.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// How many deliveries are remembered at most, over all endpoints. Each takes
	// about 400 bytes of memory. Default: 100000.
	MaxEntries int `json:"max_entries,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Engine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.replay.bolt",
		New: func() caddy.Module { return new(Engine) },
	}
}

// UnmarshalCaddyfile reads the store's options. Syntax:
//
//	bolt [<path>] {
//	    max_entries <number>
//	}
func (e *Engine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the store's name
	if d.NextArg() {
		e.Path = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	return memory.UnmarshalEntries(d, "bolt", &e.MaxEntries)
}

// Validate checks the limit.
func (e *Engine) Validate() error {
	if e.MaxEntries < 0 {
		return errors.New("max_entries cannot be negative")
	}
	return nil
}

func (e *Engine) limit() int { return cmp.Or(e.MaxEntries, memory.DefaultMaxEntries) }

// Place implements replay.Engine: it is the real path of the file.
func (e *Engine) Place() (string, error) { return boltfile.Place(e.Path, "replay.db") }

// Open implements replay.Engine.
func (e *Engine) Open(o replay.Options) (replay.Store, error) {
	path, err := e.Place()
	if err != nil {
		return nil, err
	}
	return Open(path, memory.New(e.limit(), o.Now, o.Evicted), o.Now)
}

// Adopt implements replay.Engine.
func (e *Engine) Adopt(open replay.Store) error {
	store, ok := open.(*Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a file", open)
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
