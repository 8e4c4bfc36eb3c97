package verify_test

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// offline are the options of a Verifier whose key set holds the key of nobody.
func offline(t testing.TB) []verify.Option {
	t.Helper()
	set, err := verify.NewKeySet("https://auth.example.com/jwks.json", serving(keySet(t, "nobody", "nobody")), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return []verify.Option{verify.WithKeySet(set), verify.WithClaimsRules(route.CompileClaims)}
}

// oauth is what most tests configure for tokens of an OAuth server.
func oauth(keys ...string) *verify.JWTCredential {
	return &verify.JWTCredential{
		Keys: keys, Algorithms: []string{"ES256"}, Issuer: "https://auth.example.com", Audience: "hooks",
	}
}

// granted are the claims of a token that oauth accepts.
func granted(more ...any) claims {
	c := claims{"iss": "https://auth.example.com", "aud": "hooks", "exp": now.Add(time.Hour).Unix()}
	for i := 0; i < len(more); i += 2 {
		if c[more[i].(string)] = more[i+1]; more[i+1] == nil {
			delete(c, more[i].(string))
		}
	}
	return c
}

// withJWT is a Verifier of a provider with tokens alone.
func withJWT(t testing.TB, provider string, credential *verify.JWTCredential, opts ...verify.Option) *verify.Verifier {
	t.Helper()
	spec, ok := verify.Builtin(provider)
	if !ok {
		t.Fatalf("there is no provider %s", provider)
	}
	v, err := verify.New(spec, &verify.Config{JWT: credential}, append([]verify.Option{verify.WithClaimsRules(route.CompileClaims)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// expectDetail reports a webhook that is not refused as it should be, and for
// the cause that the operator should read.
func expectDetail(t *testing.T, h hook, v *verify.Verifier, want verify.Reason, detail string) {
	t.Helper()
	err := v.Admit(h.request(t, v))
	if err == nil {
		t.Errorf("admitted; want %s: %s", want, detail)
		return
	}
	refused, ok := errors.AsType[*verify.Error](err)
	if !ok || refused.Reason != want || !strings.Contains(refused.Detail, detail) {
		t.Errorf("refused with %q; want %s: %s", err, want, detail)
	}
}

func TestJWTCredential(t *testing.T) {
	own, stranger := keysOf("").ecdsa, keysOf("stranger").ecdsa
	v := withJWT(t, "github", oauth(publicPEM(t, own)))
	es := func(key crypto.Signer, c claims) hook { return bearer(token(t, jose.ES256, key, c)) }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	accepted := map[string]hook{
		"right":                    es(own, granted()),
		"one of several audiences": es(own, granted("aud", []string{"other", "hooks"})),
		"expired within leeway":    es(own, granted("exp", at(-59*time.Second))),
		"valid within leeway":      es(own, granted("nbf", at(59*time.Second), "iat", at(59*time.Second))),
		"lower-case scheme":        {header: with("Authorization", "bearer "+token(t, jose.ES256, own, granted())), body: "{}"},
	}
	for name, h := range accepted {
		if result, refused := h.send(t, v); refused != "" || result.Signed != verify.SignedNothing {
			t.Errorf("%s: refused for %q, %+v", name, refused, result)
		}
	}
	none := "eyJhbGciOiJub25lIn0." + strings.Split(token(t, jose.ES256, own, granted()), ".")[1] + "."
	for _, test := range []struct {
		name   string
		hook   hook
		reason verify.Reason
		detail string
	}{
		{"nothing", hook{body: "{}"}, verify.MissingToken, "header.Authorization is absent"},
		{"not a token", bearer("opaque"), verify.BadToken, "holds no token signed by ES256"},
		{"unsigned", bearer(none), verify.BadToken, "holds no token signed by ES256"},
		{"by a stranger", es(stranger, granted()), verify.BadToken, "signature does not match; 1 key(s)"},
		{"by the public key as a secret", bearer(token(t, jose.HS256, []byte(publicPEM(t, own)), granted())), verify.BadToken, "no token signed by ES256"},
		{"by another algorithm", bearer(token(t, jose.RS256, keysOf("").rsa, granted())), verify.BadToken, "no token signed by ES256"},
		{"expired", es(own, granted("exp", at(-61*time.Second))), verify.BadToken, "the token has expired at 2024-05-14T11:58:59Z"},
		{"without an end", es(own, granted("exp", nil)), verify.BadToken, "does not say when it expires"},
		{"not yet valid", es(own, granted("nbf", at(61*time.Second))), verify.BadToken, "not valid yet"},
		{"issued later", es(own, granted("iat", at(61*time.Second))), verify.BadToken, "not valid yet"},
		{"another issuer", es(own, granted("iss", "https://auth.example.com/")), verify.BadToken, `issuer is "https://auth.example.com/"`},
		{"no issuer", es(own, granted("iss", nil)), verify.BadToken, "issuer"},
		{"another audience", es(own, granted("aud", "other")), verify.BadToken, `audience does not include "hooks"`},
		{"no audience", es(own, granted("aud", nil)), verify.BadToken, "audience"},
		{"expired long ago and by a stranger", es(stranger, granted("exp", 1)), verify.BadToken, "signature does not match"},
	} {
		t.Run(test.name, func(t *testing.T) { expectDetail(t, test.hook, v, test.reason, test.detail) })
	}
}

// A token that brings a key along, or says where one is, is a stranger's.
func TestJWTCredentialIgnoresKeysInTokens(t *testing.T) {
	stranger := keysOf("stranger").ecdsa
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger}, &jose.SignerOptions{
		EmbedJWK:     true,
		ExtraHeaders: map[jose.HeaderKey]any{"jku": "https://evil.example.com/keys", "x5u": "https://evil.example.com/cert", "kid": "own"},
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(granted())
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(document)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	fetcher := serving(keySet(t, "", "own"))
	set := newKeySet(t, fetcher, time.Now)
	v := withJWT(t, "github", &verify.JWTCredential{
		JWKSURL: "https://auth.example.com/jwks.json", Algorithms: []string{"ES256"}, Audience: "hooks",
	}, verify.WithKeySet(set))
	bearer(text).expect(t, v, verify.BadToken)
	for _, url := range fetcher.urls() {
		if url != "https://auth.example.com/jwks.json" {
			t.Errorf("fetched %s", url)
		}
	}
}

func TestJWTCredentialPlaces(t *testing.T) {
	own := keysOf("").ecdsa
	text := token(t, jose.ES256, own, granted())
	credential := oauth(publicPEM(t, own))
	credential.Header = "x-token"
	v := withJWT(t, "github", credential)
	hook{header: with("X-Token", text)}.expect(t, v, "")
	hook{header: with("X-Token", "Bearer "+text)}.expect(t, v, verify.BadToken)
	hook{header: with("X-Token", text, "X-Token", text)}.expect(t, v, verify.BadToken)
	bearer(text).expect(t, v, verify.MissingToken)
	prefix := "JWT "
	credential.Prefix = &prefix
	v = withJWT(t, "github", credential)
	hook{header: with("X-Token", "JWT "+text)}.expect(t, v, "")
	hook{header: with("X-Token", text)}.expect(t, v, verify.BadToken)
}

func TestJWTCredentialRequire(t *testing.T) {
	own := keysOf("").ecdsa
	credential := oauth(publicPEM(t, own))
	credential.Require = `claims.scope == "webhooks" && claims.n > 1`
	v := withJWT(t, "github", credential)
	es := func(more ...any) hook { return bearer(token(t, jose.ES256, own, granted(more...))) }
	es("scope", "webhooks", "n", 2).expect(t, v, "")
	expectDetail(t, es("scope", "other", "n", 2), v, verify.BadToken, credential.Require)
	expectDetail(t, es("scope", "webhooks"), v, verify.BadToken, "require failed")
	expectDetail(t, es("scope", "webhooks", "n", "two"), v, verify.BadToken, "require failed")
	// Without the claims' compiler an expression is not simply left out.
	spec, _ := verify.Builtin("github")
	if _, err := verify.New(spec, &verify.Config{JWT: credential}); err == nil {
		t.Error("New leaves the expression out")
	}
	// An expression can stand for the audience, which some issuers do not name.
	credential.Audience = ""
	v = withJWT(t, "github", credential)
	es("scope", "webhooks", "n", 2, "aud", nil).expect(t, v, "")
}

// A token comes on top of the provider's own credentials.
func TestJWTCredentialWithOthers(t *testing.T) {
	own := keysOf("").ecdsa
	text := token(t, jose.ES256, own, granted())
	v := builtin(t, "instaleap", &verify.Config{Secrets: []string{secret}, JWT: oauth(publicPEM(t, own))})
	both := job(goodJob, goodText)
	both.header.Set("Authorization", "Bearer "+text)
	if result, refused := both.send(t, v); refused != "" || result.Signed != verify.SignedFields {
		t.Errorf("refused for %q, %+v", refused, result)
	}
	job(goodJob, goodText).expect(t, v, verify.MissingToken)
	wrong := job(goodJob, "other")
	wrong.header.Set("Authorization", "Bearer "+text)
	wrong.expect(t, v, verify.BadSignature)

	// The body's hash in a provider's own token is that of that token.
	credential := oauth(publicPEM(t, own))
	credential.Header = "X-Gateway"
	v = builtin(t, "netlify", &verify.Config{Secrets: []string{longSecret}, JWT: credential})
	spec, _ := verify.Builtin("netlify")
	h := hook{body: `{"id":"1"}`}
	r := h.request(t, v)
	if err := verify.Sign(spec, &verify.Config{Secrets: []string{longSecret}}, r); err != nil {
		t.Fatal(err)
	}
	h.header = r.Header
	h.header.Set("X-Gateway", text)
	h.expect(t, v, "")
	h.body = `{"id":"2"}`
	h.expect(t, v, verify.BadSignature)
}

func TestJWTCredentialMistakes(t *testing.T) {
	own := publicPEM(t, keysOf("").ecdsa)
	change := func(edit func(*verify.JWTCredential)) *verify.JWTCredential {
		c := oauth(own)
		edit(c)
		return c
	}
	long := strings.Repeat("k", 64)
	for want, test := range map[string]struct {
		provider string
		config   verify.Config
	}{
		"jwt needs a key, or jwks_url":              {"github", verify.Config{JWT: oauth()}},
		"jwt needs algorithms":                      {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Algorithms = nil })}},
		"unknown algorithm \"none\"":                {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Algorithms = []string{"none"} })}},
		"cannot be mixed":                           {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Algorithms = []string{"ES256", "HS256"} })}},
		"jwt needs audience":                        {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Audience = "" })}},
		"key 1 is a public key, but not one for":    {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Algorithms = []string{"RS256"} })}},
		"key 1: PEM of type \"PRIVATE KEY\"":        {"github", verify.Config{JWT: oauth(privatePEM(t, keysOf("").ecdsa))}},
		"jwt: key 2 is empty":                       {"github", verify.Config{JWT: oauth(own, " ")}},
		"key 1 is PEM, but the algorithms use":      {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Algorithms = []string{"HS256"} })}},
		"is not the name of a header":               {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Header = "a b" })}},
		"must begin with https://":                  {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.JWKSURL = "http://auth.example.com/jwks" })}},
		"user name or password":                     {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.JWKSURL = "https://u:p@auth.example.com/" })}},
		"is not a URL such as https":                {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.JWKSURL = "auth.example.com" })}},
		"jwks_url holds public keys, but HS256":     {"github", verify.Config{JWT: &verify.JWTCredential{JWKSURL: "https://a.example/", Algorithms: []string{"HS256"}, Audience: "a"}}},
		"unverified means":                          {"github", verify.Config{JWT: oauth(own), Unverified: true}},
		"basic and jwt both read":                   {"github", verify.Config{JWT: oauth(own), Basic: []verify.Account{{Username: "u", Password: "p"}}}},
		"token and jwt both read":                   {"github", verify.Config{JWT: oauth(own), Tokens: []string{"t"}}},
		"token_header and jwt both read":            {"github", verify.Config{JWT: oauth(own), TokenHeaders: []verify.TokenHeader{{Name: "authorization", Values: []string{"t"}}}}},
		"issued and jwt both read":                  {"github", verify.Config{JWT: oauth(own), Issued: new(verify.Issued)}},
		"secret and jwt both read":                  {"vonage", verify.Config{JWT: oauth(own), Secrets: []string{long}}},
		"no credentials for google-pubsub: write j": {"google-pubsub", verify.Config{}},
		"uses a secret; write jwt instead":          {"google-pubsub", verify.Config{Secrets: []string{long}}},
		"google-pubsub needs audience":              {"google-pubsub", verify.Config{JWT: &verify.JWTCredential{Require: "true"}}},
		"google-pubsub needs require":               {"google-pubsub", verify.Config{JWT: &verify.JWTCredential{Audience: "a"}}},
		"azure-event-grid-entra needs audience":     {"azure-event-grid-entra", verify.Config{JWT: &verify.JWTCredential{Issuer: "i"}}},
		"azure-event-grid-entra needs issuer":       {"azure-event-grid-entra", verify.Config{JWT: &verify.JWTCredential{Audience: "a"}}},
		"require: unknown name body":                {"github", verify.Config{JWT: change(func(c *verify.JWTCredential) { c.Require = "body.a == 1" })}},
	} {
		spec, _ := verify.Builtin(test.provider)
		if _, err := verify.New(spec, &test.config, verify.WithClaimsRules(route.CompileClaims)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", test.provider, err, want)
		}
	}
	for name, spec := range map[string]string{
		"needs an unknown part": `{"name":"x","scheme":"jwt","jwt":{"algorithms":["RS256"],"jwks_url":"https://a.example/","needs":{"subject":"s"}}}`,
		"needs without keys":    `{"name":"x","scheme":"jwt","jwt":{"algorithms":["RS256"],"needs":{"issuer":"s"}}}`,
		"require without keys":  `{"name":"x","scheme":"jwt","jwt":{"algorithms":["RS256"],"require":"true"}}`,
		"shared algorithms":     `{"name":"x","scheme":"jwt","jwt":{"algorithms":["HS256"],"jwks_url":"https://a.example/"}}`,
		"body hash":             `{"name":"x","scheme":"jwt","jwt":{"algorithms":["RS256"],"jwks_url":"https://a.example/","body_hash":{"claim":"h"}}}`,
		"plain HTTP":            `{"name":"x","scheme":"jwt","jwt":{"algorithms":["RS256"],"jwks_url":"http://a.example/"}}`,
	} {
		parsed, err := verify.ParseSpec([]byte(spec))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Compile(parsed); err == nil {
			t.Errorf("%s: Compile accepts it", name)
		}
	}
}

