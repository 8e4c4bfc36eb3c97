package token

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

const (
	// tokenType tells these tokens from others that the same key may sign.
	tokenType = "wh+jwt"

	// leeway is how far the clocks of two instances may differ.
	leeway = time.Minute

	// maxToken is the length of the longest token that is looked at, in bytes.
	maxToken = 8 << 10
)

// algorithms are those by which a token may be signed at all. Which one it has
// to be is a property of the key.
var algorithms = []jose.SignatureAlgorithm{jose.EdDSA, jose.HS256}

// Claims is what a token says.
type Claims struct {
	ID       string    // differs from token to token
	Issuer   string    // the name of the issuer
	Subject  string    // the id of the client
	Audience []string  // the providers it is for, or else the issuer's name
	Issued   time.Time // to the second
	Expires  time.Time // to the second

	notBefore time.Time
}

// Mint makes a token. The claims' ID is filled in.
func Mint(key Key, claims *Claims) (string, error) {
	if !key.CanSign() {
		return "", errors.New("the key is a public one, which signs nothing")
	}
	claims.ID = rand.Text()
	options := new(jose.SignerOptions).WithType(tokenType).WithHeader("kid", key.id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.algorithm, Key: key.private}, options)
	if err != nil {
		return "", err
	}
	document, err := json.Marshal(map[string]any{
		"iss": claims.Issuer, "sub": claims.Subject, "aud": claims.Audience, "jti": claims.ID,
		"iat": claims.Issued.Unix(), "exp": claims.Expires.Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(document)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// Expected is what a token must say to be good.
type Expected struct {
	Issuer    string
	Audiences []string // any one of them
	Keys      Keys
}

// RefusedError is why a token is not good. It repeats neither the token nor a key.
type RefusedError string

func (r RefusedError) Error() string { return string(r) }

func refuse(format string, args ...any) error { return RefusedError(fmt.Sprintf(format, args...)) }

// Verify returns what a token says if it is good. An error that is no RefusedError
// means that it cannot be known now.
func (e *Expected) Verify(ctx context.Context, token string, now time.Time) (*Claims, error) {
	document, err := e.open(ctx, token, now)
	if err != nil {
		return nil, err
	}
	claims, err := parseClaims(document)
	if err != nil {
		return nil, err
	}
	return claims, e.check(claims, now)
}

// open returns the payload of a token that a key of the issuer has signed.
func (e *Expected) open(ctx context.Context, token string, now time.Time) ([]byte, error) {
	if len(token) > maxToken {
		return nil, refuse("the token is longer than %d bytes", maxToken)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if wrong, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return nil, refuse("the token's algorithm is %.20q, by which none is issued", wrong.Got)
	}
	if err != nil || len(signed.Signatures) != 1 {
		return nil, refuse("it is no token: not a signed JSON Web Token")
	}
	header := signed.Signatures[0].Protected
	if kind, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(kind, tokenType) {
		return nil, refuse("the token's type is %.40q, not %q, so webhook_token has not issued it", kind, tokenType)
	}
	key, found, err := e.Keys.Find(ctx, header.KeyID, now)
	switch {
	case errors.Is(err, ErrNoKeys):
		return nil, refuse("the storage has no keys of the issuer %s: no webhook_token of that name, here or on an "+
			"instance with the same storage, has issued a token yet", e.Issuer)
	case err != nil:
		return nil, err
	case !found:
		return nil, refuse("the token's key %.40q is none of the issuer %s", header.KeyID, e.Issuer)
	case header.Algorithm != string(key.algorithm):
		return nil, refuse("the token's algorithm is %.20q, but its key is for %s", header.Algorithm, key.algorithm)
	}
	document, err := signed.Verify(key.public)
	if err != nil {
		return nil, refuse("the token's signature does not match its key %.40q", key.id)
	}
	return document, nil
}

// check compares what a token says with what is expected.
func (e *Expected) check(c *Claims, now time.Time) error {
	inAudience := func(name string) bool { return slices.Contains(c.Audience, name) }
	switch {
	case c.Issuer != e.Issuer:
		return refuse("the token's issuer is %.80q, not %q", c.Issuer, e.Issuer)
	case !slices.ContainsFunc(e.Audiences, inAudience):
		return refuse("the token is for %.200q, not for %s", c.Audience, strings.Join(e.Audiences, " or "))
	case c.Expires.IsZero():
		return refuse("the token has no end (exp)")
	case now.After(c.Expires.Add(leeway)):
		return refuse("the token has expired at %s", c.Expires.UTC().Format(time.RFC3339))
	case now.Before(c.Issued.Add(-leeway)), now.Before(c.notBefore.Add(-leeway)):
		return refuse("the token is not valid yet, but issued at %s; do the clocks differ?", c.Issued.UTC().Format(time.RFC3339))
	}
	return nil
}

// parseClaims reads the payload of a token.
func parseClaims(document []byte) (*Claims, error) {
	decoded, err := payload.Decode(document)
	all, ok := decoded.(map[string]any)
	if err != nil || !ok {
		return nil, refuse("the token's payload is not a JSON object")
	}
	c := new(Claims)
	c.ID, _ = all["jti"].(string)
	c.Issuer, _ = all["iss"].(string)
	c.Subject, _ = all["sub"].(string)
	switch audience := all["aud"].(type) {
	case string:
		c.Audience = []string{audience}
	case []any:
		for _, entry := range audience {
			if name, ok := entry.(string); ok {
				c.Audience = append(c.Audience, name)
			}
		}
	}
	for name, to := range map[string]*time.Time{"iat": &c.Issued, "nbf": &c.notBefore, "exp": &c.Expires} {
		switch seconds := all[name].(type) {
		case nil:
		case int:
			*to = time.Unix(int64(seconds), 0)
		default:
			return nil, refuse("the token's claim %s is not a whole number of seconds", name)
		}
	}
	return c, nil
}
