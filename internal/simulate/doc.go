// Package simulate sends requests through an adapted configuration without a
// network: nothing listens, reverse proxies record instead of sending, and
// what was decided on the way can be looked at afterwards. It serves the
// commands caddy webhooks test and explain.
package simulate
