// Command caddy is Caddy with this module, for trying it out and for tests.
// For production, build with xcaddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	// plug in Caddy's standard modules and this one
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-webhooks/caddy-webhooks"
)

func main() {
	caddycmd.Main()
}
