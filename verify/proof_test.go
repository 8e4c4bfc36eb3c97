package verify_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// A handshake signs challenges for anybody. An empty body after a literal is
// such a challenge, so its signature proves nothing.
func TestEmptyBodyIsNoEvent(t *testing.T) {
	spec, _ := verify.Builtin("linkedin")
	v, err := verify.New(spec, &verify.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	hook{header: with("X-LI-Signature", mac(secret, "hmacsha256="))}.expect(t, v, verify.Malformed)
	body := `{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"}`
	hook{header: with("X-LI-Signature", mac(secret, "hmacsha256="+body)), body: body}.expect(t, v, "")
}

// Credentials that are asked for in handshakes only prove nothing of events.
func TestCredentialsThatProveNothing(t *testing.T) {
	spec := parse(t, `{"scheme":"token","token":{"from":"header.X-T","handshake_only":true}}`)
	for _, config := range []verify.Config{{Secrets: []string{"abc"}}, {Tokens: []string{"abc"}}} {
		if _, err := verify.New(spec, &config); err == nil {
			t.Errorf("%+v lets everybody pass", config)
		}
	}
}

// Fields of an item have a meaning only where items are looked at.
func TestItemsElsewhere(t *testing.T) {
	for _, text := range []string{
		`{"scheme":"token","token":{"from":"item.t"}}`,
		`{"scheme":"none","event":["item.k"]}`,
		`{"scheme":"none","for_each":"body.items","id":["item.k"]}`,
		`{"scheme":"hmac","content":"{body}","signature":{"from":["item.s"]}}`,
	} {
		if _, err := verify.Compile(parse(t, text)); err == nil {
			t.Errorf("%s compiles", text)
		}
	}
	v := custom(t, `{"scheme":"none","handshakes":[{"when":{"present":["item.k"]},"verify":"none","respond":{}}]}`, &verify.Config{Unverified: true})
	hook{body: `{}`}.expect(t, v, "")
}

// Where the signed URL runs into the signed body, bytes must not move between
// them, whatever the method.
func TestNothingMovesBetweenURLAndBody(t *testing.T) {
	const spec = `{"scheme":"hmac","content":"{url}{body}","signature":{"from":["header.X-Signature"]},"methods":["GET","POST","DELETE"]}`
	v := custom(t, spec, &verify.Config{Secrets: []string{secret}})
	send := func(method, url, body string, want verify.Reason) {
		t.Helper()
		hook{method: method, url: url, body: body, header: with("X-Signature", mac(secret, url+body))}.expect(t, v, want)
	}
	send("GET", "https://x.example/h?id=5", "", "")
	send("DELETE", "https://x.example/h?id=5", "", "")
	send("POST", "https://x.example/h?id=5", `{"a":1}`, "")
	send("GET", "https://x.example/h", "?id=5", verify.Malformed)
	send("DELETE", "https://x.example/h", "?id=5", verify.Malformed)
	send("DELETE", `https://x.example/h?id=5{"a":1}`, "", verify.Malformed)
	send("POST", `https://x.example/h?id=5{"a":1}`, "", verify.Malformed)
}

func TestHandshakeStatus(t *testing.T) {
	spec := parse(t, `{"scheme":"none","handshakes":[{"when":{"method":"GET"},"verify":"none","respond":{"status":42}}]}`)
	if _, err := verify.Compile(spec); err == nil {
		t.Error("an answer with status 42 compiles")
	}
}

func parse(t *testing.T, text string) *verify.Spec {
	t.Helper()
	spec, err := verify.ParseSpec([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}
