package verify_test

import (
	"fmt"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Every provider that can have a secret has a decoy, which verifies nothing that is
// known; and a Verifier that another one was made of takes its own secret, and no
// other's.
func TestWith(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		if len(spec.Credentials) == 0 || spec.Credentials[0] == "jwt" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			decoy, err := verify.Decoy(spec)
			if err != nil {
				t.Fatal(err)
			}
			again, err := verify.Decoy(spec)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(decoy) == fmt.Sprint(again) && !spec.TakesPublicKeys() {
				t.Error("the decoy is always the same")
			}
			decoy.Tolerance = verify.Off
			nobody := builtin(t, name, &decoy)
			if spec.Scheme == "" || spec.Scheme == "none" || spec.Scheme == "basic" {
				return
			}
			secrets := pairFor(t, spec, secret, ourKeys())
			if secrets.private == "" {
				return // the provider alone can sign
			}
			owner := with1(t, nobody, name, secrets.public)
			other := with1(t, nobody, name, pairFor(t, spec, "another key, which is wrong and just as long", otherKeys()).public)
			h := sampleOf(t, name)
			r := h.request(t, nobody)
			if err := verify.Sign(spec, &verify.Config{Secrets: []string{secrets.private}, Tolerance: verify.Off}, r); err != nil {
				t.Fatal(err)
			}
			h.url, h.header, h.body = r.URL.String(), r.Header, string(r.Body.Bytes())
			h.expect(t, owner, "")
			for _, v := range []*verify.Verifier{nobody, other} {
				if _, refused := h.send(t, v); refused != verify.BadSignature && refused != verify.BadToken {
					t.Errorf("without the secret it is refused for %q", refused)
				}
			}
		})
	}
}

func with1(t testing.TB, v *verify.Verifier, name, secret string) *verify.Verifier {
	t.Helper()
	other, err := v.With(&verify.Config{Provider: name, Secrets: []string{secret}, Tolerance: verify.Off})
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// Times count for a Verifier whose credentials sign them, whatever those of the one
// that it was made of do.
func TestWithOtherKinds(t *testing.T) {
	tokens := builtin(t, "stripe", &verify.Config{TokenHeaders: []verify.TokenHeader{{Name: "X-Token", Values: []string{"t1"}}}})
	signed, err := tokens.With(&verify.Config{Provider: "stripe", Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	if tokens.Tolerance() > 0 || signed.Tolerance() <= 0 {
		t.Errorf("the tolerances are %v and %v", tokens.Tolerance(), signed.Tolerance())
	}
	for _, config := range []*verify.Config{{}, {Secrets: []string{""}}, {Basic: []verify.Account{{}}}} {
		if _, err := tokens.With(config); err == nil {
			t.Errorf("%+v: no error", config)
		}
	}
}

// The number of what was right is that in the configuration.
func TestUsed(t *testing.T) {
	config := &verify.Config{
		Secrets:      []string{"old secret", secret},
		TokenHeaders: []verify.TokenHeader{{Name: "X-Token", Values: []string{"t1", "t2", "t3"}}},
		Basic:        []verify.Account{{Username: "a", Password: "b"}, {Username: "u", Password: "p"}},
	}
	v := builtin(t, "instaleap", config)
	h := hook{body: goodJob, header: with("Instaleap-Signature", mac(secret, goodText), "X-Token", "t3", "Authorization", "Basic dTpw")}
	result, refused := h.send(t, v)
	if refused != "" || result.Used != (verify.Used{Secret: 2, TokenHeader: 3, Basic: 2}) {
		t.Fatalf("refused for %q: %+v", refused, result)
	}
	told := ""
	result.Used.Each(func(kind string, number int) { told += fmt.Sprint(kind, " ", number, "; ") })
	if told != "secret 2; token_header 3; basic 2; " {
		t.Errorf("told: %s", told)
	}
	tokens := builtin(t, "gitlab", &verify.Config{Secrets: []string{"s1", "s2"}, Tokens: []string{"t1"}})
	for token, want := range map[string]verify.Used{"s1": {Secret: 1}, "s2": {Secret: 2}, "t1": {Token: 1}} {
		result, refused := hook{body: "{}", header: with("X-Gitlab-Token", token)}.send(t, tokens)
		if refused != "" || result.Used != want {
			t.Errorf("%s: refused for %q: %+v", token, refused, result)
		}
	}
}
