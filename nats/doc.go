// Package nats keeps webhooks in a NATS JetStream cluster, for several instances
// of Caddy that have no disk in common: webhooks.stores.nats delivers them later,
// and webhooks.replay.nats lets instances know each other's duplicates.
//
// It is the one package that needs NATS, and a build of its own:
//
//	xcaddy build --with github.com/caddy-webhooks/caddy-webhooks \
//		--with github.com/caddy-webhooks/caddy-webhooks/nats
package nats
