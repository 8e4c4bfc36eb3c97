package nats

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func init() {
	caddy.RegisterModule(Engine{})
	caddy.RegisterModule(Replay{})
}

// Servers says where a NATS cluster is and how it is reached. Placeholders such
// as {env.NAME} are replaced in all of it.
type Servers struct {
	// The URLs of servers of the cluster, nats:// or tls://, of which one is
	// enough to find the others. They may hold a user and a password.
	URLs []string `json:"urls,omitempty"`

	// A file with a user's credentials. Default: none.
	Credentials string `json:"credentials,omitempty"`

	// A file with the certificates by which those of the servers are verified.
	// Default: those of the system.
	CA string `json:"ca,omitempty"`

	// A file with the certificate that the servers know this client by. Default:
	// none.
	Certificate string `json:"certificate,omitempty"`

	// A file with the key of the certificate.
	Key string `json:"key,omitempty"`

	// On how many servers each message is stored: 1, 3 or 5. With 1 the server
	// has to be run with `sync_interval: always`. Default: what a stream that is
	// there has; 3 for a new one.
	Replicas int `json:"replicas,omitempty"`
}

const defaultReplicas = 3

// cluster replaces placeholders.
func (s *Servers) cluster() (Cluster, error) {
	replacer := caddy.NewReplacer()
	c := Cluster{Credentials: s.Credentials, CA: s.CA, Certificate: s.Certificate, Key: s.Key}
	c.URLs = append(c.URLs, s.URLs...)
	texts := []*string{&c.Credentials, &c.CA, &c.Certificate, &c.Key}
	for i := range c.URLs {
		texts = append(texts, &c.URLs[i])
	}
	for _, text := range texts {
		replaced, err := replacer.ReplaceOrErr(*text, true, true)
		if err != nil {
			return c, err
		}
		*text = replaced
	}
	return c, c.check()
}

// option sets an option that stores have in common, and reports whether it is
// one.
func (s *Servers) option(name string, args []string) (bool, error) {
	want, known := map[string]int{"credentials": 1, "ca": 1, "client": 2, "replicas": 1}[name]
	if !known {
		return false, nil
	}
	if len(args) != want {
		return true, fmt.Errorf("%s takes %d argument(s)", name, want)
	}
	switch name {
	case "credentials":
		s.Credentials = args[0]
	case "ca":
		s.CA = args[0]
	case "client":
		s.Certificate, s.Key = args[0], args[1]
	case "replicas":
		n, err := strconv.Atoi(args[0])
		if err != nil || n != 1 && n != 3 && n != 5 {
			return true, fmt.Errorf("replicas is 1, 3 or 5, not %s", args[0])
		}
		s.Replicas = n
	}
	return true, nil
}

