package handlers

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Only a proxy whose attempts are the same on any request, and wait nowhere but
// in the exchange, runs on the sender's.
func TestOnlyProxies(t *testing.T) {
	const webhook = `"transport": {"protocol": "webhook"}, "upstreams": [{"dial": "app:8080"}]`
	for options, want := range map[string]bool{
		webhook: true,
		webhook + `, "headers": {"request": {"set": {"X-From": ["caddy"]}}}`:                      true,
		webhook + `, "load_balancing": {"selection_policy": {"policy": "first"}}`:                 true,
		webhook + `, "health_checks": {"active": {"uri": "/"}}`:                                   true,
		webhook + `, "flush_interval": -1`:                                                        true,
		`"transport": {"protocol": "webhook", "tls": {}}, "upstreams": [{"dial": "app:8080"}]`:    true,
		`"transport": {"protocol": "http"}, "upstreams": [{"dial": "app:8080"}]`:                  false,
		`"upstreams": [{"dial": "app:8080"}]`:                                                     false,
		`"transport": {"protocol": "webhook", "proxy_protocol": "v2"}`:                            false,
		`"transport": {"protocol": "webhook"}, "upstreams": [{"dial": "{http.vars.app}:80"}]`:     false,
		`"transport": {"protocol": "webhook"}, "upstreams": [{"dial": "a:1", "max_requests": 1}]`: false,
		`"transport": {"protocol": "webhook"}, "dynamic_upstreams": {"source": "srv"}`:            false,
		webhook + `, "headers": {"request": {"set": {"X-Id": ["{http.webhook.id}"]}}}`:            false,
		webhook + `, "headers": {"request": {"set": {"{http.vars.name}": ["x"]}}}`:                false,
		webhook + `, "load_balancing": {"retries": 2}`:                                            false,
		webhook + `, "load_balancing": {"try_duration": 1000}`:                                    false,
		webhook + `, "health_checks": {"passive": {"fail_duration": 1000}}`:                       false,
		webhook + `, "handle_response": [{"status_code": 200}]`:                                   false,
		webhook + `, "rewrite": {"uri": "/x"}`:                                                    false,
		webhook + `, "response_buffers": 4096`:                                                    false,
	} {
		raw := json.RawMessage(`{"handler": "reverse_proxy", ` + options + `}`)
		if got := onlyProxies(caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{raw}}}); got != want {
			t.Errorf("%s: %v", options, got)
		}
		if onlyProxies(caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{raw, raw}}}) {
			t.Errorf("twice %s", options)
		}
	}
	if raw := json.RawMessage(`{"handler": "static_response"}`); onlyProxies(caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{raw}}}) {
		t.Error("another handler")
	}
}
