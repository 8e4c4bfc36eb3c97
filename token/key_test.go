package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func encodePEM(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func encodeJWK(t *testing.T, jwk jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseKey(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	privatePEM := encodePEM(t, "PRIVATE KEY", pkcs8, err)
	pkix, err := x509.MarshalPKIXPublicKey(public)
	publicPEM := encodePEM(t, "PUBLIC KEY", pkix, err)
	curvePKCS8, err := x509.MarshalPKCS8PrivateKey(curve)
	curvePEM := encodePEM(t, "PRIVATE KEY", curvePKCS8, err)

	for _, test := range []struct {
		name, text string
		algorithm  jose.SignatureAlgorithm
		signs      bool
		want       string // part of the error
	}{
		{"shared", secretA, jose.HS256, true, ""},
		{"shared with a line end", secretA + "\n", jose.HS256, true, ""},
		{"shared as JWK", encodeJWK(t, jose.JSONWebKey{Key: []byte(secretA)}), jose.HS256, true, ""},
		{"private PEM", privatePEM, jose.EdDSA, true, ""},
		{"public PEM", publicPEM, jose.EdDSA, false, ""},
		{"private JWK", encodeJWK(t, jose.JSONWebKey{Key: private}), jose.EdDSA, true, ""},
		{"public JWK", encodeJWK(t, jose.JSONWebKey{Key: public, Algorithm: "EdDSA"}), jose.EdDSA, false, ""},

		{"short", secretA[1:], "", false, "needs 32 bytes or more, not 31"},
		{"short JWK", encodeJWK(t, jose.JSONWebKey{Key: []byte("short")}), "", false, "needs 32 bytes or more, not 5"},
		{"other curve", curvePEM, "", false, "not an Ed25519 key"},
		{"other curve as JWK", encodeJWK(t, jose.JSONWebKey{Key: curve}), "", false, "not an Ed25519 key"},
		{"JWK of another algorithm", encodeJWK(t, jose.JSONWebKey{Key: []byte(secretA), Algorithm: "HS512"}), "", false, `for the algorithm "HS512"`},
		{"certificate", encodePEM(t, "CERTIFICATE", pkix, nil), "", false, `"CERTIFICATE" in PEM`},
		{"damaged PEM", encodePEM(t, "PRIVATE KEY", pkcs8[1:], nil), "", false, "cannot be read"},
		{"two PEM blocks", privatePEM + publicPEM, "", false, "not one PEM block"},
		{"brace", "{" + secretA + "}", "", false, "not a JSON Web Key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := ParseKey(test.text)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error is %v, want %q", err, test.want)
				}
				return
			}
			if err != nil || key.algorithm != test.algorithm || key.CanSign() != test.signs || key.id == "" {
				t.Errorf("key %q is for %s and signs: %t (%v)", key.id, key.algorithm, key.CanSign(), err)
			}
		})
	}
	private1, public1 := mustParse(t, privatePEM), mustParse(t, publicPEM)
	if _, err := expects(public1).Verify(t.Context(), mint(t, private1[0]), at); err != nil {
		t.Errorf("the public key refuses what the private one has signed: %v", err)
	}
	if _, err := public1.Signing(t.Context(), at); err == nil {
		t.Error("a public key signs")
	}
	if _, err := Mint(public1[0], new(Claims)); err == nil {
		t.Error("a token is made by a public key")
	}
	if _, err := ParseKeys([]string{privatePEM, publicPEM}); err == nil {
		t.Error("the same key is taken twice")
	}
}

// Keys of the operator are rotated by giving the old one after the new one.
func TestGivenKeysRotate(t *testing.T) {
	before, during, after := mustParse(t, secretA), mustParse(t, secretB, secretA), mustParse(t, secretB)
	oldKey, _ := before.Signing(t.Context(), at)
	newKey, _ := during.Signing(t.Context(), at)
	for _, test := range []struct {
		name  string
		keys  Keys
		token string
		good  bool
	}{
		{"old token before", before, mint(t, oldKey), true},
		{"new token before", before, mint(t, newKey), false},
		{"old token during", during, mint(t, oldKey), true},
		{"new token during", during, mint(t, newKey), true},
		{"old token after", after, mint(t, oldKey), false},
		{"new token after", after, mint(t, newKey), true},
	} {
		if _, err := expects(test.keys).Verify(t.Context(), test.token, at); (err == nil) != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