// unmarshal reads URLs and options, of which own sets those that are not in
// common.
func (s *Servers) unmarshal(d *caddyfile.Dispenser, own func(name, value string) error) error {
	if s.URLs = d.RemainingArgs(); len(s.URLs) == 0 {
		return d.Err("write the URL of a server, such as nats://localhost:4222")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, args := d.Val(), d.RemainingArgs()
		known, err := s.option(name, args)
		switch {
		case known:
		case len(args) != 1:
			err = fmt.Errorf("%s takes one argument", name)
		default:
			err = own(name, args[0])
		}
		if err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// Engine keeps webhooks in a NATS JetStream cluster, for all instances of Caddy
// that name it. An event is acknowledged when a majority of the servers has
// it.
//
// The servers must be run with `sync_interval: always`, or in threes that do not
// lose power together: by default they force to disk every two minutes what
// they have acknowledged.
type Engine struct {
	Servers

	// What the names of the streams begin with: letters, digits, `-` and `_`.
	// Instances with the same name share what they keep. Default: WEBHOOKS.
	Name string `json:"name,omitempty"`

	// How many bytes of webhooks may wait, and how many of dead letters may be
	// kept beside them. When there is no room, webhooks are refused with status
	// 503. Default: what a stream that is there has; 1073741824 (1 GiB) for a new
	// one.
	MaxSize int64 `json:"max_size,omitempty"`

	// How long dead letters are kept, and what waits for destinations that are
	// no longer configured. Default: 720h (30 days).
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	logger *zap.Logger
}

const (
	defaultName    = "WEBHOOKS"
	defaultMaxSize = 1 << 30
	defaultMaxAge  = 30 * 24 * time.Hour
)

// CaddyModule returns the Caddy module information.
func (Engine) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "webhooks.stores.nats",
		New: func() caddy.Module { return new(Engine) },
	}
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store [nats] <nats-url...> {
//	    name        <name>
//	    credentials <file>
//	    ca          <file>
//	    client      <certificate> <key>
//	    replicas    1|3|5
//	    max_size    <size>
//	    max_age     <duration>
//	}
func (e *Engine) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the name of the option or of the store
	return e.unmarshal(d, e.own)
}

// own sets an option that only this store has.
func (e *Engine) own(name, value string) error {
	switch name {
	case "name":
		e.Name = value
	case "max_size":
		size, err := humanize.ParseBytes(value)
		if err != nil || size == 0 || size > 1<<50 {
			return fmt.Errorf("max_size: %q is not a size; write something like 10GiB", value)
		}
		e.MaxSize = int64(size)
	case "max_age":
		age, err := caddy.ParseDuration(value)
		if err != nil || age <= 0 {
			return fmt.Errorf("max_age: %q is not a duration; write something like 30d", value)
		}
		e.MaxAge = caddy.Duration(age)
	default:
		return fmt.Errorf("unrecognized option %s in store; it can be name, credentials, ca, client, replicas, max_size or max_age", name)
	}
	return nil
}

// streamName is what may be the name of a stream, and begin a subject.
var streamName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Provision sets up the log.
func (e *Engine) Provision(ctx caddy.Context) error {
	e.logger = ctx.Logger()
	return nil
}

// Validate checks the options.
func (e *Engine) Validate() error {
	if e.MaxSize < 0 || e.MaxAge < 0 {
		return errors.New("max_size and max_age cannot be negative")
	}
	return e.validate(e.name())
}

func (s *Servers) validate(name string) error {
	if !streamName.MatchString(name) {
		return fmt.Errorf("%q is not the name of a stream: it may have letters, digits, - and _", name)
	}
	_, err := s.cluster()
	return err
}

func (e *Engine) name() string { return cmp.Or(e.Name, defaultName) }

func (e *Engine) options() (Options, error) {
	c, err := e.cluster()
	return Options{Cluster: c, Name: e.name(), Replicas: e.Replicas, MaxSize: e.MaxSize, Logger: e.logger}, err
}

// Place implements deliver.Engine: it is the cluster with the name, reached in
// one way. A reload that changes a password connects anew.
func (e *Engine) Place() (string, error) {
	o, err := e.options()
	return o.Cluster.connection() + "/" + o.Name, err
}

// Open implements deliver.Engine.
func (e *Engine) Open(observer deliver.Observer) (deliver.Store, error) {
	o, err := e.options()
	if err != nil {
		return nil, err
	}
	return Open(o, observer)
}

// Retention implements deliver.Engine.
func (e *Engine) Retention() time.Duration {
	return cmp.Or(time.Duration(e.MaxAge), defaultMaxAge)
}

// Adopt implements deliver.Engine.
func (e *Engine) Adopt(open deliver.Store) error {
	store, ok := open.(*Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a cluster", open)
	}
	o, err := e.options()
	if err != nil {
		return err
	}
	_, err = store.configure(o)
	return err
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Engine)(nil)
	_ caddy.Validator       = (*Engine)(nil)
	_ caddyfile.Unmarshaler = (*Engine)(nil)
	_ deliver.Engine        = (*Engine)(nil)
)
