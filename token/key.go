package token

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// minSecret is the length of the shortest shared secret, in bytes: as long as
// the signature that it makes (RFC 7518 section 3.2).
const minSecret = 32

// Key signs or verifies tokens, by one algorithm.
type Key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   any // nil where tokens can only be verified
	public    any
}

// CanSign reports whether tokens can be made with the key.
func (k Key) CanSign() bool { return k.private != nil }

// ParseKey reads a key as an operator writes it: an Ed25519 key in PEM or as a
// JSON Web Key, private or public, or any other text of 32 bytes or more, which
// is a shared secret. Errors do not repeat the text.
func ParseKey(text string) (Key, error) {
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "-----BEGIN"):
		return parsePEM(trimmed)
	case strings.HasPrefix(trimmed, "{"):
		return parseJWK([]byte(trimmed))
	default:
		return sharedKey([]byte(trimmed))
	}
}

func sharedKey(secret []byte) (Key, error) {
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("a shared secret needs %d bytes or more, not %d; make one with: openssl rand -base64 %[1]d",
			minSecret, len(secret))
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("key id"))
	return Key{id: shortID(mac.Sum(nil)), algorithm: jose.HS256, private: secret, public: secret}, nil
}

func parsePEM(text string) (Key, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return Key{}, errors.New("it is not one PEM block")
	}
	var parsed any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return Key{}, fmt.Errorf("it is a %q in PEM, not a PRIVATE KEY or PUBLIC KEY", block.Type)
	}
	if err != nil {
		return Key{}, errors.New("the key inside the PEM block cannot be read")
	}
	return edwardsKey(parsed)
}

func parseJWK(document []byte) (Key, error) {
	var jwk jose.JSONWebKey
	err := json.Unmarshal(document, &jwk)
	secret, shared := jwk.Key.([]byte)
	if err != nil || !shared && !jwk.Valid() {
		return Key{}, errors.New("it begins with a brace, but is not a JSON Web Key")
	}
	var key Key
	if shared {
		key, err = sharedKey(secret)
	} else {
		key, err = edwardsKey(jwk.Key)
	}
	if err == nil && jwk.Algorithm != "" && jwk.Algorithm != string(key.algorithm) {
		err = fmt.Errorf("the JSON Web Key is for the algorithm %q; keys of its kind are used for %s", jwk.Algorithm, key.algorithm)
	}
	if jwk.KeyID != "" {
		key.id = jwk.KeyID
	}
	return key, err
}

// edwardsKey makes a Key of what a parser of keys has returned.
func edwardsKey(parsed any) (Key, error) {
	key := Key{algorithm: jose.EdDSA}
	var public ed25519.PublicKey
	switch k := parsed.(type) {
	case ed25519.PrivateKey:
		public = k.Public().(ed25519.PublicKey)
		key.private = k
	case ed25519.PublicKey:
		public = k
	default:
		return Key{}, errors.New("it is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
	}
	key.public = public
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	key.id = shortID(thumbprint)
	return key, err
}

// shortID is enough of a digest to tell keys apart.
func shortID(digest []byte) string { return base64.RawURLEncoding.EncodeToString(digest[:12]) }

// generateKey makes a new key.
func generateKey() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	return edwardsKey(private)
}

// Keys are the keys of one issuer.
type Keys interface {
	// Signing returns the key that signs tokens at a time.
	Signing(ctx context.Context, now time.Time) (Key, error)

	// Find returns the key with an id, if there is one.
	Find(ctx context.Context, id string, now time.Time) (Key, bool, error)
}

// GivenKeys are keys that an operator gave. The first one signs.
type GivenKeys []Key

// ParseKeys reads keys as an operator writes them.
func ParseKeys(texts []string) (GivenKeys, error) {
	keys := make(GivenKeys, len(texts))
	for i, text := range texts {
		var err error
		if keys[i], err = ParseKey(text); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		for j := range i {
			if keys[j].id == keys[i].id {
				return nil, fmt.Errorf("key %d has the same id as key %d", i+1, j+1)
			}
		}
	}
	return keys, nil
}

// Signing implements Keys.
func (g GivenKeys) Signing(context.Context, time.Time) (Key, error) {
	if !g[0].CanSign() {
		return Key{}, errors.New("the first key is a public one, which signs nothing")
	}
	return g[0], nil
}

// Find implements Keys.
func (g GivenKeys) Find(_ context.Context, id string, _ time.Time) (Key, bool, error) {
	for _, key := range g {
		if key.id == id {
			return key, true, nil
		}
	}
	return Key{}, false, nil
}

// Interface guards
var (
	_ Keys = GivenKeys(nil)
	_ Keys = (*StoredKeys)(nil)
)