// Where a preset's tokens are issued to everybody, what makes them ours is
// checked.
func TestPublishedPresets(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		if p.kind != "jwt" {
			return
		}
		v := p.verifier(t)
		signed := func(edit func(*verify.JWTCredential, map[string]any)) hook {
			sender, more := *p.sender.JWT, maps.Clone(sampleClaims[p.spec.Name])
			edit(&sender, more)
			h := p.sample(t)
			r := h.request(t, v)
			if err := verify.SignWithClaims(p.spec, &verify.Config{JWT: &sender}, r, more); err != nil {
				t.Fatal(err)
			}
			h.header = r.Header
			return h
		}
		signed(func(*verify.JWTCredential, map[string]any) {}).expect(t, v, "")
		tests := map[string]hook{
			"another audience": signed(func(c *verify.JWTCredential, _ map[string]any) { c.Audience = "https://elsewhere.example.com" }),
			"another issuer":   signed(func(c *verify.JWTCredential, _ map[string]any) { c.Issuer = "https://elsewhere.example.com" }),
			"expired":          signed(func(_ *verify.JWTCredential, m map[string]any) { m["exp"] = now.Add(-time.Hour).Unix() }),
		}
		for claim := range sampleClaims[p.spec.Name] {
			tests["another "+claim] = signed(func(_ *verify.JWTCredential, m map[string]any) { m[claim] = "other" })
			tests["no "+claim] = signed(func(_ *verify.JWTCredential, m map[string]any) { delete(m, claim) })
		}
		for name, h := range tests {
			if _, got := h.send(t, v); got != verify.BadToken {
				t.Errorf("%s: refused for %q; want bad_token", name, got)
			}
		}
	})
}

// keySet is a JSON Web Key Set with an owner's keys, whose ids begin with id.
func keySet(t testing.TB, owner, id string) string {
	t.Helper()
	keys := keysOf(owner)
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: keys.ecdsa.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"},
		{Key: keys.rsa.Public(), KeyID: id + "-rsa"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}

func newKeySet(t testing.TB, fetcher verify.Fetcher, clock func() time.Time) *verify.KeySet {
	t.Helper()
	set, err := verify.NewKeySet("https://auth.example.com/jwks.json", fetcher, clock)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// byKey is a webhook with a token that names a key.
func byKey(t testing.TB, owner, id string) hook {
	t.Helper()
	key := jose.JSONWebKey{Key: keysOf(owner).ecdsa, KeyID: id}
	return bearer(token(t, jose.ES256, key, granted()))
}

func ExampleNewKeySet() {
	_, err := verify.NewKeySet("http://auth.example.com/jwks.json", verify.NewKeyFetcher(), time.Now)
	fmt.Println(err)
	// Output: jwks_url "http://auth.example.com/jwks.json" must begin with https://, or anybody on the way could put in a key
}
