package verify

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Issued says where a token of webhook_token stands, and which ones are good.
type Issued struct {
	// The issuer's name, as webhook_token has it. Default: "webhooks".
	Issuer string `json:"issuer,omitempty"`

	// The header that holds the token. Default: Authorization.
	Header string `json:"header,omitempty"`

	// What stands before the token in the header, with its space. Case does not
	// matter. Default: "Bearer " in Authorization, nothing in other headers.
	Prefix *string `json:"prefix,omitempty"`

	// Keys that the tokens may be signed with, where Caddy's storage does not
	// have them and no webhook_token of this configuration names them: shared
	// secrets of 32 bytes or more, or Ed25519 keys, private or public, in PEM or
	// as JSON Web Keys. Placeholders are replaced as in secrets.
	Keys []string `json:"keys,omitempty"`
}

// DefaultIssuer is the name of an issuer to which none was given.
const DefaultIssuer = "webhooks"

// place returns the header and the prefix.
func (i *Issued) place() (header, prefix string) {
	header = "Authorization"
	if i.Header != "" {
		header = http.CanonicalHeaderKey(i.Header)
	}
	switch {
	case i.Prefix != nil:
		prefix = *i.Prefix
	case header == "Authorization":
		prefix = "Bearer "
	}
	return header, prefix
}

// HeaderName returns the canonical name of the header that holds the token.
func (i *Issued) HeaderName() string {
	header, _ := i.place()
	return header
}

// Put puts a token into a request, as the provider would.
func (i *Issued) Put(r *Request, token string) {
	header, prefix := i.place()
	r.Header.Set(header, prefix+token)
}

// validateIssued finds headers that nobody can fill in.
func (c *Config) validateIssued(spec *Spec) error {
	if c.Issued == nil {
		return nil
	}
	header, _ := c.Issued.place()
	if !httpguts.ValidHeaderFieldName(header) {
		return fmt.Errorf("issued: %q is not the name of a header", header)
	}
	for i, key := range c.Issued.Keys {
		if isBlank(key) {
			return fmt.Errorf("issued: key %d is empty", i+1)
		}
	}
	for _, other := range c.TokenHeaders {
		if http.CanonicalHeaderKey(other.Name) == header {
			return fmt.Errorf("issued and token_header both read the header %s, so nobody could pass", header)
		}
	}
	if header != "Authorization" {
		return nil
	}
	const otherHeader = " both read the header Authorization, so nobody could pass; write inside issued: header <name>"
	switch {
	case len(c.Basic) > 0:
		return errors.New("issued and basic" + otherHeader)
	case len(c.Tokens) > 0 && (spec.Token == nil || spec.Token.From == ""):
		return errors.New("issued and token" + otherHeader)
	}
	return nil
}

// issuedScheme is a token that webhook_token has issued.
type issuedScheme struct {
	issuer string
	from   field
	prefix string
	decide func(token string, now time.Time) error
}

func newIssued(config *Issued, decide func(string, time.Time) error) *issuedScheme {
	header, prefix := config.place()
	return &issuedScheme{
		issuer: defaultText(config.Issuer, DefaultIssuer),
		from:   field{kind: headerField, name: header},
		prefix: prefix,
		decide: decide,
	}
}

func (*issuedScheme) coverage() Coverage { return SignedNothing }

func (s *issuedScheme) admit(m *message) error {
	value, present, err := m.text(&s.from)
	switch {
	case err != nil:
		return refuse(BadToken, "ambiguous: %v", err)
	case !present || value == "":
		return refuse(MissingToken, "%s is absent or empty", &s.from)
	}
	token, ok := cutPrefixFold(value, s.prefix)
	if !ok {
		return refuse(BadToken, "%s does not begin with %q", &s.from, s.prefix)
	}
	err = s.decide(strings.TrimSpace(token), m.Received)
	if _, refused := errors.AsType[*Error](err); err == nil || refused {
		return err
	}
	return refuse(KeysUnavailable, "%v", err)
}

func (*issuedScheme) verify(*message) error { return nil }
