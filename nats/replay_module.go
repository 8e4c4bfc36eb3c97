package nats

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
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

func (m *Replay) options() (ReplayOptions, error) {
	c, err := m.cluster()
	return ReplayOptions{
		Cluster: c, Name: cmp.Or(m.Name, defaultName), Replicas: m.Replicas, MaxEntries: m.MaxEntries, Logger: m.logger,
	}, err
}

// Place implements replay.Engine: it is the cluster with the name, reached in one
// way.
func (m *Replay) Place() (string, error) {
	o, err := m.options()
	return o.Cluster.connection() + "/" + o.Name, err
}

// Open implements replay.Engine. The servers have a clock, and a limit, of their
// own.
func (m *Replay) Open(replay.Options) (replay.Store, error) {
	o, err := m.options()
	if err != nil {
		return nil, err
	}
	return OpenReplay(o)
}

// Adopt implements replay.Engine.
func (m *Replay) Adopt(open replay.Store) error {
	store, ok := open.(*ReplayStore)
	if !ok {
		return fmt.Errorf("%T is open at the place of a cluster", open)
	}
	o, err := m.options()
	if err != nil {
		return err
	}
	_, err = store.configure(o)
	return err
}

// Interface guards
var (
	_ replay.Engine         = (*Replay)(nil)
	_ caddy.Provisioner     = (*Replay)(nil)
	_ caddy.Validator       = (*Replay)(nil)
	_ caddyfile.Unmarshaler = (*Replay)(nil)
)
