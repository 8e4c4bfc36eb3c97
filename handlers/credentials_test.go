package handlers_test

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Whatever proves who has sent a webhook is known, also where the operator has
// named the header.
func TestCredentialPlaces(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	tests := map[string]verify.Config{
		"header.Instaleap-Signature": {Secrets: []string{"secret"}},
		"header.X-Static":            {TokenHeaders: []verify.TokenHeader{{Name: "X-Static", Values: []string{"token"}}}},
		"header.X-Jwt":               {JWT: &verify.JWTCredential{Header: "x-jwt"}},
		"header.X-Issued":            {Issued: &verify.Issued{Header: "x-issued"}},
		"header.Authorization":       {Issued: &verify.Issued{}},
	}
	for want, config := range tests {
		places := handlers.CredentialPlaces(spec, &config)
		if !slices.Contains(places, want) {
			t.Errorf("%v lacks %s", places, want)
		}
	}
}
