package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Braintree derives its HMAC key by SHA-1
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/unicode/norm"
)

// keyDecoders turn the text of a secret into key bytes.
var keyDecoders = map[string]func(string) ([]byte, error){
	"utf8":   func(text string) ([]byte, error) { return []byte(text), nil },
	"hex":    hex.DecodeString,
	"base64": base64.StdEncoding.DecodeString,
	"whsec": func(text string) ([]byte, error) {
		// Some show it with the version of the signatures that it makes.
		if versioned, ok := strings.CutPrefix(text, "v1,"); ok && strings.HasPrefix(versioned, "whsec_") {
			text = versioned
		}
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	},
	"nfkd": func(text string) ([]byte, error) { return norm.NFKD.Bytes([]byte(text)), nil },
	"sha1": func(text string) ([]byte, error) {
		sum := sha1.Sum([]byte(text)) //nolint:gosec // see the import
		return sum[:], nil
	},
}

// keyForms say how a secret has to be written.
var keyForms = map[string]string{
	"hex":    "must be the hexadecimal digits of a key",
	"base64": "must be a key in base64",
	"whsec":  "must begin with whsec_, and hold a key in base64 after it",
}

// decodeKeys turns secrets into keys. Errors do not repeat the secret.
func decodeKeys(encoding string, secrets []string) ([][]byte, error) {
	if encoding == "" {
		encoding = "utf8"
	}
	decode, ok := keyDecoders[encoding]
	if !ok {
		return nil, fmt.Errorf("key is %q; it can be utf8, hex, base64, whsec, nfkd or sha1", encoding)
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := decodeKey(decode, secret)
		switch {
		case err != nil:
			return nil, fmt.Errorf("secret %d %s", i+1, defaultText(keyForms[encoding], "is not a key in "+encoding))
		case len(key) == 0:
			return nil, fmt.Errorf("secret %d is empty", i+1)
		case isZero(key):
			return nil, fmt.Errorf("secret %d consists of zero bytes, which is no better than none", i+1)
		}
		keys[i] = key
	}
	return keys, nil
}

// isZero reports whether a key has nothing but zero bytes. HMAC fills keys up
// with them, so that such a key is the empty one.
func isZero(key []byte) bool { return len(bytes.Trim(key, "\x00")) == 0 }

// isBlank reports whether a credential has nothing but space and NUL.
func isBlank(text string) bool {
	return strings.TrimFunc(text, func(r rune) bool { return r == 0 || unicode.IsSpace(r) }) == ""
}

// DecodeKey turns a secret into the bytes of a key, in one of the ways that
// Spec.Key names.
func DecodeKey(encoding, secret string) ([]byte, error) {
	keys, err := decodeKeys(encoding, []string{secret})
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// decodeKey decodes one secret; a JSON Web Key says itself how it is written.
func decodeKey(decode func(string) ([]byte, error), secret string) ([]byte, error) {
	if strings.HasPrefix(secret, "{") {
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON([]byte(secret)); err == nil {
			key, ok := jwk.Key.([]byte)
			if !ok {
				return nil, errors.New("not a symmetric key")
			}
			return key, nil
		}
	}
	return decode(secret)
}

// publicKey is a key to check signatures with.
type publicKey struct {
	id        string // of a JSON Web Key; may be empty
	algorithm string // the only one that it is meant for; empty: any that fits
	key       any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// parsePublicKey reads a public key in any of the forms that providers
// publish them in: PEM (a key or a certificate), JWK, SPKI in base64, or the
// 32 bytes of an Ed25519 key in hex or base64.
func parsePublicKey(text string) (publicKey, error) {
	key, err := readPublicKey(strings.TrimSpace(text))
	if point, ok := key.key.(ed25519.PublicKey); ok && hasSmallOrder(point) {
		return publicKey{}, errors.New("a public key for which anybody can make signatures")
	}
	return key, err
}

func readPublicKey(text string) (publicKey, error) {
	switch {
	case strings.HasPrefix(text, "{"):
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON([]byte(text)); err != nil || !jwk.Valid() {
			return publicKey{}, errors.New("not a JSON Web Key")
		}
		public := jwk.Public()
		if public.Key == nil {
			return publicKey{}, errors.New("a symmetric key, where a public key is needed")
		}
		return publicKey{id: jwk.KeyID, key: public.Key}, nil
	case strings.HasPrefix(text, "-----BEGIN"):
		key, err := parsePEM(text)
		return publicKey{key: key}, err
	}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == ed25519.PublicKeySize {
		return publicKey{key: ed25519.PublicKey(raw)}, nil
	}
	if versioned, ok := strings.CutPrefix(text, "v1a,"); ok && strings.HasPrefix(versioned, "whpk_") {
		text = versioned
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whpk_"))
	if err != nil {
		return publicKey{}, errors.New("neither PEM, JWK, base64 nor the hex of an Ed25519 key")
	}
	if len(raw) == ed25519.PublicKeySize {
		return publicKey{key: ed25519.PublicKey(raw)}, nil
	}
	key, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return publicKey{}, errors.New("not a public key in SPKI form")
	}
	return publicKey{key: key}, nil
}

func parsePEM(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	default:
		return nil, fmt.Errorf("PEM of type %q, where a public key or certificate is needed", block.Type)
	}
}

// keyFits reports whether a public key is one that an algorithm uses.
func keyFits(scheme string, key any) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return scheme == "ed25519"
	case *ecdsa.PublicKey:
		return scheme == "ecdsa_p256" && k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return scheme == "rsa_sha256" || scheme == "rsa_sha1"
	default:
		return false
	}
}

// smallOrder are the points of edwards25519 that are of small order, by their
// y coordinates (RFC 8032, RFC 7748), without the sign: for such a public key
// anybody can make signatures. The first is the key of 32 zero bytes.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// hasSmallOrder reports whether a key is one that proves nothing.
func hasSmallOrder(key ed25519.PublicKey) bool {
	y := bytes.Clone(key)
	y[len(y)-1] &= 0x7f
	return slices.Contains(smallOrder, hex.EncodeToString(y))
}
