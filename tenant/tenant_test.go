package tenant_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// The endpoint's own credentials come before the provider's, and are all there are.
func TestFor(t *testing.T) {
	got, err := tenant.Parse("acme", []byte(`{"credentials": {
		"shopify": {"secrets": ["of-the-provider"]},
		"orders": {"tokens": ["of-the-endpoint"]}
	}}`))
	must(t, err)
	if c, ok := got.For("orders", "shopify"); !ok || len(c.Secrets) != 0 || c.Tokens[0] != "of-the-endpoint" {
		t.Errorf("orders: %+v, %v", c, ok)
	}
	if c, ok := got.For("refunds", "shopify"); !ok || c.Secrets[0] != "of-the-provider" {
		t.Errorf("refunds: %+v, %v", c, ok)
	}
	if c, ok := got.For("refunds", "github"); ok || c != nil {
		t.Errorf("github: %+v, %v", c, ok)
	}
}

// A public key is never the secret of a scheme whose secrets make signatures.
func TestApply(t *testing.T) {
	credentials := &tenant.Credentials{PublicKeys: []string{"-----BEGIN PUBLIC KEY-----"}}
	for provider, good := range map[string]bool{"shopify": false, "github": false, "stripe": false, "gitlab": false, "discord": true} {
		spec, ok := verify.Builtin(provider)
		if !ok {
			t.Fatalf("%s is not built in", provider)
		}
		config := &verify.Config{Secrets: []string{"the block's own"}}
		if err := credentials.Apply(spec, config); (err == nil) != good {
			t.Errorf("%s: %v", provider, err)
		} else if good && (len(config.Secrets) != 1 || config.Secrets[0] != credentials.PublicKeys[0]) {
			t.Errorf("%s: %q", provider, config.Secrets)
		}
	}
}

// A value of the wrong type is told of in the words of JSON, without the value.
func TestParseWrongType(t *testing.T) {
	for document, want := range map[string]string{
		`{"credentials": ["s3cret"]}`:                           "credentials is not an object",
		`{"credentials": {"shopify": "s3cret"}}`:                "is not an object",
		`{"credentials": {"shopify": {"secrets": "s3cret"}}}`:   "is not a list",
		`{"credentials": {"shopify": {"secrets": [31337]}}}`:    "is not a string",
		`{"credentials": {"shopify": {"basic": [["s3cret"]]}}}`: "is not an object",
		`{"vars": {"upstream": 31337}}`:                         "is not a string",
		`{"disabled": "s3cret"}`:                                "disabled is not true or false",
		`{"id": 31337}`:                                         "id is not a string",
	} {
		_, err := tenant.Parse("acme", []byte(document))
		switch {
		case err == nil || !strings.HasSuffix(err.Error(), want):
			t.Errorf("%s: %v", document, err)
		case strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "31337"):
			t.Errorf("%s: the value is in the error: %v", document, err)
		}
	}
}
