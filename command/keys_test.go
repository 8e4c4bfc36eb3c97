package command_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// pair is a secret of the sender and one of the receiver.
type pair struct{ private, public string }

// keyPairs are keys in PEM, by the names of schemes and algorithms.
var keyPairs = sync.OnceValue(func() map[string]pair {
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ed, p256, rs2048 := newPair(edPrivate, edPublic), newPair(ec, &ec.PublicKey), newPair(rs, &rs.PublicKey)
	return map[string]pair{
		"ed25519": ed, "EdDSA": ed, "ecdsa_p256": p256, "ES256": p256,
		"rsa_sha256": rs2048, "rsa_sha1": rs2048, "RS256": rs2048, "PS256": rs2048,
	}
})

func newPair(private, public any) pair {
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})),
	}
}

// secretsOf returns secrets as the provider writes them, or nothing where only
// the provider itself can sign.
func secretsOf(t *testing.T, spec *verify.Spec) pair {
	t.Helper()
	name := spec.Scheme
	switch name {
	case "aws_sns", "paypal":
		return pair{}
	case "jwt":
		name = spec.JWT.Algorithms[0]
	}
	if known, ok := keyPairs()[name]; ok {
		return known
	}
	text := secret
	switch spec.Key {
	case "hex":
		text = hex.EncodeToString([]byte(secret))
	case "base64":
		text = base64.StdEncoding.EncodeToString([]byte(secret))
	case "whsec":
		text = "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret))
	}
	return pair{text, text}
}
