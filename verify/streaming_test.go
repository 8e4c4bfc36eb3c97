package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// What is hashed as it arrives counts if it is as long as the body, and only for
// schemes whose code ends in the body.
func TestHash(t *testing.T) {
	const body = `{"action":"opened"}`
	signedBy := func(key string) hook {
		return hook{header: with("X-Hub-Signature-256", "sha256="+mac(key, body), "X-GitHub-Event", "issues"), body: body}
	}
	v := builtin(t, "github", &verify.Config{Secrets: []string{secret, "older"}})
	tests := []struct {
		name, key, arrived string
		want               verify.Reason
	}{
		{"the body", secret, body, ""},
		{"the body, of the other key", "older", body, ""},
		{"the body, of a wrong key", "wrong", body, verify.BadSignature},
		{"something else", secret, strings.Repeat("x", len(body)), verify.BadSignature},
		{"a part", secret, body[1:], ""}, // it is hashed as a whole then
		{"more", secret, body + " ", ""},
	}
	for _, test := range tests {
		if _, got, hashed := signedBy(test.key).arrive(t, v, test.arrived); got != test.want || !hashed {
			t.Errorf("%s: refused for %q, hashed %t; want %q", test.name, got, hashed, test.want)
		}
	}

	for content, want := range map[string]bool{
		`["{body}"]`:                                             true,
		`["{method}.{header.X-Time}.{body}"]`:                    true,
		`["{header.X-Time}", "{body}"]`:                          true,
		`["{body}.{header.X-Time}"]`:                             false,
		`["{body.id}{body}"]`:                                    false,
		`["{body}{body}"]`:                                       false,
		`[{"text":"{header.X-Time}.","absent":"drop"},"{body}"]`: true,
		`["{body.id}"]`:                                          false,
	} {
		v := custom(t, `{"name":"x","credentials":["secret"],"scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":`+content+`}`,
			&verify.Config{Secrets: []string{secret}})
		h := hook{header: with("X-Signature", mac(secret, "?"), "X-Time", "1"), body: body}
		if _, _, hashed := h.arrive(t, v, body); hashed != want {
			t.Errorf("%s: hashed %t, want %t", content, hashed, want)
		}
	}
}
