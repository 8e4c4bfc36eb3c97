package verify

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/http/httpguts"
)

// JWTCredential is a JSON Web Token (RFC 7519) that each request must bring
// along: one that the operator's own OAuth server issues, or that of a provider
// that publishes its keys.
//
// A token must be signed by one of the algorithms, name the issuer and the
// audience, say when it expires and not have expired, with a leeway of a
// minute. Where it points to keys of its own (jku, x5u, jwk), that is ignored.
type JWTCredential struct {
	// Keys that verify: a shared secret for HS256 and the like, else a public
	// key in PEM, as a JSON Web Key or as a set of them. Any one may verify; they
	// are tried before those at jwks_url. Placeholders such as {env.NAME} and
	// {file./path} are replaced when the configuration loads.
	Keys []string `json:"keys,omitempty"`

	// Where the issuer publishes its keys as a JSON Web Key Set, by https; http
	// only to this machine itself. It is fetched when the first token arrives,
	// renewed every hour and when a token names an unknown key, but at most
	// once a minute, within 5 seconds and up to 256 KiB. No redirect is
	// followed. While it cannot be fetched, the last good one stays in use; if
	// there is none, requests are answered with 503. Default: the provider's.
	JWKSURL string `json:"jwks_url,omitempty"`

	// The signature algorithms that are accepted (RFC 7518), such as RS256.
	// Default: the provider's.
	Algorithms []string `json:"algorithms,omitempty"`

	// The issuer that the claim iss must name. Default: the provider's, else
	// any that signs with the keys.
	Issuer string `json:"issuer,omitempty"`

	// The audience that the claim aud must name, perhaps among others.
	Audience string `json:"audience,omitempty"`

	// The header that holds the token. Default: Authorization.
	Header string `json:"header,omitempty"`

	// Text that stands before the token. Default: "Bearer " in the header
	// Authorization, nothing in others.
	Prefix *string `json:"prefix,omitempty"`

	// An expression over the claims that must be true, such as
	// claims.scope == "webhooks".
	Require string `json:"require,omitempty"`
}

// ClaimsRule decides by the claims of a token whose signature is right.
type ClaimsRule func(claims map[string]any) (bool, error)

// WithClaimsRules sets how expressions over claims are compiled. Without it,
// configurations that have one are refused.
func WithClaimsRules(compile func(source string) (ClaimsRule, error)) Option {
	return func(o *options) { o.compileClaims = compile }
}

// WithKeySet sets the key set at the configuration's KeySetURL, so that several
// Verifiers can share what was fetched.
func WithKeySet(set *KeySet) Option {
	return func(o *options) { o.keySet = set }
}

// KeySetURL returns the URL of the key set that the configuration needs; empty
// if it needs none.
func (c *Config) KeySetURL(spec *Spec) string {
	if c.JWT == nil {
		return ""
	}
	return c.JWT.describe(spec).JWKSURL
}

// describe says what the tokens must say: what the provider's do, where its
// keys are published, with what the operator has said.
func (c *JWTCredential) describe(spec *Spec) *JWT {
	described := new(JWT)
	if spec.PublishesKeys() {
		*described = *spec.JWT
	}
	for _, part := range []struct{ to, from *string }{
		{&described.JWKSURL, &c.JWKSURL}, {&described.Issuer, &c.Issuer}, {&described.Audience, &c.Audience},
	} {
		if *part.from != "" {
			*part.to = *part.from
		}
	}
	if len(c.Algorithms) > 0 {
		described.Algorithms = c.Algorithms
	}
	if c.Header != "" {
		described.From = "header." + c.Header
		described.Prefix = nil
	}
	if c.Prefix != nil {
		described.Prefix = c.Prefix
	}
	return described
}

// IsBearer reports whether the token stands in Authorization after "Bearer".
func (c *JWTCredential) IsBearer(spec *Spec) bool {
	if c == nil {
		return false
	}
	s, err := compileJWT(&Spec{JWT: c.describe(spec)})
	return err == nil && s.from.String() == "header.Authorization" && strings.EqualFold(s.prefix, "Bearer ")
}

// HeaderName returns the canonical name of the header that holds the token.
func (c *JWTCredential) HeaderName(spec *Spec) string {
	from := c.describe(spec).From
	if from == "" {
		return "Authorization"
	}
	return http.CanonicalHeaderKey(strings.TrimPrefix(from, "header."))
}

// validate finds credentials by which strangers could pass, or nobody.
func (c *JWTCredential) validate(spec *Spec) error {
	described := c.describe(spec)
	for _, name := range slices.Sorted(maps.Keys(described.Needs)) {
		if !c.says(name) {
			return fmt.Errorf("%s needs %s, or the tokens of strangers would pass; write jwt with a line such as: %s",
				spec.Name, name, described.neededLine(name))
		}
	}
	switch {
	case len(c.Keys) == 0 && described.JWKSURL == "":
		return errors.New("jwt needs a key, or jwks_url with the address of the issuer's keys")
	case len(described.Algorithms) == 0:
		return errors.New("jwt needs algorithms, because a token must not choose its own; write those of the issuer, such as RS256")
	case described.Audience == "" && c.Require == "" && described.Require == "":
		return errors.New("jwt needs audience, because an issuer makes tokens for others, too; " +
			"if its tokens have none, write require with what they have instead")
	case c.Header != "" && !httpguts.ValidHeaderFieldName(c.Header):
		return fmt.Errorf("jwt: %q is not the name of a header", c.Header)
	}
	for i, key := range c.Keys {
		if isBlank(key) {
			return fmt.Errorf("jwt: key %d is empty", i+1)
		}
	}
	_, err := compileJWT(&Spec{JWT: described})
	return err
}

