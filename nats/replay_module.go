package nats

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
)

// Replay remembers deliveries in a NATS JetStream cluster, so that instances of
// Caddy know each other's duplicates. It survives restarts. If the cluster
// cannot be asked, deliveries are refused with status 503.
type Replay struct {
	Servers

	// What the name of the stream begins with: letters, digits, `-` and `_`.
	// Instances with the same name share what they remember. Default: WEBHOOKS.
	Name string `json:"name,omitempty"`

	// How many deliveries are remembered at most, over all endpoints. The oldest
	// is forgotten for each that is too many. Default: what a stream that is there
	// has; 1000000 for a new one.
	MaxEntries int64 `json:"max_entries,omitempty"`

	*ReplayStore `json:"-"`

	place  string // that the pool knows the store by; empty until Start
	logger *zap.Logger
}

const defaultMaxEntries = 1_000_000

// CaddyModule returns the Caddy module information.
func (Replay) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.replay.nats",
		New: func() caddy.Module { return new(Replay) },
	}
}

// UnmarshalCaddyfile reads the store's options. Syntax:
//
//	nats <nats-url...> {
//	    name        <name>
//	    credentials <file>
//	    ca          <file>
//	    client      <certificate> <key>
//	    replicas    1|3|5
//	    max_entries <number>
//	}
func (m *Replay) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the store's name
	return m.unmarshal(d, func(name, value string) error {
		switch name {
		case "name":
			m.Name = value
			return nil
		case "max_entries":
			var err error
			if m.MaxEntries, err = strconv.ParseInt(value, 10, 64); err != nil || m.MaxEntries <= 0 {
				return fmt.Errorf("max_entries: %q is not a number above 0", value)
			}
			return nil
		default:
			return fmt.Errorf("unrecognized option %s of the store nats; it can be name, credentials, ca, client, replicas or max_entries", name)
		}
	})
}

// Provision sets up the log.
func (m *Replay) Provision(ctx caddy.Context) error {
	m.logger = ctx.Logger()
	return nil
}

// Validate checks the options.
func (m *Replay) Validate() error {
	if m.MaxEntries < 0 {
		return errors.New("max_entries cannot be negative")
	}
	return m.validate(cmp.Or(m.Name, defaultName))
}

// replays are the open stores by place. A reload hands them over.
var replays = caddy.NewUsagePool()

// pooledReplay is a store that several configurations may use.
type pooledReplay struct{ *ReplayStore }

// Destruct closes the store after its last user has gone.
func (p pooledReplay) Destruct() error { return p.Close() }

// Start implements handlers.ReplayStore.
func (m *Replay) Start() error {
	c, err := m.cluster()
	if err != nil {
		return err
	}
	o := ReplayOptions{
		Cluster: c, Name: cmp.Or(m.Name, defaultName), Replicas: m.Replicas, MaxEntries: m.MaxEntries, Logger: m.logger,
	}
	place := c.connection() + "/" + o.Name
	opened, loaded, err := replays.LoadOrNew(place, func() (caddy.Destructor, error) {
		store, err := OpenReplay(o)
		return pooledReplay{store}, err
	})
	if err != nil {
		return err
	}
	m.place, m.ReplayStore = place, opened.(pooledReplay).ReplayStore
	if loaded {
		_, err = m.configure(o)
	}
	return err
}

// Cleanup gives the store up.
func (m *Replay) Cleanup() error {
	if m.place == "" {
		return nil
	}
	_, err := replays.Delete(m.place)
	return err
}

// Interface guards
var (
	_ handlers.ReplayStore  = (*Replay)(nil)
	_ caddy.Provisioner     = (*Replay)(nil)
	_ caddy.Validator       = (*Replay)(nil)
	_ caddy.CleanerUpper    = (*Replay)(nil)
	_ caddyfile.Unmarshaler = (*Replay)(nil)
)
