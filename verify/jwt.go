package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// jwtLeeway is how far the clocks of issuer and receiver may differ.
const jwtLeeway = time.Minute

// jwtScheme is a JSON Web Token (RFC 7519) in a field of the request.
type jwtScheme struct {
	spec       JWT
	from       field
	prefix     string
	algorithms []jose.SignatureAlgorithm
	keys       []publicKey // []byte for HMAC

	credential bool    // it is the subdirective jwt, not the provider's own scheme
	set        *KeySet // nil unless keys are fetched, too
	rules      []claimsRule
}

// claims are those that a token is checked by; others stay in all.
type claims struct {
	all                       map[string]any
	issuer, subject           string
	audience                  []string
	expiry, notBefore, issued time.Time
}

// symmetric are the algorithms whose keys are shared secrets.
var symmetric = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}

// asymmetric are the algorithms whose keys are public.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// compileJWT checks what a Spec says of tokens.
func compileJWT(spec *Spec) (*jwtScheme, error) {
	s := new(jwtScheme)
	if spec.JWT != nil {
		s.spec = *spec.JWT
	}
	if len(s.spec.Algorithms) == 0 {
		return nil, errors.New("jwt: algorithms is not set; write which are accepted, such as HS256")
	}
	for _, name := range s.spec.Algorithms {
		algorithm := jose.SignatureAlgorithm(name)
		if !slices.Contains(symmetric, algorithm) && !slices.Contains(asymmetric, algorithm) {
			return nil, fmt.Errorf("jwt: unknown algorithm %q", name)
		}
		s.algorithms = append(s.algorithms, algorithm)
	}
	if s.shared() != slices.ContainsFunc(s.algorithms, func(a jose.SignatureAlgorithm) bool {
		return slices.Contains(symmetric, a)
	}) {
		return nil, errors.New("jwt: algorithms with shared and with public keys cannot be mixed, " +
			"because a public key would then pass for a shared one")
	}
	var err error
	if err = s.checkPublished(); err != nil {
		return nil, err
	}
	from := s.spec.From
	if from == "" {
		from = "header.Authorization"
	}
	if s.from, err = parseField(from); err != nil {
		return nil, fmt.Errorf("jwt: %w", err)
	}
	if !s.from.inHead() {
		return nil, errors.New("jwt: from must be a header or a query parameter")
	}
	if from == "header.Authorization" {
		s.prefix = "Bearer "
	}
	if s.spec.Prefix != nil {
		s.prefix = *s.spec.Prefix
	}
	if hash := s.spec.BodyHash; hash != nil && hash.Encoding != "" && encodings[hash.Encoding].decode == nil {
		return nil, fmt.Errorf("jwt: encoding is %q; it can be hex, base64 or base64url", hash.Encoding)
	}
	return s, nil
}

// checkPublished checks what a Spec says of a provider that publishes its keys.
func (s *jwtScheme) checkPublished() error {
	for name := range s.spec.Needs {
		if !slices.Contains([]string{"issuer", "audience", "require"}, name) {
			return fmt.Errorf("jwt: needs names %q; it can name issuer, audience or require", name)
		}
	}
	switch published := s.spec.JWKSURL != ""; {
	case !published && (len(s.spec.Needs) > 0 || s.spec.Require != ""):
		return errors.New("jwt: needs and require are for providers with a jwks_url")
	case !published || strings.Contains(s.spec.JWKSURL, "{"): // a placeholder
		return nil
	case s.shared():
		return fmt.Errorf("jwt: jwks_url holds public keys, but %s uses a shared secret", s.spec.Algorithms[0])
	case s.spec.BodyHash != nil || s.spec.RequestHash:
		return errors.New("jwt: body_hash and request_hash are not for providers with a jwks_url")
	}
	if err := checkKeySetURL(s.spec.JWKSURL); err != nil {
		return fmt.Errorf("jwt: %w", err)
	}
	return nil
}

