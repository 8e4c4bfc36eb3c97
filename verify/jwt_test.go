package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// longSecret is long enough for each hash.
const longSecret = "a-secret-of-at-least-sixty-four-bytes-for-hs512-which-wants-as-many"

// jwtSpec is a provider of tokens with what is said of them, in JSON.
func jwtSpec(more string) string { return `{"name":"x","scheme":"jwt","jwt":{` + more + `}}` }

// hs256 is a verifier of tokens with the long secret.
func hs256(t testing.TB, more string) *verify.Verifier {
	t.Helper()
	return custom(t, jwtSpec(`"algorithms":["HS256"]`+more), &verify.Config{Secrets: []string{longSecret}})
}

type claims map[string]any

// token signs claims by a library.
func token(t testing.TB, algorithm jose.SignatureAlgorithm, key any, c claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(content)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rawToken signs a header and a payload as they are by HMAC-SHA256.
func rawToken(key, header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	content := encode([]byte(header)) + "." + encode([]byte(payload))
	code := hmac.New(sha256.New, []byte(key))
	code.Write([]byte(content))
	return content + "." + encode(code.Sum(nil))
}

const hs256Header = `{"alg":"HS256","typ":"JWT"}`

func bearer(token string) hook {
	return hook{header: with("Authorization", "Bearer "+token), body: "{}"}
}

func TestJWTAlgorithms(t *testing.T) {
	keys, other := keysOf(""), keysOf("other")
	curve := func(c elliptic.Curve) [2]*ecdsa.PrivateKey {
		var pair [2]*ecdsa.PrivateKey
		for i := range pair {
			var err error
			if pair[i], err = ecdsa.GenerateKey(c, rand.Reader); err != nil {
				t.Fatal(err)
			}
		}
		return pair
	}
	p384, p521 := curve(elliptic.P384()), curve(elliptic.P521())
	shared, otherShared := []byte(longSecret), []byte(strings.ToUpper(longSecret))
	all := map[jose.SignatureAlgorithm][2]any{
		jose.HS256: {shared, otherShared}, jose.HS384: {shared, otherShared}, jose.HS512: {shared, otherShared},
		jose.RS256: {keys.rsa, other.rsa}, jose.RS384: {keys.rsa, other.rsa}, jose.RS512: {keys.rsa, other.rsa},
		jose.PS256: {keys.rsa, other.rsa}, jose.PS384: {keys.rsa, other.rsa}, jose.PS512: {keys.rsa, other.rsa},
		jose.ES256: {keys.ecdsa, other.ecdsa}, jose.ES384: {p384[0], p384[1]}, jose.ES512: {p521[0], p521[1]},
		jose.EdDSA: {keys.ed25519, other.ed25519},
	}
	tokens := make(map[jose.SignatureAlgorithm]string)
	for algorithm, pair := range all {
		tokens[algorithm] = token(t, algorithm, pair[0], claims{"sub": "s"})
	}
	for algorithm, pair := range all {
		t.Run(string(algorithm), func(t *testing.T) {
			secret := longSecret
			if key, ok := pair[0].(crypto.Signer); ok {
				secret = publicPEM(t, key)
			}
			v := custom(t, jwtSpec(`"algorithms":["`+string(algorithm)+`"]`), &verify.Config{Secrets: []string{secret}})
			for sent, text := range tokens {
				want := verify.BadToken
				if sent == algorithm {
					want = ""
				}
				if _, got := bearer(text).send(t, v); got != want {
					t.Errorf("%s: refused for %q; want %q", sent, got, want)
				}
			}
			bearer(token(t, algorithm, pair[1], claims{"sub": "s"})).expect(t, v, verify.BadToken)
			text := tokens[algorithm]
			for _, at := range []int{2, strings.Index(text, ".") + 2, strings.LastIndex(text, ".") + 2} {
				changed := text[:at] + map[bool]string{true: "B", false: "A"}[text[at] == 'A'] + text[at+1:]
				bearer(changed).expect(t, v, verify.BadToken)
			}
		})
	}
}

// A token does not choose its algorithm or key.
func TestJWTConfusion(t *testing.T) {
	keys := keysOf("")
	public := publicPEM(t, keys.rsa)
	rs256 := custom(t, jwtSpec(`"algorithms":["RS256"]`), &verify.Config{Secrets: []string{public}})
	shared := hs256(t, "")
	payload := `{"sub":"s"}`
	bearer(rawToken(public, hs256Header, payload)).expect(t, rs256, verify.BadToken)
	bearer(rawToken(public, `{"alg":"RS256"}`, payload)).expect(t, rs256, verify.BadToken)
	bearer(rawToken(longSecret, `{"alg":"RS256"}`, payload)).expect(t, shared, verify.BadToken)
	bearer(token(t, jose.RS256, keys.rsa, claims{})).expect(t, shared, verify.BadToken)
	bearer(token(t, jose.HS512, []byte(longSecret), claims{})).expect(t, shared, verify.BadToken)
	for _, header := range []string{
		`{"alg":"none"}`, `{"alg":"None"}`, `{"alg":"NONE"}`, `{"alg":"nOnE"}`, `{"alg":""}`, `{}`, `{"typ":"JWT"}`, `{"alg":null}`,
		`{"alg":"hs256"}`, `{"alg":"HS256 "}`, `{"ALG":"HS256"}`, `{"alg":["HS256"]}`, `{"alg":"none","alg":"HS256"}`,
		`{"alg":"HS256","crit":["x"],"x":1}`,
	} {
		signed := rawToken(longSecret, header, payload)
		if _, got := bearer(signed).send(t, shared); got != verify.BadToken {
			t.Errorf("%s: refused for %q; want bad_token", header, got)
		}
		unsigned := signed[:strings.LastIndex(signed, ".")+1]
		bearer(unsigned).expect(t, shared, verify.BadToken)
		bearer(strings.TrimSuffix(unsigned, ".")).expect(t, shared, verify.BadToken)
		bearer(unsigned).expect(t, rs256, verify.BadToken)
	}
	bearer(rawToken("", hs256Header, payload)).expect(t, shared, verify.BadToken)

	// A key that the token brings along is the sender's.
	stranger := keysOf("other").rsa
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: stranger}, &jose.SignerOptions{
		EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{"jku": "https://evil.example.com/keys", "x5u": "https://evil.example.com/cert"},
	})
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	bearer(text).expect(t, rs256, verify.BadToken)
}

