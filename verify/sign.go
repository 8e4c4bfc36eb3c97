package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Paddle Classic signs with RSA and SHA-1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Sign puts the credentials of config into a request, as the provider would:
// the first value of each kind. It serves for sending test webhooks. The
// request's Body must be set, and is another one afterwards if the provider
// signs inside the body. Schemes with public keys need the private key, in
// PEM (PKCS #8), as their secret.
func Sign(spec *Spec, config *Config, r *Request) error {
	return SignWithClaims(spec, config, r, nil)
}

// SignWithClaims is Sign with further claims for the token of the subdirective
// jwt, which must have a key that can sign: a shared secret or a private key.
func SignWithClaims(spec *Spec, config *Config, r *Request, more map[string]any) error {
	if err := config.Check(spec); err != nil {
		return err
	}
	p, err := Compile(config.Effective(spec))
	if err != nil {
		return err
	}
	m := p.message(r)
	if m.publicURL, err = parsePublicURL(config.PublicURL); err != nil {
		return err
	}
	tokens := config.Tokens
	switch {
	case len(config.Secrets) == 0:
	case spec.Scheme == "token":
		tokens = append(slices.Clone(tokens), config.Secrets...)
	default:
		if err := p.sign(m, config.Secrets[0]); err != nil {
			return err
		}
	}
	if len(tokens) > 0 && (spec.Token == nil || !spec.Token.HandshakeOnly) {
		if err := p.put(m, &p.token, p.tokenPrefix+tokens[0]); err != nil {
			return err
		}
	}
	if config.JWT != nil {
		if err := p.signCredential(m, config.JWT.describe(spec), config.JWT.Keys, more); err != nil {
			return err
		}
	}
	for _, token := range config.TokenHeaders {
		r.Header.Set(token.Name, token.Values[0])
	}
	if len(config.Basic) > 0 {
		pair := config.Basic[0].Username + ":" + config.Basic[0].Password
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return nil
}

// Identify returns a request's event and id without verifying anything.
func (p *Provider) Identify(r *Request) (*Result, error) {
	return p.message(r).identify(SignedNothing)
}

// sign computes the provider's own signature.
func (p *Provider) sign(m *message, secret string) error {
	switch {
	case p.Spec.Scheme == "jwt":
		return p.signJWT(m, secret)
	case !isBuiltIn(p.Spec.Scheme):
		return p.signAsGuest(m, secret)
	case p.signature == nil:
		return errors.New("webhooks of this provider can be verified, but not made: only the provider can sign them")
	case p.bodyHash != nil && !m.Body.IsForm() && len(m.Body.Bytes()) > 0:
		return fmt.Errorf("webhooks of this provider that state a hash of the body in %s cannot be made", p.bodyHash)
	}
	for name, value := range p.Spec.Require {
		m.Header.Set(name, value)
	}
	timestamp := p.timestamp.format(m.Received)
	if len(p.timestamp.from.templates) > 0 && (p.timestamp.tolerance > 0 || p.timestamp.from.templates[0][0].kind == headerField) {
		if err := p.putTime(m, &p.timestamp.from.templates[0][0], timestamp); err != nil {
			return err
		}
	}
	m.signatures.timestamp = timestamp
	names := ""
	if p.headers != nil && p.content.has(signedHeaders) {
		names = p.headers.signedNames()
		at, text := &p.headers.from, names
		if tag := p.headers.spec.Tag; tag != "" {
			at, text = &p.signature.from[0], tag+p.signature.spec.List.Assign+names
		}
		if err := p.put(m, at, text); err != nil {
			return err
		}
	}
	index := 0
	return p.eachItem(m, func(m *message) error {
		signature, err := p.compute(m, secret)
		if err != nil {
			return fmt.Errorf("signing: %w", err)
		}
		if err := p.joints.check(m); err != nil {
			return fmt.Errorf("signing: %w", err)
		}
		from := p.signature.from[0]
		if from.kind == itemPath {
			from.kind = bodyPath
			from.path = slices.Concat(p.forEach.path, payload.Path{strconv.Itoa(index)}, from.path)
			index++
		}
		return p.put(m, &from, p.signature.format(signature, timestamp, names))
	})
}

// compute makes the bytes of a signature.
func (p *Provider) compute(m *message, secret string) ([]byte, error) {
	if p.Spec.Scheme == "hmac" || p.Spec.Scheme == "digest" {
		keys, err := newHMAC(p, []string{secret})
		if err != nil {
			return nil, err
		}
		return keys.code(keys.keys[0], m)
	}
	key, err := parsePrivateKey(secret)
	if err != nil {
		return nil, err
	}
	content, err := m.contentBytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(k, content), nil
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, k, sum[:])
	case *rsa.PrivateKey:
		if p.Spec.Scheme == "rsa_sha1" {
			legacy := sha1.Sum(content) //nolint:gosec // see the import
			return rsa.SignPKCS1v15(nil, k, crypto.SHA1, legacy[:])
		}
		return rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	default:
		return nil, errors.New("unknown kind of private key")
	}
}

func parsePrivateKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("signing as this provider needs its private key in PEM (PKCS #8)")
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}

