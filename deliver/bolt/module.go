package bolt

import (
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// Engine keeps webhooks in a file, for one process. The file is readable by
// its owner only, and is not encrypted.
type Engine struct {
	// The file. Placeholders such as {env.NAME} are replaced. Default:
	// webhooks/deliveries.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// How many bytes of webhooks may be kept, waiting and dead. When there is
	// no room, webhooks are refused with status 503. Default: 1073741824 (1 GiB).
	MaxSize int64 `json:"max_size,omitempty"`

	// How long dead letters are kept, and what waits for destinations that are
	// no longer configured. Default: 720h (30 days).
	MaxAge caddy.Duration `json:"max_age,omitempty"`
}

// defaultMaxAge is how long dead letters are kept where nothing is said.
const defaultMaxAge = 30 * 24 * time.Hour

// CaddyModule returns the Caddy module information.
func (Engine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.stores.bolt",
		New: func() caddy.Module { return new(Engine) },
	}
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store [bolt] [<path>] {
//	    max_size <size>
//	    max_age  <duration>
//	}
func (e *Engine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the name of the option or of the store
	if d.NextArg() {
		e.Path = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if !d.NextArg() {
			return d.ArgErr()
		}
		switch name {
		case "max_size":
			size, err := humanize.ParseBytes(d.Val())
			if err != nil || size == 0 || size > 1<<50 {
				return d.Errf("max_size: %q is not a size; write something like 10GiB", d.Val())
			}
			e.MaxSize = int64(size)
		case "max_age":
			age, err := caddy.ParseDuration(d.Val())
			if err != nil || age <= 0 {
				return d.Errf("max_age: %q is not a duration; write something like 30d", d.Val())
			}
			e.MaxAge = caddy.Duration(age)
		default:
			return d.Errf("unrecognized option %s in store; it can be max_size or max_age", name)
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	return nil
}

// Validate checks the limits.
func (e *Engine) Validate() error {
	if e.MaxSize < 0 || e.MaxAge < 0 {
		return fmt.Errorf("max_size and max_age cannot be negative")
	}
	return nil
}

// Place implements deliver.Engine: it is the real path of the file.
func (e *Engine) Place() (string, error) { return boltfile.Place(e.Path, "deliveries.db") }

// Exists reports whether there is a file already.
func (e *Engine) Exists() bool {
	path, err := e.Place()
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// Open implements deliver.Engine.
func (e *Engine) Open(observer deliver.Observer) (deliver.Store, error) {
	path, err := e.Place()
	if err != nil {
		return nil, err
	}
	return Open(path, e.MaxSize, observer)
}

// Retention implements deliver.Engine.
func (e *Engine) Retention() time.Duration {
	if e.MaxAge == 0 {
		return defaultMaxAge
	}
	return time.Duration(e.MaxAge)
}

// Adopt implements deliver.Engine.
func (e *Engine) Adopt(open deliver.Store) error {
	store, ok := open.(*Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a file", open)
	}
	store.SetMaxSize(e.MaxSize)
	return nil
}

// Interface guards
var (
	_ caddy.Validator       = (*Engine)(nil)
	_ caddyfile.Unmarshaler = (*Engine)(nil)
	_ deliver.Engine        = (*Engine)(nil)
)
