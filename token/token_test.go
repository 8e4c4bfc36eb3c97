package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	secretA = "0123456789abcdef0123456789abcdef"
	secretB = "fedcba9876543210fedcba9876543210"
)

// sign makes a token by hand, of whatever claims and headers.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id, kind, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key},
		new(jose.SignerOptions).WithType(jose.ContentType(kind)).WithHeader("kid", id))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	edwards, err := generateKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := generateKey()
	if err != nil {
		t.Fatal(err)
	}
	shared := mustParse(t, secretA)[0]
	keys := GivenKeys{edwards, shared}
	unnamed := other
	unnamed.id = edwards.id
	const claims = `{"iss":"acme","aud":"instaleap","iat":1772366400,"exp":1772370000}`
	segment := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(mint(t, edwards), ".")
	swapped := segment([]byte(`{"alg":"HS256","kid":"` + edwards.id + `","typ":"wh+jwt"}`))

	for _, test := range []struct {
		name, token, want string
	}{
		{"by EdDSA", mint(t, edwards), ""},
		{"by HS256", mint(t, shared), ""},
		{"an audience of many", mint(t, edwards, func(c *Claims) { c.Audience = []string{"jelp", "instaleap"} }), ""},
		{"the issuer as audience", mint(t, edwards, func(c *Claims) { c.Audience = []string{"acme"} }), ""},
		{"made by hand", sign(t, jose.EdDSA, edwards.private, edwards.id, "WH+JWT", claims), ""},
		{"just not expired", mint(t, edwards, func(c *Claims) { c.Expires = at.Add(-time.Minute) }), ""},
		{"issued by a clock that is ahead", mint(t, edwards, func(c *Claims) { c.Issued = at.Add(time.Minute) }), ""},

		{"expired", mint(t, edwards, func(c *Claims) { c.Expires = at.Add(-61 * time.Second) }), "has expired at 2026-03-01T11:58:59Z"},
		{"of the future", mint(t, edwards, func(c *Claims) { c.Issued = at.Add(61 * time.Second) }), "not valid yet"},
		{"other issuer", mint(t, edwards, func(c *Claims) { c.Issuer = "evil" }), `issuer is "evil", not "acme"`},
		{"other audience", mint(t, edwards, func(c *Claims) { c.Audience = []string{"shippify"} }), `is for ["shippify"], not for instaleap or acme`},
		{"no audience", mint(t, edwards, func(c *Claims) { c.Audience = nil }), "not for instaleap or acme"},
		{"other key", mint(t, other), "is none of the issuer acme"},
		{"other key under its id", mint(t, unnamed), "signature does not match"},
		{"no end", sign(t, jose.EdDSA, edwards.private, edwards.id, tokenType, `{"iss":"acme","aud":"instaleap"}`), "has no end"},
		{
			"not before", sign(t, jose.EdDSA, edwards.private, edwards.id, tokenType,
				`{"iss":"acme","aud":"instaleap","nbf":1772366500,"exp":1772370000}`), "not valid yet",
		},
		{"end that is text", sign(t, jose.EdDSA, edwards.private, edwards.id, tokenType, `{"exp":"1772370000"}`), "claim exp is not a whole number"},
		{"not an object", sign(t, jose.EdDSA, edwards.private, edwards.id, tokenType, `[]`), "not a JSON object"},
		{"twice the same claim", sign(t, jose.EdDSA, edwards.private, edwards.id, tokenType, `{"iss":"evil","iss":"acme"}`), "not a JSON object"},
		{"other type", sign(t, jose.EdDSA, edwards.private, edwards.id, "JWT", claims), `type is "JWT"`},
		{"no type", sign(t, jose.HS256, shared.private, shared.id, "", claims), `type is ""`},
		{"no key id", sign(t, jose.HS256, shared.private, "", tokenType, claims), `key "" is none`},
		{"other algorithm of the same key", sign(t, jose.HS512, append([]byte(secretA), secretB...), shared.id, tokenType, claims), `algorithm is "HS512"`},
		{"algorithm swapped", swapped + "." + parts[1] + "." + parts[2], `algorithm is "HS256", but its key is for EdDSA`},
		{"algorithm none", segment([]byte(`{"alg":"none","kid":"`+edwards.id+`","typ":"wh+jwt"}`)) + "." + parts[1] + ".", `algorithm is "none"`},
		{"changed claims", parts[0] + "." + segment([]byte(claims)) + "." + parts[2], "signature does not match"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signature does not match"},
		{"empty", "", "it is no token"},
		{"static token", "s3cret", "it is no token"},
		{"long", strings.Repeat("a", maxToken+1), "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := expects(keys).Verify(t.Context(), test.token, at)
			refusal, refused := errors.AsType[RefusedError](err)
			switch {
			case err == nil && test.want == "":
				if got.Issuer != "acme" {
					t.Errorf("claims are %+v", got)
				}
			case test.want == "" || !refused || !strings.Contains(string(refusal), test.want):
				t.Errorf("error is %v, want %q", err, test.want)
			case len(test.token) > 40 && strings.Contains(string(refusal), test.token[len(test.token)-40:]):
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}

func TestMint(t *testing.T) {
	key := mustParse(t, secretA)[0]
	first, second := mint(t, key), mint(t, key)
	if first == second {
		t.Error("two tokens are the same")
	}
	document, err := base64.RawURLEncoding.DecodeString(strings.Split(first, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(document, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["iss"] != "acme" || claims["sub"] != "client" || claims["exp"].(float64)-claims["iat"].(float64) != 3600 || claims["jti"] == "" {
		t.Errorf("claims are %s", document)
	}
}

func TestIssue(t *testing.T) {
	config := &Config{Issuer: "acme", Field: "data.token", TTL: 7200e9}
	config.SetDefaults()
	keys := mustParse(t, secretA)
	for _, test := range []struct {
		client   *Client
		audience string
	}{
		{&Client{ID: "c"}, "acme"},
		{&Client{ID: "c", For: []string{"instaleap", "jelp"}}, "instaleap jelp"},
	} {
		answer, err := config.Issue(t.Context(), keys, test.client, at)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Data      struct{ Token string }
			TokenType string  `json:"token_type"`
			ExpiresIn float64 `json:"expires_in"`
		}
		if err := json.Unmarshal(answer.Body, &got); err != nil {
			t.Fatal(err)
		}
		if got.TokenType != "Bearer" || got.ExpiresIn != 7200 {
			t.Errorf("answer is %s", answer.Body)
		}
		claims, err := (&Expected{Issuer: "acme", Audiences: test.client.For, Keys: keys}).Verify(t.Context(), got.Data.Token, at.Add(2*time.Hour))
		if len(test.client.For) == 0 {
			claims, err = (&Expected{Issuer: "acme", Audiences: []string{"acme"}, Keys: keys}).Verify(t.Context(), got.Data.Token, at)
		}
		if err != nil || strings.Join(claims.Audience, " ") != test.audience || claims.Subject != "c" {
			t.Errorf("claims are %+v, want audience %s (%v)", claims, test.audience, err)
		}
	}
}
