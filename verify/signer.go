package verify

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	StandardID        = "Webhook-Id"
	StandardTimestamp = "Webhook-Timestamp"
	StandardSignature = "Webhook-Signature"
)

// Signer signs requests by Standard Webhooks. It is safe for concurrent use.
type Signer struct {
	sign   []signStandard
	copies bool // an Ed25519 key needs what it signs in one piece
}

// signStandard signs a body and what stands before it.
type signStandard func(before string, body []byte) string

// The length of a symmetric key in bytes, by the specification.
const minStandardKey, maxStandardKey = 24, 64

// NewSigner makes a Signer of secrets in the forms of the specification:
// whsec_ with a symmetric key of 24 to 64 bytes, or whsk_ with an Ed25519
// private key, both in base64. With several, each request carries a signature
// of each, so that receivers can change from one to the next.
func NewSigner(secrets []string) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret is given")
	}
	s := new(Signer)
	for i, secret := range secrets {
		sign, err := standardKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		s.sign = append(s.sign, sign)
		s.copies = s.copies || strings.HasPrefix(secret, "whsk_")
	}
	return s, nil
}

func standardKey(secret string) (signStandard, error) {
	encoded, symmetric := strings.CutPrefix(secret, "whsec_")
	private, asymmetric := strings.CutPrefix(secret, "whsk_")
	if asymmetric {
		encoded = private
	}
	if !symmetric && !asymmetric {
		return nil, errors.New("it begins neither with whsec_ nor with whsk_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("what follows the prefix is not base64")
	}
	switch {
	case isZero(key):
		return nil, errors.New("the key consists of zero bytes")
	case symmetric && (len(key) < minStandardKey || len(key) > maxStandardKey):
		return nil, fmt.Errorf("the key has %d bytes; it needs %d to %d", len(key), minStandardKey, maxStandardKey)
	case symmetric:
		return func(before string, body []byte) string {
			hasher := hmac.New(sha256.New, key)
			hasher.Write([]byte(before))
			hasher.Write(body)
			return "v1," + base64.StdEncoding.EncodeToString(hasher.Sum(nil))
		}, nil
	case len(key) == ed25519.SeedSize:
		key = ed25519.NewKeyFromSeed(key)
	case len(key) != ed25519.PrivateKeySize:
		return nil, fmt.Errorf("an Ed25519 private key has %d or %d bytes, not %d",
			ed25519.SeedSize, ed25519.PrivateKeySize, len(key))
	}
	return func(before string, body []byte) string {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, slices.Concat([]byte(before), body)))
	}, nil
}

// Copies reports whether Sign makes a copy of the body, of which there is one at a
// time.
func (s *Signer) Copies() bool { return s.copies }

// Sign returns the values of the three headers for a delivery.
func (s *Signer) Sign(id string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(s.sign))
	for i, sign := range s.sign {
		signatures[i] = sign(id+"."+timestamp+".", body)
	}
	return timestamp, strings.Join(signatures, " ")
}
