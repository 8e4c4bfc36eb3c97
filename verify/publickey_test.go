package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// publicSpec is a provider that signs the body by a scheme with public keys.
func publicSpec(scheme string) string {
	return `{"name":"x","scheme":"` + scheme + `","content":"{body}","signature":{"from":["header.X-Signature"],"encoding":"base64"}}`
}

// loads reports whether a public key is taken for a scheme.
func loads(t *testing.T, scheme, key string) (*verify.Verifier, error) {
	t.Helper()
	spec, err := verify.ParseSpec([]byte(publicSpec(scheme)))
	if err != nil {
		t.Fatal(err)
	}
	return verify.New(spec, &verify.Config{Secrets: []string{key}})
}

func signedBy(signature []byte) hook {
	return hook{header: with("X-Signature", base64.StdEncoding.EncodeToString(signature)), body: "body"}
}

// schemeKeys are the schemes with public keys, each with a key of its kind.
func schemeKeys(owner string) map[string]crypto.Signer {
	keys := keysOf(owner)
	return map[string]crypto.Signer{
		"ed25519": keys.ed25519, "ecdsa_p256": keys.ecdsa, "rsa_sha256": keys.rsa, "rsa_sha1": keys.rsa,
	}
}

// signature is one of "body" by a scheme.
func signature(t *testing.T, scheme string, key crypto.Signer) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte("body"))
	var raw []byte
	var err error
	switch scheme {
	case "ed25519":
		raw, err = key.Sign(rand.Reader, []byte("body"), crypto.Hash(0))
	case "ecdsa_p256":
		raw, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	default:
		raw, err = base64.StdEncoding.DecodeString(rsaSignature(t, key.(*rsa.PrivateKey), scheme == "rsa_sha1", "body"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func spki(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func jwkText(t *testing.T, key any) string {
	t.Helper()
	data, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// certificate is one that a key has made of itself.
func certificate(t testing.TB, key crypto.Signer) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pemText("CERTIFICATE", der)
}

// keyForms are the forms in which a public key may be written.
func keyForms(t *testing.T, key crypto.Signer) map[string]string {
	t.Helper()
	forms := map[string]string{
		"PEM":                publicPEM(t, key),
		"PEM, blanks around": "\n " + publicPEM(t, key) + "\n\n",
		"certificate":        certificate(t, key),
		"JWK":                jwkText(t, key.Public()),
		"JWK, private":       jwkText(t, key),
		"SPKI":               base64.StdEncoding.EncodeToString(spki(t, key.Public())),
		"SPKI, line after":   base64.StdEncoding.EncodeToString(spki(t, key.Public())) + "\n",
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		forms["PEM, PKCS #1"] = pemText("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public))
	case ed25519.PublicKey:
		forms["hex"] = hex.EncodeToString(public)
		forms["upper-case hex"] = strings.ToUpper(hex.EncodeToString(public))
		forms["base64"] = base64.StdEncoding.EncodeToString(public)
		forms["whpk_"] = "whpk_" + base64.StdEncoding.EncodeToString(public)
	}
	return forms
}

func TestPublicKeyForms(t *testing.T) {
	for scheme, key := range schemeKeys("") {
		good := signature(t, scheme, key)
		stranger := signature(t, scheme, schemeKeys("other")[scheme])
		for form, text := range keyForms(t, key) {
			v, err := loads(t, scheme, text)
			if err != nil {
				t.Errorf("%s: %s: %v", scheme, form, err)
				continue
			}
			signedBy(good).expect(t, v, "")
			signedBy(stranger).expect(t, v, verify.BadSignature)
		}
	}
}

// A key of another kind can verify nothing, so it is found when the
// configuration loads.
func TestWrongKindOfKey(t *testing.T) {
	fits := map[string]string{"ed25519": "ed25519", "ecdsa_p256": "ecdsa_p256", "rsa_sha256": "rsa", "rsa_sha1": "rsa"}
	for scheme := range schemeKeys("") {
		for other, key := range schemeKeys("") {
			if fits[scheme] == fits[other] {
				continue
			}
			for form, text := range keyForms(t, key) {
				if _, err := loads(t, scheme, text); err == nil {
					t.Errorf("%s takes a key for %s: %s", scheme, other, form)
				}
			}
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range keyForms(t, p384) {
		if _, err := loads(t, "ecdsa_p256", text); err == nil {
			t.Errorf("ecdsa_p256 takes a key of P-384: %s", text)
		}
	}
}

// So it is for tokens.
func TestWrongKindOfKeyForJWT(t *testing.T) {
	keys := keysOf("")
	for _, test := range []struct {
		algorithm jose.SignatureAlgorithm
		key       crypto.Signer
	}{
		{jose.RS256, keys.ecdsa},
		{jose.PS256, keys.ed25519},
		{jose.ES256, keys.rsa},
		{jose.ES384, keys.ecdsa},
		{jose.ES256, keys.ed25519},
		{jose.EdDSA, keys.ecdsa},
		{jose.EdDSA, keys.rsa},
	} {
		spec, err := verify.ParseSpec([]byte(jwtSpec(`"algorithms":["` + string(test.algorithm) + `"]`)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{publicPEM(t, test.key)}}); err == nil {
			t.Errorf("%s takes a key of the type %T", test.algorithm, test.key.Public())
		}
	}
}

func TestNoPublicKey(t *testing.T) {
	keys := keysOf("")
	ec, err := x509.MarshalECPrivateKey(keys.ecdsa)
	if err != nil {
		t.Fatal(err)
	}
	exchange, err := keys.ecdsa.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	der := spki(t, keys.ed25519.Public())
	texts := map[string]string{
		"text":                "my-secret",
		"private key":         privatePEM(t, keys.ed25519),
		"private EC key":      pemText("EC PRIVATE KEY", ec),
		"private RSA key":     pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(keys.rsa)),
		"symmetric JWK":       jwkText(t, []byte(longSecret)),
		"JWK without a key":   `{"kty":"OKP","crv":"Ed25519"}`,
		"JWK off its curve":   `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`,
		"JWK set":             `{"keys":[` + jwkText(t, keys.ed25519.Public()) + `]}`,
		"broken JWK":          `{"kty":`,
		"PEM without an end":  strings.Split(publicPEM(t, keys.ed25519), "-----END")[0],
		"PEM of nothing":      pemText("PUBLIC KEY", nil),
		"PEM of text":         pemText("PUBLIC KEY", []byte("text")),
		"broken certificate":  pemText("CERTIFICATE", der),
		"public key, renamed": pemText("CERTIFICATE REQUEST", der),
		"PKCS #1 of SPKI":     pemText("RSA PUBLIC KEY", der),
		"SPKI, cut":           base64.StdEncoding.EncodeToString(der[:len(der)-1]),
		"SPKI, longer":        base64.StdEncoding.EncodeToString(append(der[:len(der):len(der)], 0)),
		"31 bytes in hex":     strings.Repeat("ab", 31),
		"33 bytes in hex":     strings.Repeat("ab", 33),
		"31 bytes in base64":  base64.StdEncoding.EncodeToString(make([]byte, 31)),
		"whsec_":              "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"private whsk_":       "whsk_" + base64.StdEncoding.EncodeToString(keys.ed25519.Seed()),
		"key for an exchange": base64.StdEncoding.EncodeToString(exchange.PublicKey().Bytes()),
	}
	for name, text := range texts {
		for scheme := range schemeKeys("") {
			_, err := loads(t, scheme, text)
			if err == nil {
				t.Errorf("%s takes %s", scheme, name)
			} else if strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats what was given: %v", err)
			}
		}
	}
}

// Any of several keys may verify.
func TestSeveralPublicKeys(t *testing.T) {
	for scheme := range schemeKeys("") {
		first, second := schemeKeys("")[scheme], schemeKeys("other")[scheme]
		v := custom(t, publicSpec(scheme), &verify.Config{Secrets: []string{publicPEM(t, first), publicPEM(t, second)}})
		signedBy(signature(t, scheme, first)).expect(t, v, "")
		signedBy(signature(t, scheme, second)).expect(t, v, "")
		signedBy(signature(t, scheme, schemeKeys("third")[scheme])).expect(t, v, verify.BadSignature)
	}
}

// Whatever is done to a signature, it is right no more.
func TestMalleatedSignatures(t *testing.T) {
	for scheme, key := range schemeKeys("") {
		v, err := loads(t, scheme, publicPEM(t, key))
		if err != nil {
			t.Fatal(err)
		}
		good := signature(t, scheme, key)
		signedBy(good).expect(t, v, "")
		changed := map[string][]byte{
			"cut": good[:len(good)-1], "cut in front": good[1:], "half": good[:len(good)/2], "one byte": good[:1],
			"longer": append(good[:len(good):len(good)], 0), "longer in front": append([]byte{0}, good...),
			"twice": append(good[:len(good):len(good)], good...), "zeros": make([]byte, len(good)),
		}
		for i := range good {
			flipped := append([]byte(nil), good...)
			flipped[i] ^= 1 << (i % 8)
			changed["bit of byte "+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = flipped
		}
		for _, other := range []string{"ed25519", "ecdsa_p256", "rsa_sha256", "rsa_sha1"} {
			if other != scheme {
				changed["by "+other] = signature(t, other, schemeKeys("")[other])
			}
		}
		switch private := key.(type) {
		case *ecdsa.PrivateKey:
			changeECDSA(t, good, changed)
		case ed25519.PrivateKey:
			changed["S beyond the order"] = beyondOrder(good)
		case *rsa.PrivateKey:
			digest := sha256.Sum256([]byte("body"))
			if changed["PSS"], err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], nil); err != nil {
				t.Fatal(err)
			}
			sum := new(big.Int).Add(new(big.Int).SetBytes(good), private.N)
			changed["plus the modulus"] = sum.Bytes()
		}
		for name, raw := range changed {
			if _, got := signedBy(raw).send(t, v); got != verify.BadSignature {
				t.Errorf("%s: %s: refused for %q; want bad_signature", scheme, name, got)
			}
		}
	}
}

// changeECDSA adds other spellings of the numbers of a signature.
func changeECDSA(t *testing.T, good []byte, changed map[string][]byte) {
	t.Helper()
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(good, &pair); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	changed["without ASN.1"] = raw
	order := elliptic.P256().Params().N
	for name, other := range map[string]struct{ R, S *big.Int }{
		"exchanged": {pair.S, pair.R}, "R plus the order": {new(big.Int).Add(pair.R, order), pair.S},
		"S plus the order": {pair.R, new(big.Int).Add(pair.S, order)}, "R of zero": {new(big.Int), pair.S},
		"both zero": {new(big.Int), new(big.Int)}, "R below zero": {new(big.Int).Neg(pair.R), pair.S},
		"R of the order": {order, pair.S}, "both one": {big.NewInt(1), big.NewInt(1)},
	} {
		encoded, err := asn1.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		changed[name] = encoded
	}
	// A length in two bytes, where one would do.
	changed["not DER"] = append([]byte{good[0], 0x81}, good[1:]...)
}

// beyondOrder adds the order of the group to the second half of an Ed25519
// signature.
func beyondOrder(good []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	changed := append([]byte(nil), good...)
	reversed := make([]byte, 32)
	for i := range reversed {
		reversed[i] = good[63-i]
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(reversed), order).FillBytes(make([]byte, 32))
	for i := range sum {
		changed[63-i] = sum[i]
	}
	return changed
}

// A secret of any length that the provider takes is one that works, or that
// is refused when the configuration loads: never one by which nothing passes.
func TestJWTShortSecrets(t *testing.T) {
	spec, err := verify.ParseSpec([]byte(jwtSpec(`"algorithms":["HS256"]`)))
	if err != nil {
		t.Fatal(err)
	}
	for _, short := range []string{"s", "webhook-secret", strings.Repeat("k", 31), strings.Repeat("k", 32)} {
		v, err := verify.New(spec, &verify.Config{Secrets: []string{short}})
		if err != nil {
			continue
		}
		if _, refused := bearer(rawToken(short, hs256Header, `{}`)).send(t, v); refused != "" {
			t.Errorf("a secret of %d bytes loads, and its tokens are refused for %q", len(short), refused)
		}
	}
}
