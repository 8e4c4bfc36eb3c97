package verify

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Verifier checks the requests of one endpoint. It is safe for concurrent use.
type Verifier struct {
	provider *Provider
	checks   []check
	signed   Coverage
	methods  []string
	sources  []netip.Prefix
}

// check is one kind of credential.
type check interface {
	// admit refuses what can be refused without the body.
	admit(r *Request) error
	// verify checks the rest.
	verify(m *message) error
}

// New joins what a provider does with what an operator wants. The credentials
// of config are taken as they are, without placeholders.
func New(spec *Spec, config *Config) (*Verifier, error) {
	if err := config.validate(spec); err != nil {
		return nil, err
	}
	provider, err := Compile(config.spec(spec))
	if err != nil {
		return nil, err
	}
	v := &Verifier{provider: provider, methods: provider.Spec.Methods, signed: SignedNothing}
	if len(v.methods) == 0 {
		v.methods = []string{"POST"}
	}
	if v.sources, err = parseSourcesAllowed(config.Sources, spec); err != nil {
		return nil, err
	}
	tokens := config.Tokens
	switch {
	case len(config.Secrets) == 0:
	case provider.signature == nil:
		tokens = slices.Concat(config.Secrets, tokens)
	default:
		scheme, err := newHMAC(provider, config.Secrets)
		if err != nil {
			return nil, err
		}
		v.checks = append(v.checks, scheme)
		v.signed = provider.Coverage()
	}
	v.addTokens(tokens, config)
	return v, nil
}

// addTokens adds the credentials that are compared as they are.
func (v *Verifier) addTokens(tokens []string, config *Config) {
	if len(tokens) > 0 {
		header, prefix := v.provider.Spec.tokenHeader()
		v.checks = append(v.checks, newToken(header, prefix, tokens))
	}
	for _, token := range config.TokenHeaders {
		v.checks = append(v.checks, newToken(token.Name, "", token.Values))
	}
	if len(config.Basic) > 0 {
		v.checks = append(v.checks, newBasic(config.Basic))
	}
}

// Check finds mistakes that can be seen while credentials are still
// placeholders: it is what New demands, without the values of secrets.
func (c *Config) Check(spec *Spec) error {
	if err := c.validate(spec); err != nil {
		return err
	}
	if _, err := parseSourcesAllowed(c.Sources, spec); err != nil {
		return err
	}
	_, err := Compile(c.spec(spec))
	return err
}

// validate finds configurations that would accept everybody or nobody.
func (c *Config) validate(spec *Spec) error {
	switch {
	case c.Unverified && c.hasCredentials():
		return errors.New("unverified means that nothing is checked; remove it, or remove the credentials")
	case !c.Unverified && !c.hasCredentials():
		return fmt.Errorf("no credentials for %s: write %s, or unverified to accept everybody", spec.Name, spec.wants())
	case len(c.Secrets) > 0 && !spec.usesSecret():
		return fmt.Errorf("%s has no scheme that uses a secret; write token or basic instead", spec.Name)
	}
	for i, secret := range c.Secrets {
		if strings.TrimSpace(secret) == "" {
			return fmt.Errorf("secret %d is empty", i+1)
		}
	}
	for i, token := range c.Tokens {
		if strings.TrimSpace(token) == "" {
			return fmt.Errorf("token %d is empty", i+1)
		}
	}
	return errors.Join(c.validateHeaders(), c.validateAccounts())
}

func (c *Config) validateHeaders() error {
	for i, header := range c.TokenHeaders {
		if header.Name == "" || strings.ContainsAny(header.Name, " \t\r\n:") {
			return fmt.Errorf("token_header %d: %q is not the name of a header", i+1, header.Name)
		}
		if len(header.Values) == 0 {
			return fmt.Errorf("token_header %s has no value", header.Name)
		}
		for _, value := range header.Values {
			if strings.TrimSpace(value) == "" {
				return fmt.Errorf("token_header %s has an empty value", header.Name)
			}
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
		case account.Password == "":
			return fmt.Errorf("basic account %d has an empty password", i+1)
		}
	}
	return nil
}

// wants says which credentials an operator can write for the provider.
func (s *Spec) wants() string {
	kinds := s.Credentials
	if len(kinds) == 0 {
		kinds = []string{"token", "basic"}
		if s.usesSecret() {
			kinds = []string{"secret"}
		}
	}
	return strings.Join(kinds, " or ")
}

// Published stands for the addresses that a provider publishes.
const Published = "published"

func parseSourcesAllowed(entries []string, spec *Spec) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, entry := range entries {
		texts := []string{entry}
		if entry == Published {
			if texts = spec.Sources; len(texts) == 0 {
				return nil, fmt.Errorf("sources: %s publishes no addresses; list them", spec.Name)
			}
		}
		for _, text := range texts {
			prefix, err := parsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("sources: %w", err)
			}
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is not an address or CIDR range", text)
	}
	return prefix.Masked(), nil
}

// Provider returns the provider with the operator's corrections.
func (v *Verifier) Provider() *Provider { return v.provider }

// Methods returns the HTTP methods that are accepted.
func (v *Verifier) Methods() []string { return v.methods }

// Admit refuses what can be refused before the body is read. Errors are of
// type *Error.
func (v *Verifier) Admit(r *Request) error {
	if !slices.Contains(v.methods, r.Method) {
		return refuse(BadMethod, "%s is not one of %s", r.Method, strings.Join(v.methods, ", "))
	}
	if len(v.sources) > 0 {
		address := r.ClientIP.Unmap().WithZone("")
		if !slices.ContainsFunc(v.sources, func(p netip.Prefix) bool { return p.Contains(address) }) {
			return refuse(BadSource, "%s is not an allowed address", r.ClientIP)
		}
	}
	for _, c := range v.checks {
		if err := c.admit(r); err != nil {
			return err
		}
	}
	for _, encoding := range r.Header["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return refuse(BadEncoding, "a compressed body (%.40q) is not accepted", encoding)
		}
	}
	return nil
}

// Verify checks an admitted request whose Body has been set. Errors are of
// type *Error.
func (v *Verifier) Verify(r *Request) (*Result, error) {
	r.fields = &v.provider.finder
	m := &message{Request: r, provider: v.provider}
	for _, c := range v.checks {
		if err := c.verify(m); err != nil {
			return nil, err
		}
	}
	return m.result(v.signed)
}
