package verify_test

import (
	"net/http"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// setupShakes are the handshakes of the providers that ask once, when a webhook
// is made, and prove by a token in the URL or in a header who asks, or by
// nothing.
func setupShakes(t testing.TB) []shake {
	t.Helper()
	echoed := func(name, value string) verify.Answer {
		return verify.Answer{Status: 200, Header: map[string]string{name: value}}
	}
	byToken := func(method, query string, headers ...string) hook {
		return hook{method: method, url: hooksURL + "?" + query, header: with(headers...)}
	}
	return []shake{
		{
			provider: "adobe-sign", hook: hook{method: http.MethodGet, header: with("X-AdobeSign-ClientId", "verify-me")},
			want: echoed("X-AdobeSign-ClientId", "verify-me"),
		},
		{
			provider: "keap", hook: post(`{"event_key":"contact.add"}`, "X-Hook-Secret", "b537207f"), echo: "header.X-Hook-Secret",
			want: echoed("X-Hook-Secret", "b537207f"),
		},
		{provider: "mailchimp", hook: byToken(http.MethodGet, "token=verify-me"), want: verify.Answer{Status: 200}},
		{
			provider: "oura", hook: get("verification_token=verify-me&challenge=c-1"), echo: "query.challenge",
			want: object(`{"challenge":"c-1"}`),
		},
		{
			provider: "salesforce-marketing-cloud", hook: post(`{"callbackId":"cb-1","verificationKey":"key-1"}`),
			want: verify.Answer{Status: 200, Show: "key-1"},
		},
		{
			provider: "smartsheet", hook: post(`{"challenge":"c-1"}`, "Smartsheet-Hook-Challenge", "c-1"), echo: "header.Smartsheet-Hook-Challenge",
			want: echoed("Smartsheet-Hook-Response", "c-1"),
		},
		{
			provider: "strava", hook: get("token=verify-me&hub.mode=subscribe&hub.challenge=15f7d1a9&hub.verify_token=x"), echo: "query.hub.challenge",
			want: object(`{"hub.challenge":"15f7d1a9"}`),
		},
		{provider: "surveymonkey", hook: hook{method: http.MethodHead}, want: verify.Answer{Status: 200}},
	}
}
