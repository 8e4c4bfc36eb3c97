package diagnose

import (
	"bytes"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// key is a secret in one of the ways in which it may be meant.
type key struct {
	bytes    []byte
	encoding string // as Spec.Key names it
	secret   int    // the index of the secret
	trimmed  bool   // the secret has something around it that is not part of the key
}

// keyEncodings are those that Spec.Key can name and several providers use, the
// likelier ones first.
var keyEncodings = []string{"utf8", "whsec", "hex", "base64", "nfkd"}

// newKeys returns the keys that the secrets may stand for, each once: first as
// they are, at last without what was copied along with them.
func newKeys(secrets []string) []key {
	var keys []key
	add := func(encoding string, trimmed bool) {
		for i, secret := range secrets {
			if trimmed {
				secret = trimSecret(secret)
			}
			decoded, err := verify.DecodeKey(encoding, secret)
			known := func(k key) bool { return bytes.Equal(k.bytes, decoded) }
			if err == nil && !slices.ContainsFunc(keys, known) {
				keys = append(keys, key{decoded, encoding, i, trimmed})
			}
		}
	}
	for _, encoding := range keyEncodings {
		add(encoding, false)
	}
	add("sha1", false)
	for _, encoding := range keyEncodings {
		add(encoding, true)
	}
	return keys
}

// trimSecret removes white space and quotation marks around a secret.
func trimSecret(secret string) string {
	secret = strings.TrimSpace(secret)
	if len(secret) > 2 && (secret[0] == '"' || secret[0] == '\'') && secret[len(secret)-1] == secret[0] {
		return secret[1 : len(secret)-1]
	}
	return secret
}