// shared reports whether the keys are shared secrets.
func (s *jwtScheme) shared() bool {
	return !slices.ContainsFunc(s.algorithms, func(a jose.SignatureAlgorithm) bool {
		return !slices.Contains(symmetric, a)
	})
}

// newJWT adds the keys. They are called by the word that operators write.
func newJWT(spec *Spec, secrets []string, word string) (*jwtScheme, error) {
	s, err := compileJWT(spec)
	if err != nil {
		return nil, err
	}
	if s.shared() {
		for i, secret := range secrets {
			if strings.HasPrefix(strings.TrimSpace(secret), "-----BEGIN") {
				return nil, fmt.Errorf("%s %d is PEM, but the algorithms use shared secrets", word, i+1)
			}
		}
		keys, err := decodeKeys(spec.Key, secrets)
		for _, key := range keys {
			s.keys = append(s.keys, publicKey{key: padKey(key)})
		}
		return s, err
	}
	for i, secret := range secrets {
		keys, err := parsePublicKeys(secret)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", word, i+1, err)
		}
		known := len(s.keys)
		for _, key := range keys {
			if slices.ContainsFunc(s.algorithms, func(a jose.SignatureAlgorithm) bool { return jwtKeyFits(a, key.key) }) {
				s.keys = append(s.keys, key)
			}
		}
		if len(s.keys) == known {
			return nil, fmt.Errorf("%s %d is a public key, but not one for %s", word, i+1, strings.Join(s.spec.Algorithms, " or "))
		}
	}
	return s, nil
}

// parsePublicKeys reads a public key, or a JSON Web Key Set.
func parsePublicKeys(text string) ([]publicKey, error) {
	if keys, err := parseKeySet([]byte(text)); err == nil {
		return keys, nil
	}
	key, err := parsePublicKey(text)
	return []publicKey{key}, err
}

// padKey lengthens a short key with zeros, which is what HMAC does itself
// (RFC 2104): the JOSE library refuses keys shorter than the hash, but some
// providers have them.
func padKey(key []byte) []byte {
	return append(slices.Clone(key), make([]byte, max(0, sha512.Size-len(key)))...)
}

// jwtKeyFits reports whether a public key is one for an algorithm.
func jwtKeyFits(algorithm jose.SignatureAlgorithm, key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(algorithm), "RS") || strings.HasPrefix(string(algorithm), "PS")
	case *ecdsa.PublicKey:
		curves := map[jose.SignatureAlgorithm]elliptic.Curve{
			jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521(),
		}
		return curves[algorithm] == k.Curve
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA && !hasSmallOrder(k)
	default:
		return false
	}
}

func (s *jwtScheme) coverage() Coverage {
	if s.spec.BodyHash != nil {
		return SignedBody
	}
	return SignedNothing
}

func (s *jwtScheme) admit(m *message) error {
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
	document, err := s.open(token)
	if err != nil {
		return err
	}
	found, err := parseClaims(document)
	if err != nil {
		return refuse(BadToken, "%v", err)
	}
	if s.credential {
		if err := s.check(found, m); err != nil {
			return err
		}
		return s.checkRules(found)
	}
	m.claims = found
	return s.check(found, m)
}

// open returns the payload of a token whose signature is right.
func (s *jwtScheme) open(token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, s.algorithms)
	if err != nil {
		return nil, refuse(BadToken, "%s holds no token signed by %s", &s.from, strings.Join(s.spec.Algorithms, " or "))
	}
	document, named, ok := tryKeys(signed, s.keys)
	switch {
	case ok:
		return document, nil
	case s.set != nil && !named:
		return s.openBySet(signed)
	default:
		return nil, refuse(BadToken, "the token's signature does not match; %d key(s) were tried", len(s.keys))
	}
}

// tryKeys returns the payload of a token if one of the keys has signed it, and
// whether the key that the token names is among them.
func tryKeys(signed *jose.JSONWebSignature, keys []publicKey) (document []byte, named, ok bool) {
	header := &signed.Signatures[0].Header
	for _, key := range keys {
		if header.KeyID != "" && key.id != "" && header.KeyID != key.id {
			continue
		}
		if key.algorithm != "" && key.algorithm != header.Algorithm {
			continue
		}
		named = named || header.KeyID != "" && key.id != ""
		if document, err := signed.Verify(key.key); err == nil {
			return document, named, true
		}
	}
	return nil, named, false
}

