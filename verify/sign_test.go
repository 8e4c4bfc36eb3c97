package verify_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// keyText writes a shared key as the provider writes its keys.
func keyText(t *testing.T, spec *verify.Spec, key string) string {
	t.Helper()
	switch spec.Key {
	case "", "utf8", "nfkd", "sha1":
		return key
	case "hex":
		return hex.EncodeToString([]byte(key))
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(key))
	case "whsec":
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
	default:
		t.Fatalf("say here how keys are written that are %s", spec.Key)
		return ""
	}
}

// pair is a key in PEM, for the provider and for the receiver.
type pair struct{ private, public string }

func newPair(private, public any) pair {
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})),
	}
}

// keys makes one key of each kind, by the beginnings of the names of schemes
// and algorithms.
func keys() map[string]pair {
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ed, p256, rs2048 := newPair(edPrivate, edPublic), newPair(ec, &ec.PublicKey), newPair(rs, &rs.PublicKey)
	return map[string]pair{
		"ed25519": ed, "EdDSA": ed, "ecdsa_p256": p256, "ES256": p256,
		"rsa_sha256": rs2048, "rsa_sha1": rs2048, "RS256": rs2048, "PS256": rs2048,
	}
}

// The keys of the provider, and those of somebody else.
var ourKeys, otherKeys = sync.OnceValue(keys), sync.OnceValue(keys)

// pairFor returns what Sign needs and what New needs, or nothing where only
// the provider itself can sign.
func pairFor(t *testing.T, spec *verify.Spec, key string, pairs map[string]pair) pair {
	t.Helper()
	name := spec.Scheme
	switch name {
	case "aws_sns", "paypal":
		return pair{}
	case "jwt":
		name = spec.JWT.Algorithms[0]
	}
	if known, ok := pairs[name]; ok {
		return known
	}
	text := keyText(t, spec, key)
	return pair{text, text}
}

// sampleOf is the provider's sample.
func sampleOf(t *testing.T, provider string) hook {
	t.Helper()
	folder := "../testdata/" + provider + "/"
	if _, err := os.Stat(folder + "sample.http"); err == nil {
		return recorded(t, folder+"sample.http")
	}
	h := hook{header: with("Content-Type", "application/json")}
	body, err := os.ReadFile(folder + "sample.json")
	if err != nil {
		h.header.Set("Content-Type", "application/x-www-form-urlencoded")
		body, err = os.ReadFile(folder + "sample.form")
	}
	if err != nil {
		t.Fatalf("%s has no sample: %v", provider, err)
	}
	h.body = string(body)
	spec, _ := verify.Builtin(provider)
	for _, source := range append(append([]string{}, spec.Event...), spec.ID...) {
		if header, ok := strings.CutPrefix(source, "header."); ok {
			h.header.Set(header, "value-of-"+header)
		}
	}
	return h
}

// Whatever Sign makes, Verify accepts, and with the same key only.
func TestSign(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		if spec.Scheme == "" || spec.Scheme == "none" || spec.Scheme == "basic" || spec.Credentials[0] == "jwt" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			secrets := pairFor(t, spec, secret, ourKeys())
			if secrets.private == "" {
				return // TestSignRefuses
			}
			// A time inside the sample stays as it is, and is old.
			v := builtin(t, name, &verify.Config{Secrets: []string{secrets.public}, Tolerance: verify.Off})
			h := sampleOf(t, name)
			r := h.request(t, v)
			if err := verify.Sign(spec, &verify.Config{Secrets: []string{secrets.private}, Tolerance: verify.Off}, r); err != nil {
				t.Fatal(err)
			}
			h.url, h.header, h.body = r.URL.String(), r.Header, string(r.Body.Bytes())
			h.expect(t, v, "")
			stranger := pairFor(t, spec, "another key, which is wrong and just as long", otherKeys())
			v = builtin(t, name, &verify.Config{Secrets: []string{stranger.public}, Tolerance: verify.Off})
			if _, refused := h.send(t, v); refused != verify.BadSignature && refused != verify.BadToken {
				t.Errorf("with another key it is refused for %q", refused)
			}
		})
	}
}

func TestSignKinds(t *testing.T) {
	config := &verify.Config{
		Secrets:      []string{secret, "older key"},
		TokenHeaders: []verify.TokenHeader{{Name: "x-token", Values: []string{"t1", "t2"}}},
		Basic:        []verify.Account{{Username: "u", Password: "p"}, {Username: "v", Password: "q"}},
	}
	v := builtin(t, "instaleap", config)
	r := hook{body: goodJob}.request(t, v)
	spec, _ := verify.Builtin("instaleap")
	if err := verify.Sign(spec, config, r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Instaleap-Signature": mac(secret, goodText), "X-Token": "t1", "Authorization": "Basic dTpw"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	hook{header: r.Header, body: goodJob}.expect(t, v, "")

	bearer := hook{body: goodJob}.request(t, v)
	if err := verify.Sign(spec, &verify.Config{Tokens: []string{"t1", "t2"}}, bearer); err != nil {
		t.Fatal(err)
	}
	if got := bearer.Header.Get("Authorization"); got != "Bearer t1" {
		t.Errorf("Authorization is %q", got)
	}
}

func TestSignList(t *testing.T) {
	spec, err := verify.ParseSpec([]byte(listSpec))
	if err != nil {
		t.Fatal(err)
	}
	config := &verify.Config{Secrets: []string{secret}}
	v := custom(t, listSpec, config)
	r := hook{body: "body"}.request(t, v)
	if err := verify.Sign(spec, config, r); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Header.Get("X-Signature"), "t=1715688000,v1="+mac(secret, "1715688000.body"); got != want {
		t.Errorf("X-Signature is %q; want %q", got, want)
	}
	hook{header: r.Header, body: "body"}.expect(t, v, "")
}

func TestSignRefuses(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	v := signed(t, "instaleap")
	config := &verify.Config{Secrets: []string{secret}}
	if err := verify.Sign(spec, config, hook{body: `{"id":"x"}`}.request(t, v)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("signing a body without the signed fields: %v", err)
	}
	if err := verify.Sign(spec, &verify.Config{}, hook{body: goodJob}.request(t, v)); err == nil {
		t.Error("signing without credentials gave no error")
	}
	// Only Amazon and PayPal can sign as they do.
	for provider, secret := range map[string]string{"aws-sns": "arn:aws:sns:us-east-1:123456789012:name", "paypal": "8PT597110X687430LKGECATA"} {
		spec, ok := verify.Builtin(provider)
		if !ok {
			t.Fatalf("there is no provider %s", provider)
		}
		if err := verify.Sign(spec, &verify.Config{Secrets: []string{secret}}, hook{body: "{}"}.request(t, v)); err == nil {
			t.Errorf("signing as %s gave no error", provider)
		}
	}
}
