package diagnose_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// FuzzNear gives a diagnosis requests that anybody may send. It must neither
// fail nor show the secret.
func FuzzNear(f *testing.F) {
	f.Add("X-Hub-Signature-256", "sha256=00", "/hook?a=b", `{"a":[1,{"b":null}],"c":"\u00e9"}`)
	f.Add("Stripe-Signature", "t=1,v1=00,v1=", "/%7b", "a=b&c=%zz")
	f.Add("Webhook-Signature", "v1,AAAA v2,BBBB", "//", "[[[[")
	f.Fuzz(func(t *testing.T, name, value, uri, body string) {
		target, err := url.ParseRequestURI(uri)
		if err != nil {
			return
		}
		target.Scheme, target.Host = "http", "hooks.example.com"
		r := &diagnose.Request{Method: "POST", URL: target, Header: http.Header{}, Body: []byte(body), Received: nearNow}
		r.Header.Set(name, value)
		for _, provider := range []string{"github", "stripe", "standard-webhooks", "square", "instaleap"} {
			spec, _ := verify.Builtin(provider)
			e := &diagnose.Endpoint{Spec: spec, Config: &verify.Config{Provider: provider, Secrets: []string{nearSecret}}}
			for _, reason := range []verify.Reason{verify.BadSignature, verify.MissingSignature, verify.Stale} {
				for _, note := range diagnose.Near(r, e, &verify.Error{Reason: reason}) {
					if strings.Contains(note, nearSecret) && !strings.Contains(name+uri, nearSecret) {
						t.Errorf("it shows the secret: %q", note)
					}
				}
			}
		}
	})
}