// check compares claims with what they must say.
func (s *jwtScheme) check(c *claims, m *message) error {
	now := m.Received
	late := Stale
	if s.credential {
		late = BadToken // the token is what is old, and not the webhook
	}
	switch {
	case s.credential && c.expiry.IsZero():
		return refuse(BadToken, "the token does not say when it expires")
	case s.spec.Issuer != "" && c.issuer != s.spec.Issuer:
		return refuse(BadToken, "the token's issuer is %.80q, not %q", c.issuer, s.spec.Issuer)
	case s.spec.Audience != "" && !slices.Contains(c.audience, s.spec.Audience):
		return refuse(BadToken, "the token's audience does not include %q", s.spec.Audience)
	case s.spec.Subject != "" && c.subject != s.spec.Subject:
		return refuse(BadToken, "the token's subject is not %q", s.spec.Subject)
	case !c.expiry.IsZero() && now.After(c.expiry.Add(jwtLeeway)):
		return refuse(late, "the token has expired at %s", c.expiry.UTC().Format(time.RFC3339))
	case now.Before(c.notBefore.Add(-jwtLeeway)), now.Before(c.issued.Add(-jwtLeeway)):
		return refuse(late, "the token is not valid yet")
	case s.spec.MaxAge > 0 && c.issued.IsZero():
		return refuse(BadToken, "the token does not say when it was issued")
	case s.spec.MaxAge > 0 && now.Sub(c.issued) > time.Duration(s.spec.MaxAge):
		return refuse(late, "the token was issued more than %s ago", s.spec.MaxAge)
	}
	if s.spec.RequestHash {
		stated, _ := c.all["qsh"].(string)
		if want := requestHash(m.Method, m.URL); stated != want {
			return refuse(BadToken, "the claim qsh is not the hash of this request line")
		}
	}
	return nil
}

// verify binds the body to the token, where the token says its hash.
func (s *jwtScheme) verify(m *message) error {
	if s.spec.BodyHash == nil {
		return nil
	}
	stated, _ := m.claims.all[s.spec.BodyHash.Claim].(string)
	if !equalHash(s.spec.BodyHash.Encoding, stated, m.Body.Bytes()) {
		return refuse(BadSignature, "the claim %s is not the hash of the body", s.spec.BodyHash.Claim)
	}
	return nil
}

// parseClaims reads the payload of a token.
func parseClaims(document []byte) (*claims, error) {
	c := new(claims)
	decoded, err := payload.Decode(document)
	c.all, _ = decoded.(map[string]any)
	if err != nil || c.all == nil {
		return nil, errors.New("the token's payload is not a JSON object")
	}
	c.issuer, _ = c.all["iss"].(string)
	c.subject, _ = c.all["sub"].(string)
	switch audience := c.all["aud"].(type) {
	case string:
		c.audience = []string{audience}
	case []any:
		for _, entry := range audience {
			if text, ok := entry.(string); ok {
				c.audience = append(c.audience, text)
			}
		}
	}
	for name, to := range map[string]*time.Time{"exp": &c.expiry, "nbf": &c.notBefore, "iat": &c.issued} {
		if *to, err = numericDate(c.all[name]); err != nil {
			return nil, fmt.Errorf("the claim %s is not a time", name)
		}
	}
	return c, nil
}

// numericDate reads a number of seconds since 1970, perhaps with a fraction.
func numericDate(value any) (time.Time, error) {
	var seconds float64
	switch v := value.(type) {
	case nil:
		return time.Time{}, nil
	case int:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return time.Time{}, errors.New("not a number")
	}
	if seconds < 0 || seconds > 1e12 {
		return time.Time{}, errors.New("out of range")
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}
