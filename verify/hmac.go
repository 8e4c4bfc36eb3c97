package verify

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some providers sign with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

var hashes = map[string]func() hash.Hash{
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// keyDecoders turn the text of a secret into key bytes.
var keyDecoders = map[string]func(string) ([]byte, error){
	"utf8":   func(text string) ([]byte, error) { return []byte(text), nil },
	"hex":    hex.DecodeString,
	"base64": base64.StdEncoding.DecodeString,
	"whsec": func(text string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	},
}

// decodeKeys turns secrets into keys. Errors do not repeat the secret.
func decodeKeys(encoding string, secrets []string) ([][]byte, error) {
	if encoding == "" {
		encoding = "utf8"
	}
	decode, ok := keyDecoders[encoding]
	if !ok {
		return nil, fmt.Errorf("key is %q; it can be utf8, hex, base64 or whsec", encoding)
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := decode(secret)
		switch {
		case err != nil:
			return nil, fmt.Errorf("secret %d is not %s, which this provider's keys are written in", i+1, encoding)
		case len(key) == 0:
			return nil, fmt.Errorf("secret %d is empty", i+1)
		}
		keys[i] = key
	}
	return keys, nil
}

// hmacScheme is HMAC (RFC 2104), or a plain hash over content that holds the
// key.
type hmacScheme struct {
	provider *Provider
	newHash  func() hash.Hash
	keyed    bool // HMAC; otherwise a digest
	keys     [][]byte
}

func newHMAC(p *Provider, secrets []string) (*hmacScheme, error) {
	name := p.Spec.Hash
	if name == "" {
		name = "sha256"
	}
	newHash, ok := hashes[name]
	if !ok {
		return nil, fmt.Errorf("hash is %q; it can be sha1, sha256, sha384 or sha512", name)
	}
	keys, err := decodeKeys(p.Spec.Key, secrets)
	if err != nil {
		return nil, err
	}
	scheme := &hmacScheme{provider: p, newHash: newHash, keyed: p.Spec.Scheme == "hmac", keys: keys}
	if !scheme.keyed && !p.content.covers(&field{kind: secretKey}) {
		return nil, errors.New("content: a digest proves nothing unless {key} is part of it")
	}
	return scheme, nil
}

func (s *hmacScheme) admit(r *Request) error { return s.provider.signature.admit(r) }

// verify compares every signature with the code of every key. All keys are
// tried only while none has matched.
func (s *hmacScheme) verify(m *message) error {
	var err error
	if m.signatures, err = s.provider.signature.read(m.Request); err != nil {
		return err
	}
	for _, key := range s.keys {
		code, err := s.code(key, m)
		if err != nil {
			return err
		}
		for _, signature := range m.signatures.decoded {
			if hmac.Equal(signature, code) {
				return nil
			}
		}
	}
	return refuse(BadSignature, "%s does not match; %d secret(s) were tried", s.provider.signature.places(), len(s.keys))
}

// code computes the authentication code of a message.
func (s *hmacScheme) code(key []byte, m *message) ([]byte, error) {
	h := s.newHash()
	if s.keyed {
		h = hmac.New(s.newHash, key)
	}
	m.key = key
	if err := s.provider.content.writeTo(h, m); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
