package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// replay reads "replay <duration>|off [<endpoint>]". The endpoint's name is that
// of the subdirective name, which came later.
func replay(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("replay takes how long deliveries are remembered, such as 24h, or off")
	}
	var err error
	if c.Replay, err = verify.ParseDuration(args[0]); err != nil {
		return d.Errf("replay: %v", err)
	}
	if len(args) == 2 {
		if args[1] == "" {
			return d.Err("replay: the name of the endpoint is empty")
		}
		if err := setEndpoint(d, c, args[1]); err != nil {
			return err
		}
	}
	return noBlock(d, "replay")
}

// mapStatus reads "map_status <status...>|off".
func mapStatus(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	return appendArgs(d, (*[]string)(&c.MapStatus))
}