func TestJWTGarbage(t *testing.T) {
	v := hs256(t, "")
	good := rawToken(longSecret, hs256Header, `{"sub":"s"}`)
	bearer(good).expect(t, v, "")
	parts := strings.Split(good, ".")
	for name, text := range map[string]string{
		"nothing": "", "a dot": ".", "two dots": "..", "four dots": "....", "letters": "a.b.c", "text": "Hello, World!",
		"no header": "." + parts[1] + "." + parts[2], "no payload": parts[0] + ".." + parts[2], "no signature": parts[0] + "." + parts[1] + ".",
		"one part more": good + ".x", "JWE": strings.Repeat(parts[0]+".", 4) + parts[2],
		"JSON":   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"padded": parts[0] + "." + parts[1] + "." + parts[2] + "=", "space before": " " + good,
		"scheme twice": "Bearer " + good, "quoted": `"` + good + `"`, "comma": good + "," + good,
		"NUL": good + "\x00", "long": strings.Repeat("a", 1<<16),
		"many dots":    strings.Repeat(".", 1<<16),
		"not JSON":     rawToken(longSecret, hs256Header, "text"),
		"an array":     rawToken(longSecret, hs256Header, `[{"sub":"s"}]`),
		"null":         rawToken(longSecret, hs256Header, `null`),
		"empty":        rawToken(longSecret, hs256Header, ``),
		"text in JSON": rawToken(longSecret, hs256Header, `"s"`),
		"header text":  rawToken(longSecret, "text", `{"sub":"s"}`),
	} {
		if _, got := bearer(text).send(t, v); got != verify.BadToken {
			t.Errorf("%s: refused for %q; want bad_token", name, got)
		}
	}
	two := bearer(good)
	two.header.Add("Authorization", "Bearer "+good)
	two.expect(t, v, verify.BadToken)
	hook{}.expect(t, v, verify.MissingToken)
	hook{header: with("Authorization", "")}.expect(t, v, verify.MissingToken)
	hook{header: with("Authorization", good)}.expect(t, v, verify.BadToken)
	hook{header: with("Authorization", "bearer "+good)}.expect(t, v, "")
	hook{header: with("Authorization", "Basic "+good)}.expect(t, v, verify.BadToken)
	hook{url: hooksURL + "?access_token=" + good}.expect(t, v, verify.MissingToken)
}

