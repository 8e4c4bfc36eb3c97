package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"sync"
)

// TakesPublicKeys reports whether the secrets of the provider's scheme are public
// keys. For other schemes, a public key would be a secret that everybody knows.
func (s *Spec) TakesPublicKeys() bool {
	switch s.keyKind() {
	case "ed25519", "ecdsa_p256", "rsa":
		return true
	default:
		return false
	}
}

// keyKind is what kind of key a secret of the provider's scheme is.
func (s *Spec) keyKind() string {
	algorithm := s.Scheme
	if s.Scheme == "jwt" && s.JWT != nil && len(s.JWT.Algorithms) > 0 {
		algorithm = s.JWT.Algorithms[0]
	}
	switch algorithm {
	case "rsa_sha256", "rsa_sha1", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return "rsa"
	case "ES256":
		return "ecdsa_p256"
	case "EdDSA":
		return "ed25519"
	case "HS256", "HS384", "HS512":
		return "hmac"
	default:
		return algorithm
	}
}

// Decoy returns credentials of the provider's kind that nobody has. Whoever is unknown
// is held against them, so that refusing takes the same time as for one who is known.
func Decoy(spec *Spec) (Config, error) {
	config := Config{Provider: spec.Name}
	switch {
	case spec.usesSecret():
		secret, err := decoySecret(spec)
		config.Secrets = []string{secret}
		return config, err
	case spec.Token == nil && len(spec.Credentials) == 1 && spec.Credentials[0] == "basic":
		config.Basic = []Account{{Username: rand.Text(), Password: rand.Text()}}
	default:
		config.Tokens = []string{rand.Text()}
	}
	return config, nil
}

func decoySecret(spec *Spec) (string, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	switch spec.keyKind() {
	case "ed25519":
		public, _, err := ed25519.GenerateKey(rand.Reader)
		return hex.EncodeToString(public), err
	case "ecdsa_p256":
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", err
		}
		return spki(&private.PublicKey)
	case "rsa":
		return decoyRSA()
	case "aws_sns":
		return "arn:aws:sns:us-east-1:000000000000:" + rand.Text(), nil
	case "paypal", "token":
		return rand.Text(), nil
	case "hmac", "digest":
		if spec.Key == "hex" {
			return hex.EncodeToString(key), nil
		}
		return base64.StdEncoding.EncodeToString(key), nil // whsec_ may be left out
	default:
		return "", fmt.Errorf("secrets of %s cannot be those of tenants", spec.Name)
	}
}

// decoyRSA is a key for all, because making one takes a while.
var decoyRSA = sync.OnceValues(func() (string, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return spki(&private.PublicKey)
})

func spki(key any) (string, error) {
	encoded, err := x509.MarshalPKIXPublicKey(key)
	return base64.StdEncoding.EncodeToString(encoded), err
}
