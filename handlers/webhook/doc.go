// Package webhook is a verified webhook on its way through Caddy's handlers: its
// event, its body in memory, the headers and placeholders that tell of it, and the
// answers to what is refused. It knows neither configurations nor who watches.
package webhook
