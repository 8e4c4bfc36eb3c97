package handlers

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

// BoltStore keeps webhooks in a file, for one process. The file is readable by
// its owner only, and is not encrypted.
type BoltStore struct {
	// The file. Placeholders such as {env.NAME} are replaced. Default:
	// webhooks/deliveries.db in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// How many bytes of webhooks may be kept, waiting and dead. When there is
	// no room, webhooks are refused with status 503. Default: 1073741824 (1 GiB).
	MaxSize int64 `json:"max_size,omitempty"`

	// How long dead letters are kept, and what waits for destinations that are
	// no longer configured. Default: 720h (30 days).
	MaxAgeRaw caddy.Duration `json:"max_age,omitempty"`
}

// defaultMaxAge is how long dead letters are kept where nothing is said.
const defaultMaxAge = 30 * 24 * time.Hour

// CaddyModule returns the Caddy module information.
func (BoltStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  storeNamespace + ".bolt",
		New: func() caddy.Module { return new(BoltStore) },
	}
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store [<path>] {
//	    max_size <size>
//	    max_age  <duration>
//	}
func (s *BoltStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option's name
	if d.NextArg() {
		s.Path = d.Val()
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
			s.MaxSize = int64(size)
		case "max_age":
			age, err := caddy.ParseDuration(d.Val())
			if err != nil || age <= 0 {
				return d.Errf("max_age: %q is not a duration; write something like 30d", d.Val())
			}
			s.MaxAgeRaw = caddy.Duration(age)
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
func (s *BoltStore) Validate() error {
	if s.MaxSize < 0 || s.MaxAgeRaw < 0 {
		return fmt.Errorf("max_size and max_age cannot be negative")
	}
	return nil
}

// Place implements deliver.Engine: it is the real path of the file.
func (s *BoltStore) Place() (string, error) {
	path, err := s.path()
	if err != nil {
		return "", err
	}
	return realPath(path), nil
}

// realPath follows the links in a path. The file may not be there yet, nor the
// directories that lead to it.
func realPath(path string) string {
	for directory, rest := path, ""; ; {
		if real, err := filepath.EvalSymlinks(directory); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return path
		}
		rest = filepath.Join(filepath.Base(directory), rest)
		directory = parent
	}
}

func (s *BoltStore) path() (string, error) {
	if s.Path == "" {
		return filepath.Abs(filepath.Join(caddy.AppDataDir(), "webhooks", "deliveries.db"))
	}
	path, err := caddy.NewReplacer().ReplaceOrErr(s.Path, true, true)
	if err != nil {
		return "", fmt.Errorf("the path %s: %w", s.Path, err)
	}
	return filepath.Abs(path)
}

// Exists reports whether there is a file already.
func (s *BoltStore) Exists() bool {
	path, err := s.Place()
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// Open implements deliver.Engine.
func (s *BoltStore) Open(observer deliver.Observer) (deliver.Store, error) {
	path, err := s.Place()
	if err != nil {
		return nil, err
	}
	return bolt.Open(path, s.MaxSize, observer)
}

// MaxAge implements deliver.Engine.
func (s *BoltStore) MaxAge() time.Duration {
	if s.MaxAgeRaw == 0 {
		return defaultMaxAge
	}
	return time.Duration(s.MaxAgeRaw)
}

// Adopt implements deliver.Engine.
func (s *BoltStore) Adopt(open deliver.Store) error {
	store, ok := open.(*bolt.Store)
	if !ok {
		return fmt.Errorf("%T is open at the place of a file", open)
	}
	store.SetMaxSize(s.MaxSize)
	return nil
}

// Interface guards
var (
	_ caddy.Validator       = (*BoltStore)(nil)
	_ caddyfile.Unmarshaler = (*BoltStore)(nil)
	_ deliver.Engine        = (*BoltStore)(nil)
)
