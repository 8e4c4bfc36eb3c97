// Package handlers makes Caddy modules of the other packages: the app webhooks,
// the HTTP handlers webhook_auth, webhook_routes, webhook_rewrite, webhook_sign,
// webhook_token and webhook_deliver, the transport webhook, the matchers
// webhook_event and webhook_expr, the stores, and the admin endpoints.
package handlers
