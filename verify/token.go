package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// tokenScheme is a static token in a header.
type tokenScheme struct {
	header string
	prefix string
	tokens [][sha256.Size]byte
}

func newToken(header, prefix string, tokens []string) *tokenScheme {
	s := &tokenScheme{header: http.CanonicalHeaderKey(header), prefix: prefix}
	for _, token := range tokens {
		s.tokens = append(s.tokens, sha256.Sum256([]byte(token)))
	}
	return s
}

func (s *tokenScheme) admit(r *Request) error {
	value, present, err := single(s.header, r.Header[s.header])
	switch {
	case err != nil:
		return refuse(BadToken, "ambiguous: %v", err)
	case !present || value == "":
		return refuse(MissingToken, "%s is absent or empty", s.header)
	}
	token, ok := cutPrefixFold(value, s.prefix)
	if !ok {
		return refuse(BadToken, "%s does not begin with %q", s.header, s.prefix)
	}
	if !anyEqual(s.tokens, token) {
		return refuse(BadToken, "%s does not match; %d token(s) were tried", s.header, len(s.tokens))
	}
	return nil
}

func (s *tokenScheme) verify(*message) error { return nil }

// anyEqual compares digests, so that neither length nor content of a secret
// shows in the time it takes, and always compares with all of them.
func anyEqual(digests [][sha256.Size]byte, candidate string) bool {
	digest := sha256.Sum256([]byte(candidate))
	equal := 0
	for i := range digests {
		equal |= subtle.ConstantTimeCompare(digests[i][:], digest[:])
	}
	return equal == 1
}

// cutPrefixFold is strings.CutPrefix for authentication schemes, whose names
// are not case-sensitive (RFC 9110 section 11.1).
func cutPrefixFold(value, prefix string) (string, bool) {
	if len(value) < len(prefix) || !strings.EqualFold(value[:len(prefix)], prefix) {
		return "", false
	}
	return value[len(prefix):], true
}

// basicScheme is Basic authentication (RFC 7617).
type basicScheme struct{ accounts [][sha256.Size]byte }

func newBasic(accounts []Account) *basicScheme {
	s := new(basicScheme)
	for _, account := range accounts {
		s.accounts = append(s.accounts, sha256.Sum256([]byte(account.Username+":"+account.Password)))
	}
	return s
}

func (s *basicScheme) admit(r *Request) error {
	value, present, err := single("Authorization", r.Header["Authorization"])
	switch {
	case err != nil:
		return refuse(BadToken, "ambiguous: %v", err)
	case !present || value == "":
		return refuse(MissingToken, "Authorization is absent or empty")
	}
	encoded, ok := cutPrefixFold(value, "Basic ")
	if !ok {
		return refuse(BadToken, "Authorization is not Basic")
	}
	credentials, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return refuse(BadToken, "the Basic credentials are not base64")
	}
	if !anyEqual(s.accounts, string(credentials)) {
		return refuse(BadToken, "the Basic credentials do not match; %d account(s) were tried", len(s.accounts))
	}
	return nil
}

func (s *basicScheme) verify(*message) error { return nil }
