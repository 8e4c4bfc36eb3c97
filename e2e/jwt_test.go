package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// issued is an endpoint for tokens of an issuer.
func issued(up *webhooktest.Upstream, issuer *webhooktest.Issuer, lines ...string) string {
	block := append([]string{
		"jwks_url " + issuer.URL() + "/jwks", "algorithms ES256", "issuer " + issuer.URL(), "audience hooks",
	}, lines...)
	return endpoint(up, "jelp", "jwt {\n"+strings.Join(block, "\n")+"\n}")
}

func bearer(token string) string { return "Authorization: Bearer " + token }

func TestIssuedTokens(t *testing.T) {
	up, issuer := webhooktest.NewUpstream(t), webhooktest.NewIssuer(t)
	srv := webhooktest.Start(t, issued(up, issuer, `require claims.scope == "webhooks"`))
	if n := issuer.Fetches(); n != 0 {
		t.Errorf("%d fetches while loading", n)
	}
	scope := map[string]any{"scope": "webhooks"}
	with := func(name string, value any) map[string]any { return map[string]any{"scope": "webhooks", name: value} }
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	good := issuer.Token("hooks", scope)
	accepted := srv.Post("/hook", validBody, bearer(good))
	checkStatus(t, accepted, 200)
	for name, test := range map[string]struct{ token, reason, detail string }{
		"expired":           {issuer.Token("hooks", with("exp", ago(time.Hour))), "bad_token", "the token has expired at "},
		"without an end":    {issuer.Token("hooks", with("exp", nil)), "bad_token", "does not say when it expires"},
		"another audience":  {issuer.Token("other", scope), "bad_token", `audience does not include "hooks"`},
		"another issuer":    {issuer.Token("hooks", with("iss", "https://evil.example.com")), "bad_token", `issuer is "https://evil.example.com"`},
		"another scope":     {issuer.Token("hooks", nil), "bad_token", `claims.scope == "webhooks"`},
		"another signature": {good[:len(good)-4] + "AAAA", "bad_token", "signature does not match the key that it names"},
		"another server":    {webhooktest.NewIssuer(t).Token("hooks", with("iss", issuer.URL())), "bad_token", "signature does not match"},
		"unsigned":          {"eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".", "bad_token", "no token signed by ES256"},
		"empty":             {"", "bad_token", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(srv.Log.Find(webhooktest.Message("webhook refused")))
			answer := srv.Post("/hook", validBody, bearer(test.token), "X-Tell: yes")
			checkReason(t, answer, 401, test.reason)
			if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer realm="webhooks"` {
				t.Errorf("WWW-Authenticate is %q", got)
			}
			entries := srv.Log.WaitAll(t, webhooktest.Message("webhook refused"), before+1)
			if got := entries[before].Text("detail"); !strings.Contains(got, test.detail) {
				t.Errorf("the log says %q; want %q", got, test.detail)
			}
		})
	}
	checkReason(t, srv.Post("/hook", validBody, "X-Tell: yes"), 401, "missing_token")
	if n := issuer.Fetches(); n != 1 {
		t.Errorf("%d fetches; want 1", n)
	}
	if strings.Contains(srv.Log.String(), strings.Split(good, ".")[2]) {
		t.Error("the log holds a token")
	}
}

// Whether the sender may come again is told from whether the keys were there.
func TestIssuerDown(t *testing.T) {
	up, issuer := webhooktest.NewUpstream(t), webhooktest.NewIssuer(t)
	issuer.SetDown(true)
	srv := webhooktest.Start(t, issued(up, issuer))
	for range 3 {
		checkReason(t, srv.Post("/hook", validBody, bearer(issuer.Token("hooks", nil)), "X-Tell: yes"), 503, "keys_unavailable")
	}
	if n := issuer.Fetches(); n != 1 {
		t.Errorf("%d fetches; want 1 a minute", n)
	}
	checkReason(t, srv.Post("/hook", validBody, bearer("no-token"), "X-Tell: yes"), 401, "bad_token")
	srv.Log.Wait(t, webhooktest.Message("keys for tokens"))
	up.None()
}

// Keys outlast a reload, also while the issuer is down.
func TestIssuerDownWhileReloading(t *testing.T) {
	up, issuer := webhooktest.NewUpstream(t), webhooktest.NewIssuer(t)
	srv := webhooktest.Start(t, issued(up, issuer))
	token := bearer(issuer.Token("hooks", nil))
	checkStatus(t, srv.Post("/hook", validBody, token), 200)
	issuer.SetDown(true)
	srv.Reload(issued(up, issuer, "header Authorization Bearer"))
	checkStatus(t, srv.Post("/hook", validBody, token), 200)
	if n := issuer.Fetches(); n != 1 {
		t.Errorf("%d fetches; want 1", n)
	}
	srv.Reload(endpoint(up, "jelp", "token "+testToken))
	srv.Reload(issued(up, issuer)) // nobody has kept them in between
	checkReason(t, srv.Post("/hook", validBody, token, "X-Tell: yes"), 503, "keys_unavailable")
}

// Keys and issuer may stand outside the configuration. What is shown of it has
// none of them.
func TestIssuedTokensByPlaceholders(t *testing.T) {
	up, issuer := webhooktest.NewUpstream(t), webhooktest.NewIssuer(t)
	t.Setenv("WEBHOOK_JWKS_URL", issuer.URL()+"/jwks")
	t.Setenv("WEBHOOK_ISSUER", issuer.URL())
	t.Setenv("WEBHOOK_AUDIENCE", "hooks")
	config := endpoint(up, "github "+testSecret, `jwt {
		jwks_url {env.WEBHOOK_JWKS_URL}
		algorithms ES256
		issuer {env.WEBHOOK_ISSUER}
		audience {env.WEBHOOK_AUDIENCE}
	}`)
	srv := webhooktest.Start(t, config)
	checkStatus(t, push(srv, validBody, bearer(issuer.Token("hooks", nil))), 200)
	checkReason(t, push(srv, validBody, "X-Tell: yes"), 401, "missing_token")
	checkReason(t, srv.Post("/hook", validBody, bearer(issuer.Token("hooks", nil)), "X-Tell: yes"), 401, "missing_signature")
	t.Setenv("WEBHOOK_JWKS_URL", "http://auth.example.com/jwks")
	if err := webhooktest.Validate(t, config); err == nil || !strings.Contains(err.Error(), "must begin with https://") {
		t.Errorf("plain HTTP loads: %v", err)
	}
}
