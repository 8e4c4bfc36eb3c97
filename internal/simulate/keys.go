package simulate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// addKey gives a webhook_auth with the subdirective jwt a private key of the
// simulation besides its own keys, so that samples can be signed and need not
// have their keys fetched.
func addKey(handler map[string]any, own map[string]any) error {
	credential, ok := handler["jwt"].(map[string]any)
	if !ok {
		return nil
	}
	algorithm := firstAlgorithm(credential)
	name, _ := handler["provider"].(string)
	for range len(own) + 1 { // a provider may be like another one
		if algorithm != "" || name == "" {
			break
		}
		described, isOwn := own[name].(map[string]any)
		if spec, ok := verify.Builtin(name); !isOwn && ok && spec.JWT != nil {
			algorithm = spec.JWT.Algorithms[0]
		}
		tokens, _ := described["jwt"].(map[string]any)
		if isOwn {
			algorithm = firstAlgorithm(tokens)
		}
		name, _ = described["like"].(string)
	}
	key, err := newKey(algorithm)
	if key == nil || err != nil {
		return err
	}
	document, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "simulation", Algorithm: algorithm})
	if err != nil {
		return err
	}
	keys, _ := credential["keys"].([]any)
	credential["keys"] = append(keys, string(document))
	return nil
}

func firstAlgorithm(described map[string]any) string {
	algorithms, _ := described["algorithms"].([]any)
	if len(algorithms) == 0 {
		return ""
	}
	name, _ := algorithms[0].(string)
	return name
}

// newKey makes a private key for an algorithm; nil for those with shared
// secrets, which sign themselves.
func newKey(algorithm string) (crypto.Signer, error) {
	switch {
	case strings.HasPrefix(algorithm, "RS"), strings.HasPrefix(algorithm, "PS"):
		return rsa.GenerateKey(rand.Reader, 2048)
	case algorithm == string(jose.ES256):
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algorithm == string(jose.ES384):
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case algorithm == string(jose.ES512):
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case algorithm == string(jose.EdDSA):
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, nil
	}
}
