package extensions_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/examples/extensions"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

const secret = "a-secret-of-acme-1"

func start(t *testing.T) *webhooktest.Server {
	t.Helper()
	t.Setenv("ACME_SECRET", secret)
	config, err := os.ReadFile("Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	return webhooktest.Start(t, strings.Replace(string(config), "localhost:8080 {", "http://localhost:8080 {", 1))
}

func TestScheme(t *testing.T) {
	srv := start(t)
	const body = `{"type": "order.paid", "id": "1"}`
	// openssl dgst -sha3-256 -mac HMAC -macopt key:a-secret-of-acme-1
	const signature = "12a9572488cfffc5e66e84926a6b383cc455689360ecb99aa6fc13c39a989551"
	for name, test := range map[string]struct {
		body, header string
		status       int
	}{
		"right":          {body, "X-Signature-Sha3: " + signature, http.StatusOK},
		"another body":   {strings.Replace(body, "1", "2", 1), "X-Signature-Sha3: " + signature, http.StatusUnauthorized},
		"not hex":        {body, "X-Signature-Sha3: signature", http.StatusUnauthorized},
		"no signature":   {body, "X-Other: " + signature, http.StatusUnauthorized},
		"half signature": {body, "X-Signature-Sha3: " + signature[:32], http.StatusUnauthorized},
	} {
		answer := srv.Post("/acme", test.body, "Host: localhost", test.header)
		if answer.Status != test.status || test.status == http.StatusOK && answer.Body != "order.paid of acme" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
	}
}

// A secret that the scheme does not take stops the configuration, not a webhook.
func TestSchemeChecksSecrets(t *testing.T) {
	config, err := os.ReadFile("Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACME_SECRET", "too short")
	if err := webhooktest.Validate(t, string(config)); err == nil || !strings.Contains(err.Error(), "it must have 16") {
		t.Errorf("the error is %v", err)
	}
}

// The cases beside the Caddyfile have the scheme sign.
func TestCases(t *testing.T) {
	t.Setenv("ACME_SECRET", secret)
	var output bytes.Buffer
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS("../..")).CobraFunc(root)
	root.SetOut(&output)
	root.SetArgs([]string{"test", "--config", "Caddyfile"})
	if err := root.Execute(); err != nil {
		t.Errorf("%v\n%s", err, &output)
	}
}

func TestTenants(t *testing.T) {
	tenanttest.Run(t, func(t testing.TB) *tenanttest.Fixture {
		const prefix = "EXTENSION_TEST"
		clean := func(id string) { _ = os.Unsetenv(prefix + "_" + id) }
		return &tenanttest.Fixture{
			Source: &extensions.Environment{Prefix: prefix},
			Set: func(id string, document []byte) {
				if err := os.Setenv(prefix+"_"+id, string(document)); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { clean(id) })
			},
			Remove: clean,
		}
	})
}