func TestJWTPlaces(t *testing.T) {
	good := rawToken(longSecret, hs256Header, `{}`)
	query := hs256(t, `,"from":"query.jwt"`)
	hook{url: hooksURL + "?jwt=" + good}.expect(t, query, "")
	hook{url: hooksURL + "?jwt=" + good + "&jwt=" + good}.expect(t, query, verify.BadToken)
	bearer(good).expect(t, query, verify.MissingToken)
	prefixed := hs256(t, `,"from":"header.X-Token","prefix":"JWT "`)
	hook{header: with("X-Token", "JWT "+good)}.expect(t, prefixed, "")
	hook{header: with("X-Token", good)}.expect(t, prefixed, verify.BadToken)
	bare := hs256(t, `,"prefix":""`)
	hook{header: with("Authorization", good)}.expect(t, bare, "")
	bearer(good).expect(t, bare, verify.BadToken)
}

func TestJWTTimes(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	const leeway, age = time.Minute, 5 * time.Minute
	tests := []struct {
		name, more string
		claims     claims
		want       verify.Reason
	}{
		{"none", "", claims{}, ""},
		{"to come", "", claims{"exp": at(time.Hour)}, ""},
		{"expired within the leeway", "", claims{"exp": at(-leeway)}, ""},
		{"expired", "", claims{"exp": at(-leeway - time.Second)}, verify.Stale},
		{"expired in 1970", "", claims{"exp": 0}, verify.Stale},
		{"expired, with a fraction", "", claims{"exp": float64(at(-leeway)) - 0.5}, verify.Stale},
		{"valid soon", "", claims{"nbf": at(leeway)}, ""},
		{"not yet valid", "", claims{"nbf": at(leeway + time.Second)}, verify.Stale},
		{"issued soon", "", claims{"iat": at(leeway)}, ""},
		{"issued later", "", claims{"iat": at(leeway + time.Second)}, verify.Stale},
		{"issued long ago", "", claims{"iat": 1}, ""},
		{"issued as long ago as allowed", `,"max_age":"5m"`, claims{"iat": at(-age)}, ""},
		{"issued too long ago", `,"max_age":"5m"`, claims{"iat": at(-age - time.Second)}, verify.Stale},
		{"issued too long ago, not expired", `,"max_age":"5m"`, claims{"iat": at(-age - time.Second), "exp": at(time.Hour)}, verify.Stale},
		{"not said when issued", `,"max_age":"5m"`, claims{"exp": at(time.Hour)}, verify.BadToken},
		{"null for issued", `,"max_age":"5m"`, claims{"iat": nil}, verify.BadToken},
		{"text for a time", "", claims{"exp": strconv.FormatInt(at(time.Hour), 10)}, verify.BadToken},
		{"truth for a time", "", claims{"exp": true}, verify.BadToken},
		{"list for a time", "", claims{"nbf": []int64{at(0)}}, verify.BadToken},
		{"before 1970", "", claims{"exp": -1}, verify.BadToken},
		{"milliseconds", "", claims{"exp": at(time.Hour) * 1000}, verify.BadToken},
		{"beyond all numbers", "", claims{"exp": json.Number("1e999")}, verify.BadToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := bearer(token(t, jose.HS256, []byte(longSecret), test.claims))
			h.expect(t, hs256(t, test.more), test.want)
			// Only the holder of the key can learn what is wrong with a time.
			forged := bearer(token(t, jose.HS256, []byte(strings.ToUpper(longSecret)), test.claims))
			forged.expect(t, hs256(t, test.more), verify.BadToken)
		})
	}
}