// says reports whether the operator has written a part that is needed.
func (c *JWTCredential) says(name string) bool {
	return map[string]string{"issuer": c.Issuer, "audience": c.Audience, "require": c.Require}[name] != ""
}

// NeededLines are examples of the lines that an operator has to write.
func (j *JWT) NeededLines() []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(j.Needs)) {
		lines = append(lines, j.neededLine(name))
	}
	return lines
}

func (j *JWT) neededLine(name string) string {
	if name == "require" {
		return "require `" + j.Needs[name] + "`"
	}
	return name + " " + j.Needs[name]
}

// checkAlone refuses credentials that are read in the place of the token, so
// that nobody could have both.
func (c *JWTCredential) checkAlone(config *Config, spec *Spec) error {
	header := c.HeaderName(spec)
	var other string
	reads := func(from string) bool { return http.CanonicalHeaderKey(strings.TrimPrefix(from, "header.")) == header }
	tokenFrom, schemeFrom := "header.Authorization", "header.Authorization"
	if spec.Token != nil && spec.Token.From != "" {
		tokenFrom = spec.Token.From
	}
	if spec.JWT != nil && spec.JWT.From != "" {
		schemeFrom = spec.JWT.From
	}
	issuedHeader := ""
	if config.Issued != nil {
		issuedHeader, _ = config.Issued.place()
	}
	switch {
	case issuedHeader == header:
		other = "issued"
	case len(config.Basic) > 0 && header == "Authorization":
		other = "basic"
	case len(config.Tokens) > 0 && reads(tokenFrom):
		other = "token"
	case slices.ContainsFunc(config.TokenHeaders, func(h TokenHeader) bool { return reads(h.Name) }):
		other = "token_header"
	case len(config.Secrets) > 0 && (spec.Scheme == "jwt" && reads(schemeFrom) || spec.Scheme == "token" && reads(tokenFrom)):
		other = "secret"
	default:
		return nil
	}
	return fmt.Errorf("%s and jwt both read the header %s, so nobody could pass; "+
		"write header with another name in jwt, or one of them only", other, header)
}

// newJWTCredential makes the check of a credential.
func newJWTCredential(spec *Spec, c *JWTCredential, o *options) (*jwtScheme, error) {
	described := c.describe(spec)
	s, err := newJWT(&Spec{JWT: described}, c.Keys, "key")
	if err != nil {
		return nil, err
	}
	s.credential = true
	if described.JWKSURL != "" {
		if s.set = o.keySet; s.set == nil {
			if s.set, err = NewKeySet(described.JWKSURL, NewKeyFetcher(), time.Now); err != nil {
				return nil, fmt.Errorf("jwt: %w", err)
			}
		}
	}
	for _, source := range []string{described.Require, c.Require} {
		if source == "" {
			continue
		}
		if o.compileClaims == nil {
			return nil, errors.New("jwt: expressions over claims cannot be used here")
		}
		rule, err := o.compileClaims(source)
		if err != nil {
			return nil, fmt.Errorf("jwt: require: %w", err)
		}
		s.rules = append(s.rules, claimsRule{source, rule})
	}
	return s, nil
}

// claimsRule is an expression over claims.
type claimsRule struct {
	source string
	match  ClaimsRule
}

// checkRules refuses claims that are not as the expressions demand.
func (s *jwtScheme) checkRules(c *claims) error {
	for _, rule := range s.rules {
		switch matched, err := rule.match(c.all); {
		case err != nil:
			return refuse(BadToken, "require failed for the token's claims: %s: %v", rule.source, err)
		case !matched:
			return refuse(BadToken, "the token's claims are not as require demands: %s", rule.source)
		}
	}
	return nil
}

// openBySet returns the payload of a token if a published key has signed it. A
// token that names a key which is not known, or none, may be signed by one that
// was published since.
func (s *jwtScheme) openBySet(signed *jose.JSONWebSignature) ([]byte, error) {
	set, err := s.set.known()
	if err != nil {
		return nil, refuse(KeysUnavailable, "%v", err)
	}
	document, named, ok := tryKeys(signed, set.keys)
	switch {
	case ok:
		return document, nil
	case named:
		return nil, refuse(BadToken, "the token's signature does not match the key that it names")
	}
	newer, err := s.set.newer(set)
	switch {
	case err != nil:
		return nil, refuse(KeysUnavailable, "the token is signed by none of the %d known keys, and %v", len(set.keys), err)
	case newer == set:
		return nil, refuse(BadToken, "the token is signed by none of the %d published keys, which were fetched less than a minute ago",
			len(set.keys))
	}
	if document, _, ok = tryKeys(signed, newer.keys); !ok {
		return nil, refuse(BadToken, "the token is signed by none of the %d published keys, which were fetched just now", len(newer.keys))
	}
	return document, nil
}
