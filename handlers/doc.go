// Package handlers makes Caddy modules of the other packages, a file for each: the
// app webhooks, the HTTP handlers webhook_auth, webhook_routes, webhook_rewrite,
// webhook_sign and webhook_token, the transport webhook, the matchers webhook_event
// and webhook_expr, the encoder webhook_redact, and the directives.
package handlers