func TestJWTParties(t *testing.T) {
	const more = `,"issuer":"i","audience":"a","subject":"s"`
	good := claims{"iss": "i", "aud": "a", "sub": "s"}
	with := func(name string, value any) claims {
		c := maps.Clone(good)
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	tests := []struct {
		name   string
		claims claims
		want   verify.Reason
	}{
		{"right", good, ""},
		{"one of several audiences", with("aud", []string{"b", "a"}), ""},
		{"another issuer", with("iss", "j"), verify.BadToken},
		{"issuer in upper case", with("iss", "I"), verify.BadToken},
		{"issuer with more after it", with("iss", "i.evil.example"), verify.BadToken},
		{"no issuer", with("iss", nil), verify.BadToken},
		{"list of issuers", with("iss", []string{"i"}), verify.BadToken},
		{"another audience", with("aud", "b"), verify.BadToken},
		{"other audiences", with("aud", []any{"b", 1, nil, []string{"a"}}), verify.BadToken},
		{"no audience", with("aud", nil), verify.BadToken},
		{"empty audiences", with("aud", []string{}), verify.BadToken},
		{"another subject", with("sub", "t"), verify.BadToken},
		{"no subject", with("sub", nil), verify.BadToken},
		{"number for a subject", with("sub", 1), verify.BadToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := bearer(token(t, jose.HS256, []byte(longSecret), test.claims))
			h.expect(t, hs256(t, more), test.want)
			h.expect(t, hs256(t, ""), "")
		})
	}
}

