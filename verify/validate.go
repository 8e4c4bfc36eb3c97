package verify

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Check finds mistakes that can be seen while credentials are still
// placeholders: it is what New demands, without the values of secrets.
func (c *Config) Check(spec *Spec) error {
	if c.Tenant != nil {
		nobody, err := c.Nobody(spec)
		if err != nil {
			return err
		}
		return nobody.Check(spec)
	}
	if err := c.validate(spec); err != nil {
		return err
	}
	if _, err := parsePrefixes(c.Sources, spec); err != nil {
		return err
	}
	if _, err := parsePublicURL(c.PublicURL); err != nil {
		return err
	}
	_, err := Compile(c.Effective(spec))
	return err
}

// validate finds configurations that would accept everybody or nobody.
func (c *Config) validate(spec *Spec) error {
	proven := c.hasCredentials()
	if spec.Token != nil && spec.Token.HandshakeOnly {
		proven = len(c.Secrets) > 0 || len(c.TokenHeaders) > 0 || len(c.Basic) > 0 || c.Issued != nil || c.JWT != nil
	}
	switch {
	case c.Tenant != nil:
		return errors.New("the credentials are those of a tenant, and it is not said of which")
	case c.Unverified && c.hasCredentials():
		return errors.New("unverified means that nothing is checked; remove it, or remove the credentials")
	case !c.Unverified && !proven:
		return fmt.Errorf("no credentials for %s: write %s, or unverified to accept everybody", spec.Name, spec.wants())
	case c.ConfirmSubscription && spec.Scheme != "aws_sns":
		return fmt.Errorf("%s has no subscriptions to confirm; remove confirm_subscription", spec.Name)
	case len(c.Basic) > 0 && len(c.Tokens) > 0 && (spec.Token == nil || spec.Token.From == ""):
		return errors.New("token and basic both read the header Authorization, so nobody could pass; " +
			"write token_header with the name of another header, or one of them only")
	case len(c.Secrets) > 0 && !spec.usesSecret():
		return fmt.Errorf("%s has no scheme that uses a secret; write %s instead", spec.Name, spec.insteadOfSecret())
	}
	for i, secret := range c.Secrets {
		if isBlank(secret) {
			return fmt.Errorf("secret %d is empty", i+1)
		}
	}
	for i, token := range c.Tokens {
		if isBlank(token) {
			return fmt.Errorf("token %d is empty", i+1)
		}
	}
	if c.JWT != nil {
		if err := c.JWT.validate(spec); err != nil {
			return err
		}
		if err := c.JWT.checkAlone(c, spec); err != nil {
			return err
		}
	}
	return errors.Join(c.validateHeaders(), c.validateAccounts(), c.validateIssued(spec))
}

func (c *Config) validateHeaders() error {
	seen := make(map[string]bool)
	for i, header := range c.TokenHeaders {
		name := http.CanonicalHeaderKey(header.Name)
		if seen[name] {
			return fmt.Errorf("token_header %s is given twice; write its values together", header.Name)
		}
		seen[name] = true
		if !httpguts.ValidHeaderFieldName(header.Name) {
			return fmt.Errorf("token_header %d: %q is not the name of a header", i+1, header.Name)
		}
		if len(header.Values) == 0 {
			return fmt.Errorf("token_header %s has no value", header.Name)
		}
		if slices.ContainsFunc(header.Values, isBlank) {
			return fmt.Errorf("token_header %s has an empty value", header.Name)
		}
	}
	return nil
}

func (c *Config) validateAccounts() error {
	for i, account := range c.Basic {
		switch {
		case account.Username == "":
			return fmt.Errorf("basic account %d has no user name", i+1)
		case strings.Contains(account.Username, ":"):
			return fmt.Errorf("basic account %d: a user name cannot contain a colon", i+1)
		case isZero([]byte(account.Password)):
			return fmt.Errorf("basic account %d has an empty password", i+1)
		}
	}
	return nil
}

// insteadOfSecret names the credentials for a provider without secrets.
func (s *Spec) insteadOfSecret() string {
	if s.PublishesKeys() {
		return "jwt"
	}
	return "token or basic"
}

// wants says which credentials an operator can write for the provider.
func (s *Spec) wants() string {
	kinds := s.Credentials
	if len(kinds) == 0 {
		kinds = []string{"token", "basic"}
		switch {
		case s.usesSecret():
			kinds = []string{"secret"}
		case s.PublishesKeys():
			kinds = []string{"jwt"}
		}
	}
	return strings.Join(kinds, " or ")
}
