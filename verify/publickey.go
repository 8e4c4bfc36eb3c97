package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Paddle Classic signs with RSA and SHA-1
	"crypto/sha256"
	"fmt"
)

// publicKeys checks signatures with public keys.
type publicKeys struct {
	scheme string
	keys   []publicKey
}

func newPublicKeys(p *Provider, secrets []string) (*publicKeys, error) {
	k := &publicKeys{scheme: p.Spec.Scheme}
	for i, secret := range secrets {
		key, err := parsePublicKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		if !keyFits(k.scheme, key.key) {
			return nil, fmt.Errorf("secret %d is a public key, but not one for %s", i+1, k.scheme)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

func (k *publicKeys) count() int { return len(k.keys) }

func (k *publicKeys) check(m *message, signatures [][]byte) (bool, error) {
	signed, err := m.contentBytes()
	if err != nil {
		return false, err
	}
	for i, key := range k.keys {
		for _, signature := range signatures {
			if checkSignature(k.scheme, key.key, signed, signature) {
				m.Request.result.Used.Secret = i + 1
				return true, nil
			}
		}
	}
	return false, nil
}

// checkSignature reports whether a signature is right. The algorithm is the
// configured one, whatever the request says.
func checkSignature(scheme string, key any, signed, signature []byte) bool {
	sum := sha256.Sum256(signed)
	switch k := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(k, signed, signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], signature)
	case *rsa.PublicKey:
		if scheme == "rsa_sha1" {
			legacy := sha1.Sum(signed) //nolint:gosec // see the import
			return rsa.VerifyPKCS1v15(k, crypto.SHA1, legacy[:], signature) == nil
		}
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	default:
		return false
	}
}
