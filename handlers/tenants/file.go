package tenants

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// File is a source of tenants in files: a directory with a file for each tenant, whose
// name is the tenant's id and `.json`; or one file with all of them, which is a JSON
// object of tenants by their ids or, if its name ends in `.jsonl` or `.ndjson`, JSON
// Lines with the `id` in each. A change is seen within a second. What cannot be read
// any more leaves the tenants as they were, and is told of; a tenant that is not
// there any more has ended.
type File struct {
	// The directory or the file. Placeholders such as {env.NAME} are replaced.
	Path string `json:"path,omitempty"`

	tenant.Source `json:"-"`

	file *tenant.File // nil for a directory, and before Start
}

// CaddyModule returns the Caddy module information.
func (File) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".file", New: func() caddy.Module { return new(File) }}
}

// Validate checks the path.
func (f *File) Validate() error {
	if f.Path == "" {
		return errors.New("no path; write that of a directory or a file")
	}
	return nil
}

// Start opens the file.
func (f *File) Start() error {
	path, err := caddy.NewReplacer().ReplaceOrErr(f.Path, true, true)
	if err != nil {
		return fmt.Errorf("the path %s: %w", f.Path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the tenants: %w; write the path of a directory or a file", err)
	}
	if info.IsDir() {
		f.Source = tenant.NewDirectory(path)
		return nil
	}
	if f.file, err = tenant.OpenFile(path); err != nil {
		return err
	}
	f.Source = f.file
	return nil
}

// Unwrap returns the source that does the work; that of a directory can be written.
func (f *File) Unwrap() tenant.Source { return f.Source }

// Refresh takes a changed file up. A directory is read anew each time.
func (f *File) Refresh() (changed bool, err error) {
	if f.file == nil {
		return false, nil
	}
	return f.file.Refresh()
}

// forever is how long the last good answer of a file is used.
const forever = 100 * 365 * 24 * time.Hour

// Options keep answers so shortly that a change is seen within a second.
func (*File) Options() tenant.Options {
	return tenant.Options{TTL: 500 * time.Millisecond, NegativeTTL: 500 * time.Millisecond, Stale: forever}
}

// Cleanup closes the file.
func (f *File) Cleanup() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// UnmarshalCaddyfile reads the source's options. Syntax:
//
//	file <path>
func (f *File) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if !d.AllArgs(&f.Path) {
		return d.Err("file takes the path of a directory or a file")
	}
	return noBlock(d)
}

func noBlock(d *caddyfile.Dispenser) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("unrecognized option %s; this source of tenants has none", d.Val())
	}
	return nil
}

// Interface guards
var (
	_ Starter               = (*File)(nil)
	_ Refresher             = (*File)(nil)
	_ Cached                = (*File)(nil)
	_ caddy.Validator       = (*File)(nil)
	_ caddy.CleanerUpper    = (*File)(nil)
	_ caddyfile.Unmarshaler = (*File)(nil)
)
