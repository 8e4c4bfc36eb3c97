// Package caddywebhooks receives webhooks in Caddy: it verifies that they come
// from their provider, routes them by event and rule, rewrites their payload
// and leaves them to Caddy's reverse proxy.
//
// Importing this package is all that a build of Caddy needs:
//
//	xcaddy build --with github.com/caddy-webhooks/caddy-webhooks
//
// What it registers is listed below; the modules are in package handlers.
package caddywebhooks

import (
	"embed"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-webhooks/caddy-webhooks/archive/segment"
	"github.com/caddy-webhooks/caddy-webhooks/command"
	deliverbolt "github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/proxy"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/internal/samples"
	replaybolt "github.com/caddy-webhooks/caddy-webhooks/replay/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
)

//go:generate sh -c "go run ./cmd/caddy webhooks providers --markdown > docs/providers.md"
//go:generate sh -c "go run ./internal/schema > docs/editors/caddy-webhooks.schema.json"

// stored are the samples of providers: what the command caddy webhooks send can
// send, and what the paths in rules are held against.
//
//go:embed testdata/*/*.json testdata/*/*.form testdata/*/*.http
var stored embed.FS

func init() {
	samples.Register(stored)

	caddy.RegisterModule(new(handlers.App))     // webhooks
	caddy.RegisterModule(handlers.Auth{})       // http.handlers.webhook_auth
	caddy.RegisterModule(handlers.Rewrite{})    // http.handlers.webhook_rewrite
	caddy.RegisterModule(handlers.Sign{})       // http.handlers.webhook_sign
	caddy.RegisterModule(handlers.Routes{})     // http.handlers.webhook_routes
	caddy.RegisterModule(proxy.Forward{})       // http.handlers.webhook_forward
	caddy.RegisterModule(proxy.Transport{})     // http.reverse_proxy.transport.webhook
	caddy.RegisterModule(handlers.Token{})      // http.handlers.webhook_token
	caddy.RegisterModule(observe.Admin{})       // admin.api.webhooks
	caddy.RegisterModule(delivery.Deliver{})    // http.handlers.webhook_deliver
	caddy.RegisterModule(deliverbolt.Engine{})  // webhooks.stores.bolt
	caddy.RegisterModule(delivery.QueueAPI{})   // admin.api.webhook_queue
	caddy.RegisterModule(handlers.MatchEvent{}) // http.matchers.webhook_event
	caddy.RegisterModule(handlers.MatchExpr{})  // http.matchers.webhook_expr

	caddy.RegisterModule(handlers.Redact{}) // caddy.logging.encoders.webhook_redact

	caddy.RegisterModule(memory.Engine{})     // webhooks.replay.memory
	caddy.RegisterModule(replaybolt.Engine{}) // webhooks.replay.bolt

	caddy.RegisterModule(segment.Engine{})   // webhooks.archives.segments
	caddy.RegisterModule(history.AdminAPI{}) // admin.api.webhook_events

	caddy.RegisterModule(tenants.File{})    // webhooks.tenants.file
	caddy.RegisterModule(tenants.Storage{}) // webhooks.tenants.storage
	caddy.RegisterModule(tenants.HTTP{})    // webhooks.tenants.http
	caddy.RegisterModule(tenants.Admin{})   // admin.api.webhook_tenants

	httpcaddyfile.RegisterGlobalOption("webhooks", handlers.ParseApp)
	httpcaddyfile.RegisterDirective("webhook_auth", handlers.ParseAuth)
	httpcaddyfile.RegisterDirective("handle_webhook", handlers.ParseHandleWebhook)
	httpcaddyfile.RegisterHandlerDirective("webhook_rewrite", handlers.ParseRewrite)
	httpcaddyfile.RegisterHandlerDirective("webhook_sign", handlers.ParseSign)
	httpcaddyfile.RegisterHandlerDirective("webhook_proxy", proxy.Parse)
	httpcaddyfile.RegisterHandlerDirective("webhook_token", handlers.ParseToken)
	httpcaddyfile.RegisterHandlerDirective("webhook_deliver", delivery.ParseDeliver)

	// before webhook_auth, which may stand without a matcher and refuse the rest
	httpcaddyfile.RegisterDirectiveOrder("webhook_token", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("webhook_auth", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("handle_webhook", httpcaddyfile.Before, "handle")
	httpcaddyfile.RegisterDirectiveOrder("webhook_rewrite", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirectiveOrder("webhook_sign", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirectiveOrder("webhook_deliver", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirectiveOrder("webhook_proxy", httpcaddyfile.Before, "reverse_proxy")

	caddycmd.RegisterCommand(command.New(stored)) // caddy webhooks
}
