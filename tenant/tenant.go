package tenant

import (
	"crypto/sha256"
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Tenant is a customer whose webhooks arrive. It is not changed once it is made:
// many requests share it.
type Tenant struct {
	// The tenant's id. Where a document has one, it must be the id that was asked
	// for.
	ID string `json:"id,omitempty"`

	// How webhooks of the tenant are verified, by the name of the endpoint, or of
	// the provider for all its endpoints. The endpoint's name comes first.
	Credentials map[string]*Credentials `json:"credentials,omitempty"`

	// What else is known of the tenant, for placeholders and rules.
	Vars map[string]string `json:"vars,omitempty"`

	// No webhook of the tenant is accepted.
	Disabled bool `json:"disabled,omitempty"`

	version Version
}

// Credentials are what proves that webhooks are the tenant's. Different kinds
// that stand together must all be right; values of one kind are alternatives.
// Values are taken as they stand: no placeholder is replaced.
type Credentials struct {
	// Keys of the provider's own scheme.
	Secrets []string `json:"secrets,omitempty"`

	// Public keys of the provider's own scheme.
	PublicKeys []string `json:"public_keys,omitempty"`

	// Static tokens in the header that the provider uses for them.
	Tokens []string `json:"tokens,omitempty"`

	// Accounts of Basic authentication.
	Basic []verify.Account `json:"basic,omitempty"`
}

// Version tells the states of a tenant apart: equal ones have equal versions.
type Version [sha256.Size]byte

// Version returns the version of the document that the tenant was read from.
func (t *Tenant) Version() Version { return t.version }

// For returns the credentials for an endpoint of a provider.
func (t *Tenant) For(endpoint, provider string) (*Credentials, bool) {
	credentials, ok := t.Credentials[endpoint]
	if !ok {
		credentials, ok = t.Credentials[provider]
	}
	return credentials, ok
}

// Apply puts the credentials into the configuration of an endpoint of a provider, in
// place of its own of these kinds.
func (c *Credentials) Apply(spec *verify.Spec, config *verify.Config) error {
	if len(c.PublicKeys) > 0 && !spec.TakesPublicKeys() {
		return broken("public_keys: %s has none; everybody knows a public key, so it is no secret", spec.Name)
	}
	config.Secrets = append(append([]string(nil), c.Secrets...), c.PublicKeys...)
	config.Tokens, config.Basic = c.Tokens, c.Basic
	return nil
}

// check refuses what nobody can mean as a credential.
func (c *Credentials) check() error {
	for _, kind := range []struct {
		name   string
		values []string
	}{{"secrets", c.Secrets}, {"public_keys", c.PublicKeys}, {"tokens", c.Tokens}} {
		for i, value := range kind.values {
			if err := checkValue(value); err != nil {
				return fmt.Errorf("%s: value %d %w", kind.name, i+1, err)
			}
		}
	}
	for i, account := range c.Basic {
		if err := checkValue(account.Password); err != nil {
			return fmt.Errorf("basic: password %d %w", i+1, err)
		}
	}
	return nil
}
