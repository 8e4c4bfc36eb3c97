// Package handlers makes Caddy modules of packages verify and route: the app
// webhooks, the HTTP handlers webhook_auth and webhook_rewrite, the matchers
// webhook_event and webhook_expr, and the command caddy webhooks.
package handlers
