package verify

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some providers sign with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
)

var hashes = map[string]func() hash.Hash{
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// hmacKeys is HMAC (RFC 2104), or a plain hash over content that holds the
// key.
type hmacKeys struct {
	provider *Provider
	newHash  func() hash.Hash
	keyed    bool // HMAC; otherwise a digest
	keys     [][]byte
}

func newHMAC(p *Provider, secrets []string) (*hmacKeys, error) {
	newHash, err := p.Spec.newHash()
	if err != nil {
		return nil, err
	}
	keys, err := decodeKeys(p.Spec.Key, secrets)
	if err != nil {
		return nil, err
	}
	h := &hmacKeys{provider: p, newHash: newHash, keyed: p.Spec.Scheme != "digest", keys: keys}
	if !h.keyed && !p.content.has(secretKey) {
		return nil, errors.New("content: a digest proves nothing unless {key} is part of it")
	}
	return h, nil
}

func (s *Spec) newHash() (func() hash.Hash, error) {
	if s.Hash == "" {
		return sha256.New, nil
	}
	newHash, ok := hashes[s.Hash]
	if !ok {
		return nil, fmt.Errorf("hash is %q; it can be sha1, sha256, sha384 or sha512", s.Hash)
	}
	return newHash, nil
}

func (h *hmacKeys) count() int { return len(h.keys) }

// check compares every signature with the code of every key. Keys are tried
// only while none has matched.
func (h *hmacKeys) check(m *message, signatures [][]byte) (bool, error) {
	for _, key := range h.keys {
		code, err := h.code(key, m)
		if err != nil {
			return false, err
		}
		for _, signature := range signatures {
			if hmac.Equal(signature, code) {
				return true, nil
			}
		}
	}
	return false, nil
}

// code computes the authentication code of a message.
func (h *hmacKeys) code(key []byte, m *message) ([]byte, error) {
	hasher := h.newHash()
	if h.keyed {
		hasher = hmac.New(h.newHash, key)
	}
	m.key = key
	if err := h.provider.content.writeTo(hasher, m); err != nil {
		return nil, err
	}
	return hasher.Sum(nil), nil
}
