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
	secrets  int  // how many of the tokens were given as secrets; they come first
	named    bool // the operator has named the header
}

func newToken(p *Provider, from field, prefix string, tokens []string) *tokenScheme {
	return &tokenScheme{provider: p, from: from, prefix: prefix, tokens: digests(tokens)}
}

// newTokenHeader is a token whose header the operator named.
func newTokenHeader(p *Provider, header TokenHeader) *tokenScheme {
	token := newToken(p, field{kind: headerField, name: http.CanonicalHeaderKey(header.Name)}, "", header.Values)
	token.named = true
	return token
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
	number := whichEqual(s.tokens, token)
	switch {
	case number == 0:
		return refuse(BadToken, "%s does not match; %d token(s) were tried", &s.from, len(s.tokens))
	case s.named:
		m.Request.result.Used.TokenHeader = number
	case number <= s.secrets:
		m.Request.result.Used.Secret = number
	default:
		m.Request.result.Used.Token = number - s.secrets
	}
	return nil
}

// digests returns the hashes of secrets, for whichEqual.
func digests(secrets []string) [][sha256.Size]byte {
	sums := make([][sha256.Size]byte, len(secrets))
	for i, secret := range secrets {
		sums[i] = sha256.Sum256([]byte(secret))
	}
	return sums
}

// whichEqual returns the number of the secret, from 1, that a text is; 0 if it is
// none. It compares digests, so that neither length nor content of a secret shows in
// the time it takes, and always compares with all of them.
func whichEqual(secrets [][sha256.Size]byte, candidate string) int {
	digest := sha256.Sum256([]byte(candidate))
	number := 0
	for i := range secrets {
		number = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(secrets[i][:], digest[:]), i+1, number)
	}
	return number
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
	if m.Request.result.Used.Basic = whichEqual(s.accounts, string(credentials)); m.Request.result.Used.Basic == 0 {
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
