package verify_test

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Whoever shows requests learns of every place that a verifier reads
// credentials from, and of those of the provider that are not configured.
func TestCredentials(t *testing.T) {
	tests := []struct {
		config  verify.Config
		headers []string // by their names in requests
		paths   []string
	}{
		{verify.Config{Provider: "github", Secrets: []string{secret}}, []string{"X-Hub-Signature-256", "Authorization", "Cookie"}, nil},
		{verify.Config{Provider: "instaleap", TokenHeaders: []verify.TokenHeader{{Name: "x-proof", Values: []string{"t"}}}}, []string{"X-Proof", "Instaleap-Signature"}, nil},
		{verify.Config{Provider: "adyen", Secrets: []string{"01"}}, nil, []string{"notificationItems.*.NotificationRequestItem.additionalData.hmacSignature"}},
		{verify.Config{Provider: "aws-sns", Secrets: []string{"arn:aws:sns:us-east-1:123456789012:orders"}}, nil, []string{"Signature", "Token", "SubscribeURL"}},
	}
	for _, test := range tests {
		spec, ok := verify.Builtin(test.config.Provider)
		if !ok {
			t.Fatalf("there is no %s", test.config.Provider)
		}
		v, err := verify.New(spec, &test.config)
		if err != nil {
			t.Fatal(err)
		}
		credentials := v.Credentials()
		for _, name := range test.headers {
			if !credentials.HoldHeader(name) {
				t.Errorf("%s: the header %s is not among %v", spec.Name, name, credentials.Headers)
			}
		}
		var paths []string
		for _, path := range credentials.Paths {
			paths = append(paths, path.String())
		}
		for _, path := range test.paths {
			if !slices.Contains(paths, path) {
				t.Errorf("%s: the path %s is not among %v", spec.Name, path, paths)
			}
		}
	}
	numbered := verify.Credentials{Headers: []string{"X-Part-#"}}
	for name, want := range map[string]bool{"X-Part-1": true, "X-Part-12": true, "X-Part-A": false, "X-Other-1": false} {
		if got := numbered.HoldHeader(name); got != want {
			t.Errorf("%s holds credentials: %t, want %t", name, got, want)
		}
	}
}
