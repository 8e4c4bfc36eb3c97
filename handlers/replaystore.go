package handlers

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// ReplayStore is what modules of the namespace webhooks.replay implement. A
// store whose content must survive a reload keeps it in a caddy.UsagePool, and
// gives it up in Cleanup.
type ReplayStore interface {
	replay.Store

	// Start opens the store. It is called once, when a configuration is taken
	// into use and not when it is only validated, before anything else is asked
	// of the store.
	Start() error
}

// defaultMaxEntries is how many deliveries are remembered where nothing is said.
const defaultMaxEntries = 100_000

// MemoryReplay remembers deliveries in the memory of this process: not beyond
// a restart, and not together with other instances. They survive a reload. When
// there are too many, the oldest of those that are not being handled is
// forgotten for each new one. When all are being handled, a new one is refused
// with 503 and may come again.
type MemoryReplay struct {
	// How many deliveries are remembered at most, over all endpoints. Each takes
	// about 400 bytes. Default: 100000.
	MaxEntries int `json:"max_entries,omitempty"`

	*replay.Memory `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (MemoryReplay) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.replay.memory",
		New: func() caddy.Module { return new(MemoryReplay) },
	}
}

// memories holds the one memory of the process, as long as a configuration
// uses it.
var memories = caddy.NewUsagePool()

const memoryKey = "memory"

// pooledMemory is a memory in the pool, which has nothing to be closed.
type pooledMemory struct{ *replay.Memory }

func (pooledMemory) Destruct() error { return nil }

// Provision finds the memory that the configuration before this one has used.
func (m *MemoryReplay) Provision(caddy.Context) error {
	if m.MaxEntries == 0 {
		m.MaxEntries = defaultMaxEntries
	}
	if m.MaxEntries < 0 {
		return errors.New("max_entries cannot be negative")
	}
	value, _, err := memories.LoadOrNew(memoryKey, func() (caddy.Destructor, error) {
		clock := func() time.Time { return webhook.Now() }
		return pooledMemory{replay.NewMemory(m.MaxEntries, clock, observe.Collectors().ReplayEvicted.WithLabelValues().Inc)}, nil
	})
	if err == nil {
		m.Memory = value.(pooledMemory).Memory
	}
	return err
}

// Start sets the limit, which another configuration may have changed.
func (m *MemoryReplay) Start() error {
	m.SetLimit(m.MaxEntries)
	return nil
}

// Cleanup gives the memory up.
func (m *MemoryReplay) Cleanup() error {
	if m.Memory == nil {
		return nil
	}
	_, err := memories.Delete(memoryKey)
	return err
}

// UnmarshalCaddyfile reads the store's options. Syntax:
//
//	memory {
//	    max_entries <number>
//	}
func (m *MemoryReplay) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the store's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "max_entries" {
			return d.Errf("unrecognized option %s of the store memory; it can be max_entries", d.Val())
		}
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.Err("max_entries takes one number")
		}
		var err error
		if m.MaxEntries, err = strconv.Atoi(args[0]); err != nil || m.MaxEntries <= 0 {
			return d.Errf("max_entries: %q is not a number above 0", args[0])
		}
	}
	return nil
}

// provisionReplay loads the store of deliveries.
func (a *App) provisionReplay(ctx caddy.Context) error {
	if a.ReplayRaw == nil {
		a.ReplayRaw = caddyconfig.JSON(map[string]string{"store": "memory"}, nil)
	}
	module, err := ctx.LoadModule(a, "ReplayRaw")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	store, ok := module.(ReplayStore)
	if !ok {
		return fmt.Errorf("replay: %T is not a store of deliveries", module)
	}
	a.replay = store
	a.startReplay = sync.OnceValue(store.Start)
	a.endpoints = make(map[string]string)
	return nil
}

// Interface guards
var (
	_ ReplayStore           = (*MemoryReplay)(nil)
	_ caddy.Provisioner     = (*MemoryReplay)(nil)
	_ caddy.CleanerUpper    = (*MemoryReplay)(nil)
	_ caddyfile.Unmarshaler = (*MemoryReplay)(nil)
)