// signJWT makes a token that says what the provider's tokens say.
func (p *Provider) signJWT(m *message, secret string) error {
	s, err := compileJWT(p.Spec)
	if err != nil {
		return err
	}
	key, err := s.signingKey(p.Spec.Key, secret)
	if err != nil {
		return err
	}
	return p.putToken(m, s, key, s.claims(m))
}

// signCredential makes a token for the subdirective jwt with the first key that
// can sign.
func (p *Provider) signCredential(m *message, described *JWT, keys []string, more map[string]any) error {
	s, err := compileJWT(&Spec{JWT: described})
	if err != nil {
		return err
	}
	claims := s.claims(m)
	maps.Copy(claims, more)
	for _, text := range keys {
		if key, err := s.signingKey("", text); err == nil {
			return p.putToken(m, s, key, claims)
		}
	}
	return errors.New("the token for jwt can be made by its issuer only: none of the keys here can sign")
}

// signingKey reads a key that makes signatures.
func (s *jwtScheme) signingKey(encoding, secret string) (any, error) {
	if s.shared() {
		keys, err := decodeKeys(encoding, []string{secret})
		if err != nil {
			return nil, err
		}
		return padKey(keys[0]), nil
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON([]byte(secret)); err == nil && !jwk.IsPublic() {
		return jwk, nil
	}
	return parsePrivateKey(secret)
}

// putToken signs claims and puts the token into the request.
func (p *Provider) putToken(m *message, s *jwtScheme, key any, claims map[string]any) error {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithms[0], Key: key}, nil)
	if err != nil {
		return err
	}
	document, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	signed, err := signer.Sign(document)
	if err != nil {
		return err
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return err
	}
	return p.put(m, &s.from, s.prefix+token)
}

// claims are those that check and verify look at.
func (s *jwtScheme) claims(m *message) map[string]any {
	claims := map[string]any{"iat": m.Received.Unix(), "exp": m.Received.Add(time.Hour).Unix()}
	for name, value := range map[string]string{"iss": s.spec.Issuer, "aud": s.spec.Audience, "sub": s.spec.Subject} {
		if value != "" {
			claims[name] = value
		}
	}
	if hash := s.spec.BodyHash; hash != nil {
		sum := sha256.Sum256(m.Body.Bytes())
		claims[hash.Claim] = encodings[defaultText(hash.Encoding, "hex")].encode(sum[:])
	}
	if s.spec.RequestHash {
		claims["qsh"] = requestHash(m.Method, m.URL)
	}
	return claims
}

func defaultText(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// format writes a signature as it stands in the request.
func (s *signatureReader) format(signature []byte, timestamp, names string) string {
	value := strings.Replace(s.spec.Prefix, "*", "any", 1) + s.encoding.encode(signature)
	list := s.spec.List
	switch {
	case list != nil && list.Assign == "" && s.timestampTag == firstEntry:
		return timestamp + list.Separator + value
	case list == nil || list.Assign == "":
		return value
	}
	value = strings.Replace(list.Tag, "*", "any", 1) + list.Assign + value
	if names != "" && s.headersTag != "" {
		value = s.headersTag + list.Assign + names + list.Separator + value
	}
	if s.timestampTag != "" {
		value = s.timestampTag + list.Assign + timestamp + list.Separator + value
	}
	return value
}

// putTime writes a time where it stands, in a payload as the number that it is
// unless a text stands there.
func (p *Provider) putTime(m *message, f *field, text string) error {
	if f.kind != bodyPath || p.timestamp.layouts != nil {
		return p.put(m, f, text)
	}
	span, err := m.span(f.slot)
	if err != nil {
		return err
	}
	if raw := span.Of(m.Body.Document()); len(raw) > 0 && raw[0] == '"' {
		return p.put(m, f, text)
	}
	return p.putJSON(m, f.path, []byte(text))
}

// putJSON writes a value into the payload.
func (p *Provider) putJSON(m *message, path payload.Path, value []byte) error {
	document, err := payload.Set(m.Body.Document(), path, value)
	if err != nil {
		return err
	}
	if m.Body.IsForm() || m.Body.IsMultipart() {
		return p.put(m, &field{kind: formField, name: p.Spec.FormField}, string(document))
	}
	m.Body = payload.New(document, m.Header.Get("Content-Type"), p.Spec.FormField)
	return nil
}

// put writes a value where a field stands.
func (p *Provider) put(m *message, f *field, value string) error {
	contentType := m.Header.Get("Content-Type")
	switch f.kind {
	case headerField:
		m.Header.Set(f.name, value)
	case numberedHeader:
		m.Header.Set(f.name+"1", value)
	case queryField:
		query := m.URL.Query()
		query.Set(f.name, value)
		m.URL.RawQuery = query.Encode()
	case bodyPath:
		quoted, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return p.putJSON(m, f.path, quoted)
	case formField:
		raw, err := m.Body.WithField(f.name, value)
		if err != nil {
			return err
		}
		m.Body = payload.New(raw, contentType, p.Spec.FormField)
	case itemPath:
		return p.putItems(m, f, value)
	default:
		return fmt.Errorf("cannot put a value into %s", f)
	}
	return nil
}

// putItems writes a value into each element of the array that is signed one by
// one.
func (p *Provider) putItems(m *message, f *field, value string) error {
	every := field{kind: bodyPath, path: slices.Concat(p.forEach.path, payload.Path{payload.Every}, f.path)}
	return p.put(m, &every, value)
}
