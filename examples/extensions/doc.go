// Package extensions shows what somebody writes who adds to caddy-webhooks without
// changing it: a scheme that no description of a provider can say, and a source of
// tenants. A build has them if it imports this package:
//
//	xcaddy build --with github.com/caddy-webhooks/caddy-webhooks/examples/extensions
package extensions
