// Command caddy is Caddy with this module and what keeps webhooks in a NATS
// cluster, for trying it out and for tests.
// For production, build with xcaddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	// plug in Caddy's standard modules and these
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-webhooks/caddy-webhooks"
	_ "github.com/caddy-webhooks/caddy-webhooks/nats"
)

func main() {
	caddycmd.Main()
}
