package verify

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // only by a word that says legacy
	"crypto/sha1" //nolint:gosec // some providers sign with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"sync"
)

var hashes = map[string]func() hash.Hash{
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,

	"legacy_md5": md5.New,
}

// hmacKeys is HMAC (RFC 2104), or a plain hash over content that holds the
// key.
type hmacKeys struct {
	provider *Provider
	newHash  func() hash.Hash
	keyed    bool // HMAC; otherwise a digest
	keys     []*hmacKey
}

// hmacKey is a key with hashes that are used again and again: that of an HMAC
// keeps what it has computed of the key.
type hmacKey struct {
	secret []byte
	states sync.Pool
}

// hashState is a hash, and room for its result.
type hashState struct {
	hash.Hash
	key     *hmacKey
	written int // bytes of the body, see Verifier.Hash
	code    [sha512.Size]byte
}

// Write counts what it hashes.
func (s *hashState) Write(p []byte) (int, error) {
	s.written += len(p)
	return s.Hash.Write(p)
}

func newHMAC(p *Provider, secrets []string) (*hmacKeys, error) {
	newHash, err := p.Spec.NewHash()
	if err != nil {
		return nil, err
	}
	keys, err := decodeKeys(p.Spec.Key, secrets)
	if err != nil {
		return nil, err
	}
	h := &hmacKeys{provider: p, newHash: newHash, keyed: p.Spec.Scheme != "digest"}
	for _, key := range keys {
		h.keys = append(h.keys, h.newKey(key))
	}
	if !h.keyed && !p.content.has(secretKey) {
		return nil, errors.New("content: a digest proves nothing unless {key} is part of it")
	}
	return h, nil
}

func (h *hmacKeys) newKey(secret []byte) *hmacKey {
	key := &hmacKey{secret: secret}
	key.states.New = func() any {
		if h.keyed {
			return &hashState{Hash: hmac.New(h.newHash, secret), key: key}
		}
		return &hashState{Hash: h.newHash(), key: key}
	}
	return key
}

// NewHash returns the constructor of the hash that the provider uses.
func (s *Spec) NewHash() (func() hash.Hash, error) {
	if s.Hash == "" {
		return sha256.New, nil
	}
	newHash, ok := hashes[s.Hash]
	if !ok {
		return nil, fmt.Errorf("hash is %q; it can be sha1, sha256, sha384 or sha512, or legacy_md5", s.Hash)
	}
	return newHash, nil
}

func (h *hmacKeys) count() int { return len(h.keys) }

// check compares every signature with the code of every key. Keys are tried
// only while none has matched.
func (h *hmacKeys) check(m *message, signatures [][]byte) (bool, error) {
	for i, key := range h.keys {
		if matched, err := h.matches(key, m, signatures); matched || err != nil {
			m.Request.result.Used.Secret = i + 1
			return matched, err
		}
	}
	return false, nil
}

func (h *hmacKeys) matches(key *hmacKey, m *message, signatures [][]byte) (bool, error) {
	state := m.hashed(key)
	if state == nil {
		state = key.states.Get().(*hashState)
		if err := h.write(key, state, m); err != nil {
			key.states.Put(state)
			return false, err
		}
	}
	defer key.states.Put(state)
	code := state.Sum(state.code[:0])
	for _, signature := range signatures {
		if hmac.Equal(signature, code) {
			m.matched = key
			return true, nil
		}
	}
	return false, nil
}

// write writes what is signed of a message.
func (h *hmacKeys) write(key *hmacKey, state *hashState, m *message) error {
	state.Reset()
	m.key = key.secret
	return h.provider.content.writeTo(state, m)
}

// code computes the authentication code of a message.
func (h *hmacKeys) code(key *hmacKey, m *message) ([]byte, error) {
	state := key.states.New().(*hashState)
	err := h.write(key, state, m)
	return state.Sum(nil), err
}
