package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/bolt"
)

// BoltReplay remembers deliveries in memory and in a file, so that they are
// known after a restart. It is for one process. What the app was being asked
// about when the process ended is not known: a copy of it is let through.
type BoltReplay struct {
	// The file. Placeholders such as {env.NAME} are replaced. Default:
	// webhooks/replay.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// How many deliveries are remembered at most, over all endpoints. Each takes
	// about 400 bytes of memory. Default: 100000.
	MaxEntries int `json:"max_entries,omitempty"`

	*bolt.Store `json:"-"`

	place string // that the pool knows the store by; empty until Start
}

// CaddyModule returns the Caddy module information.
func (BoltReplay) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.replay.bolt",
		New: func() caddy.Module { return new(BoltReplay) },
	}
}

// UnmarshalCaddyfile reads the store's options. Syntax:
//
//	bolt [<path>] {
//	    max_entries <number>
//	}
func (b *BoltReplay) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the store's name
	if d.NextArg() {
		b.Path = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "max_entries" {
			return d.Errf("unrecognized option %s of the store bolt; it can be max_entries", d.Val())
		}
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.Err("max_entries takes one number")
		}
		var err error
		if b.MaxEntries, err = strconv.Atoi(args[0]); err != nil || b.MaxEntries <= 0 {
			return d.Errf("max_entries: %q is not a number above 0", args[0])
		}
	}
	return nil
}

// Validate checks the limit.
func (b *BoltReplay) Validate() error {
	if b.MaxEntries < 0 {
		return errors.New("max_entries cannot be negative")
	}
	return nil
}

// replayFiles are the open stores by path. A reload hands them over.
var replayFiles = caddy.NewUsagePool()

// pooledReplay is a store that several configurations may use.
type pooledReplay struct{ *bolt.Store }

// Destruct closes the store after its last user has gone.
func (p pooledReplay) Destruct() error { return p.Close() }

// Start opens the file, or takes it over from the configuration before.
func (b *BoltReplay) Start() error {
	path, err := b.path()
	if err != nil {
		return err
	}
	limit := cmp.Or(b.MaxEntries, defaultMaxEntries)
	opened, _, err := replayFiles.LoadOrNew(path, func() (caddy.Destructor, error) {
		clock := func() time.Time { return webhook.Now() }
		memory := replay.NewMemory(limit, clock, observe.Collectors().ReplayEvicted.WithLabelValues().Inc)
		store, err := bolt.Open(path, memory, clock)
		return pooledReplay{store}, err
	})
	if err != nil {
		return err
	}
	b.place, b.Store = path, opened.(pooledReplay).Store
	b.SetLimit(limit)
	return nil
}

func (b *BoltReplay) path() (string, error) {
	path := filepath.Join(caddy.AppDataDir(), "webhooks", "replay.db")
	if b.Path != "" {
		var err error
		if path, err = caddy.NewReplacer().ReplaceOrErr(b.Path, true, true); err != nil {
			return "", fmt.Errorf("the path %s: %w", b.Path, err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return realPath(path), nil
}

// Cleanup gives the store up.
func (b *BoltReplay) Cleanup() error {
	if b.place == "" {
		return nil
	}
	_, err := replayFiles.Delete(b.place)
	return err
}

// Interface guards
var (
	_ ReplayStore           = (*BoltReplay)(nil)
	_ caddy.Validator       = (*BoltReplay)(nil)
	_ caddy.CleanerUpper    = (*BoltReplay)(nil)
	_ caddyfile.Unmarshaler = (*BoltReplay)(nil)
)
