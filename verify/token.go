package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// tokenScheme is a static token in a field of the request.
type tokenScheme struct {
	provider *Provider
	from     field
	prefix   string
	tokens   [][sha256.Size]byte
}

func newToken(p *Provider, from field, prefix string, tokens []string) *tokenScheme {
	return &tokenScheme{provider: p, from: from, prefix: prefix, tokens: digests(tokens)}
}

// newTokenHeader is a token whose header the operator named.
func newTokenHeader(p *Provider, header TokenHeader) *tokenScheme {
	return newToken(p, field{kind: headerField, name: http.CanonicalHeaderKey(header.Name)}, "", header.Values)
}

func (*tokenScheme) coverage() Coverage { return SignedNothing }

func (s *tokenScheme) admit(m *message) error {
	if !s.from.inHead() {
		return nil
	}
	return s.check(m)
}

func (s *tokenScheme) verify(m *message) error {
	if s.from.inHead() {
		return nil // done before the body was read
	}
	if s.from.kind == itemPath {
		return s.provider.eachItem(m, s.check)
	}
	return s.check(m)
}

func (s *tokenScheme) check(m *message) error {
	value, present, err := m.text(&s.from)
	switch {
	case err != nil && s.from.inHead():
		return refuse(BadToken, "ambiguous: %v", err)
	case err != nil:
		return refuse(Malformed, "%v", err)
	case !present || value == "":
		return refuse(MissingToken, "%s is absent or empty", &s.from)
	}
	token, ok := cutPrefixFold(value, s.prefix)
	if !ok {
		return refuse(BadToken, "%s does not begin with %q", &s.from, s.prefix)
	}
	if !anyEqual(s.tokens, token) {
		return refuse(BadToken, "%s does not match; %d token(s) were tried", &s.from, len(s.tokens))
	}
	return nil
}

// digests returns the hashes of secrets, for anyEqual.
func digests(secrets []string) [][sha256.Size]byte {
	sums := make([][sha256.Size]byte, len(secrets))
	for i, secret := range secrets {
		sums[i] = sha256.Sum256([]byte(secret))
	}
	return sums
}

// anyEqual compares digests, so that neither length nor content of a secret
// shows in the time it takes, and always compares with all of them.
func anyEqual(secrets [][sha256.Size]byte, candidate string) bool {
	digest := sha256.Sum256([]byte(candidate))
	equal := 0
	for i := range secrets {
		equal |= subtle.ConstantTimeCompare(secrets[i][:], digest[:])
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
	pairs := make([]string, len(accounts))
	for i, account := range accounts {
		pairs[i] = account.Username + ":" + account.Password
	}
	return &basicScheme{accounts: digests(pairs)}
}

func (*basicScheme) coverage() Coverage { return SignedNothing }

func (s *basicScheme) admit(m *message) error {
	value, present, err := single("Authorization", m.Header["Authorization"])
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

func (*basicScheme) verify(*message) error { return nil }

// compileToken reads where a provider's static token is.
func compileToken(spec *Spec) (from field, prefix string, err error) {
	if spec.Token == nil || spec.Token.From == "" {
		return field{kind: headerField, name: "Authorization"}, "Bearer ", nil
	}
	from, err = parseField(spec.Token.From)
	return from, spec.Token.Prefix, err
}
