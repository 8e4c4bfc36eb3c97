package caddyfile

import (
	"path/filepath"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseTestOnLoad reads "test_on_load [<config>]" of the global option webhooks. Where no
// file is named, it is the one in which the line stands. The path is made absolute: who
// adapts a configuration may stand in another folder than the Caddy that loads it.
func parseTestOnLoad(d *caddyfile.Dispenser, options *Options) error {
	if options.TestOnLoad != "" {
		return d.Err("test_on_load is already specified")
	}
	file, line := d.File(), *d
	switch args := d.RemainingArgs(); len(args) {
	case 0:
	case 1:
		file = args[0]
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(line.File()), file)
		}
	default:
		return d.Err("test_on_load takes the path of the configuration's file, or nothing for this one")
	}
	if err := noBlock(d, "test_on_load"); err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	options.TestOnLoad = path
	return wrap(&line, err)
}