// A JSON Web Key is tried for tokens that name it or none.
func TestJWTKeyIDs(t *testing.T) {
	jwk := func(owner, id string) string {
		data, err := json.Marshal(jose.JSONWebKey{Key: keysOf(owner).ecdsa.Public(), KeyID: id, Algorithm: "ES256"})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	by := func(owner, id string) hook {
		key := jose.JSONWebKey{Key: keysOf(owner).ecdsa, KeyID: id}
		return bearer(token(t, jose.ES256, key, claims{}))
	}
	v := custom(t, jwtSpec(`"algorithms":["ES256"]`), &verify.Config{Secrets: []string{jwk("a", "one"), jwk("b", "two")}})
	by("a", "one").expect(t, v, "")
	by("b", "two").expect(t, v, "")
	by("a", "").expect(t, v, "")
	by("b", "").expect(t, v, "")
	by("a", "two").expect(t, v, verify.BadToken)
	by("a", "three").expect(t, v, verify.BadToken)
	by("c", "one").expect(t, v, verify.BadToken)
	by("c", "").expect(t, v, verify.BadToken)
	nameless := custom(t, jwtSpec(`"algorithms":["ES256"]`),
		&verify.Config{Secrets: []string{publicPEM(t, keysOf("b").ecdsa), jwk("a", "")}})
	by("a", "any").expect(t, nameless, "")
	by("b", "any").expect(t, nameless, "")
	by("c", "any").expect(t, nameless, verify.BadToken)
	private, err := json.Marshal(jose.JSONWebKey{Key: keysOf("a").ecdsa, KeyID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	by("a", "one").expect(t, custom(t, jwtSpec(`"algorithms":["ES256"]`), &verify.Config{Secrets: []string{string(private)}}), "")
}

func TestJWTBodyHash(t *testing.T) {
	const body = `{"id":"e1","n":38.90}`
	sum := sha256.Sum256([]byte(body))
	forms := map[string]string{
		"hex": hex.EncodeToString(sum[:]), "base64": base64.StdEncoding.EncodeToString(sum[:]),
		"base64url": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	for encoding := range forms {
		v := hs256(t, `,"body_hash":{"claim":"h","encoding":"`+encoding+`"}`)
		send := func(c claims, body string) (*verify.Result, verify.Reason) {
			return hook{header: http.Header{"Authorization": {"Bearer " + token(t, jose.HS256, []byte(longSecret), c)}}, body: body}.send(t, v)
		}
		for name, stated := range forms {
			want := verify.BadSignature
			if name == encoding || strings.TrimRight(forms[encoding], "=") == strings.TrimRight(stated, "=") && encoding == "base64url" {
				want = ""
			}
			if _, got := send(claims{"h": stated}, body); got != want {
				t.Errorf("%s in %s: refused for %q; want %q", name, encoding, got, want)
			}
		}
		if result, refused := send(claims{"h": forms[encoding]}, body); refused != "" || result.Signed != verify.SignedBody {
			t.Errorf("in %s the result is %+v, %q; want the body to be signed", encoding, result, refused)
		}
		for name, c := range map[string]claims{
			"absent": {}, "empty": {"h": ""}, "null": {"h": nil}, "a number": {"h": 1}, "a list": {"h": []string{forms[encoding]}},
			"in another claim": {"H": forms[encoding]}, "cut": {"h": forms[encoding][:20]},
			"of nothing": {"h": hex.EncodeToString(sha256.New().Sum(nil))},
		} {
			if _, got := send(c, body); got != verify.BadSignature {
				t.Errorf("%s in %s: refused for %q; want bad_signature", name, encoding, got)
			}
		}
		for _, changed := range otherBodies(body) {
			if _, got := send(claims{"h": forms[encoding]}, changed); got != verify.BadSignature {
				t.Errorf("%q in %s: refused for %q; want bad_signature", changed, encoding, got)
			}
		}
	}
}

// The hash of a request line, each with its canonical form written by hand.
// The first one's hash is well known.
func TestJWTRequestHash(t *testing.T) {
	tests := []struct{ method, url, canonical, hash string }{
		{"GET", "https://hooks.example.com", "GET&/&", "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"},
		{"GET", "https://hooks.example.com/", "GET&/&", ""},
		{"POST", "https://hooks.example.com/hook", "POST&/hook&", ""},
		{"POST", "https://hooks.example.com/hook/", "POST&/hook&", ""},
		{"POST", "https://hooks.example.com/a%20b/%C3%A4", "POST&/a%20b/%C3%A4&", ""},
		{"POST", "https://hooks.example.com/?jwt=x.y.z", "POST&/&", ""},
		{"POST", "https://hooks.example.com/hook?b=2&a=1&jwt=x", "POST&/hook&a=1&b=2", ""},
		{"POST", "https://hooks.example.com/hook?a=2&b=&a=1", "POST&/hook&a=1,2&b=", ""},
		{"POST", "https://hooks.example.com/hook?q=x+y&r=x%2By&s=~*!'()", "POST&/hook&q=x%20y&r=x%2By&s=~%2A%21%27%28%29", ""},
		{"POST", "https://hooks.example.com/hook?%C3%A4=%C3%B6&a%5B0%5D=,", "POST&/hook&a%5B0%5D=%2C&%C3%A4=%C3%B6", ""},
	}
	v := custom(t, jwtSpec(`"algorithms":["HS256"],"request_hash":true`), &verify.Config{Secrets: []string{longSecret}, Methods: []string{"GET", "POST"}})
	for _, test := range tests {
		if test.hash == "" {
			test.hash = digest(test.canonical)
		}
		if digest(test.canonical) != test.hash {
			t.Fatalf("the hash of %s is not %s", test.canonical, test.hash)
		}
		h := bearer(token(t, jose.HS256, []byte(longSecret), claims{"qsh": test.hash}))
		h.method, h.url = test.method, test.url
		if _, got := h.send(t, v); got != "" {
			t.Errorf("%s %s is refused for %q; its canonical form is %s", test.method, test.url, got, test.canonical)
		}
		for _, stated := range []any{nil, "", test.hash[1:], digest(test.canonical + "&"), "context-qsh", 1} {
			h.header = bearer(token(t, jose.HS256, []byte(longSecret), claims{"qsh": stated})).header
			h.expect(t, v, verify.BadToken)
		}
	}
}
