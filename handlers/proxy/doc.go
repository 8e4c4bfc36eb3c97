// Package proxy is the directive webhook_proxy: what hands verified webhooks to apps.
// It has two ways. The handler webhook_forward is for plain upstreams; for all else
// there is Caddy's reverse_proxy, with the transport webhook.
package proxy
