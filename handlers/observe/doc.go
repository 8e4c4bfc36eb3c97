// Package observe tells operators what becomes of webhooks: by metrics, logs,
// traces and Caddy events, by the silence of those that are expected, and by the
// inspector and its admin endpoint.
package observe
