package segment

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// Engine keeps the history of webhooks in files, for one process. They are readable by
// their owner only, and are not encrypted.
type Engine struct {
	// The folder. Placeholders such as {env.NAME} are replaced. Default:
	// webhooks/archive in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// How long events are kept. They go at the latest when a sixteenth of that has
	// passed beyond it. Default: 168h (7 days).
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How many bytes are kept. The oldest events go first. A tenth is for what was
	// refused. Default: 5368709120 (5 GiB).
	MaxSize int64 `json:"max_size,omitempty"`
}

// The bounds where nothing is said, and the least that makes sense.
const (
	defaultMaxAge  = caddy.Duration(7 * 24 * time.Hour)
	defaultMaxSize = 5 << 30

	minMaxAge  = caddy.Duration(time.Minute)
	minMaxSize = 1 << 20
)

// CaddyModule returns the Caddy module information.
func (Engine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.archives.segments",
		New: func() caddy.Module { return new(Engine) },
	}
}

// UnmarshalCaddyfile sets up the archive from Caddyfile tokens. Syntax:
//
//	archive [segments] [<path>] {
//	    max_age  <duration>
//	    max_size <size>
//	}
func (e *Engine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the name of the option or of the engine
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
			if err != nil || size < minMaxSize || size > 1<<50 {
				return d.Errf("max_size: %q is not a size of 1MiB or more; write something like 10GiB", d.Val())
			}
			e.MaxSize = int64(size) //nolint:gosec // at most 1<<50
		case "max_age":
			age, err := caddy.ParseDuration(d.Val())
			if err != nil || caddy.Duration(age) < minMaxAge {
				return d.Errf("max_age: %q is not a duration of 1m or more; write something like 30d", d.Val())
			}
			e.MaxAge = caddy.Duration(age)
		default:
			return d.Errf("unrecognized option %s in archive; it can be max_age, max_size, redact or refused", name)
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	return nil
}

// Validate checks the limits.
func (e *Engine) Validate() error {
	if e.MaxAge != 0 && e.MaxAge < minMaxAge || e.MaxSize != 0 && e.MaxSize < minMaxSize {
		return errors.New("an archive's max_age is 1m or more, and its max_size 1 MiB or more")
	}
	return nil
}

// Place implements archive.Engine: it is the real path of the folder.
func (e *Engine) Place() (string, error) { return boltfile.Place(e.Path, "archive") }

// Open implements archive.Engine.
func (e *Engine) Open(observer archive.Observer) (archive.Archive, error) {
	path, err := e.Place()
	if err != nil {
		return nil, err
	}
	maxAge, maxSize := e.limits()
	store, err := Open(path, maxAge, maxSize, observer)
	if err != nil { // no *Store may become an Archive that is not nil
		return nil, err
	}
	return store, nil
}

// Adopt implements archive.Engine.
func (e *Engine) Adopt(open archive.Archive) error {
	store, ok := open.(*Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a folder", open)
	}
	store.SetLimits(e.limits())
	return nil
}

func (e *Engine) limits() (time.Duration, int64) {
	return time.Duration(cmp.Or(e.MaxAge, defaultMaxAge)), cmp.Or(e.MaxSize, defaultMaxSize)
}

// Interface guards
var (
	_ caddy.Validator       = (*Engine)(nil)
	_ caddyfile.Unmarshaler = (*Engine)(nil)
	_ archive.Engine        = (*Engine)(nil)
)
