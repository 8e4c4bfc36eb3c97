package verify_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// code is an HMAC of text in base64.
func code(newHash func() hash.Hash, key, text string) string {
	mac := hmac.New(newHash, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

const formType = "application/x-www-form-urlencoded"

// The URL that is signed is the one the provider knows.
func TestPublicURL(t *testing.T) {
	const spec = `{"name":"x","scheme":"hmac","content":"{url} {url.base}","signature":{"from":["header.X-Signature"]}}`
	const asked = "http://internal:8080/p%20q/%2F?q=%3a&r"
	tests := []struct{ public, asked, url, base string }{
		{"", asked, asked, "http://internal:8080/p%20q/%2F"},
		{"", "https://a.example", "https://a.example/", "https://a.example/"},
		{"", "https://a.example?", "https://a.example/?", "https://a.example/"},
		{"", "https://a.example/p#part", "https://a.example/p", "https://a.example/p"},
		{"", "https://[2001:db8::1]:8443/p", "https://[2001:db8::1]:8443/p", "https://[2001:db8::1]:8443/p"},
		{"https://hooks.example.com", asked, "https://hooks.example.com/p%20q/%2F?q=%3a&r", "https://hooks.example.com/p%20q/%2F"},
		{"https://hooks.example.com/", asked, "https://hooks.example.com/?q=%3a&r", "https://hooks.example.com/"},
		{"https://hooks.example.com/a%2Fb", asked, "https://hooks.example.com/a%2Fb?q=%3a&r", "https://hooks.example.com/a%2Fb"},
		{"https://hooks.example.com:8443/a?x=y", "http://internal:8080/p", "https://hooks.example.com:8443/a?x=y", "https://hooks.example.com:8443/a"},
		{"https://user:pass@hooks.example.com/a", asked, "https://user:pass@hooks.example.com/a?q=%3a&r", "https://user:pass@hooks.example.com/a"},
		{"http://hooks.example.com/a", "https://internal/", "http://hooks.example.com/a", "http://hooks.example.com/a"},
	}
	for _, test := range tests {
		v := custom(t, spec, &verify.Config{Secrets: []string{secret}, PublicURL: test.public})
		h := hook{url: test.asked, header: with("X-Signature", mac(secret, test.url+" "+test.base))}
		if _, refused := h.send(t, v); refused != "" {
			t.Errorf("public_url %q, asked %s: refused for %q; want the signature of %s", test.public, test.asked, refused, test.url)
		}
	}
	// A query that is not the signed one would reach the app all the same.
	v := custom(t, spec, &verify.Config{Secrets: []string{secret}, PublicURL: "https://a.example/a?x=y"})
	signature := with("X-Signature", mac(secret, "https://a.example/a?x=y https://a.example/a"))
	hook{url: "http://internal/a?x=y", header: signature}.expect(t, v, "")
	hook{url: "http://internal/a?x=z", header: signature}.expect(t, v, verify.Malformed)
	builtin, _ := verify.Builtin("square")
	for _, public := range []string{"hooks.example.com", "/hook", "https://", "ftp://hooks.example.com", "https://%zz", "mailto:a@example.com"} {
		if _, err := verify.New(builtin, &verify.Config{Secrets: []string{secret}, PublicURL: public}); err == nil {
			t.Errorf("%q is taken for a public URL", public)
		}
	}
}

// Twilio writes the standard port, or does not.
func TestEitherPort(t *testing.T) {
	v := signed(t, "twilio")
	tests := []struct {
		asked, signed string
		want          verify.Reason
	}{
		{"https://a.example/p", "https://a.example/p", ""},
		{"https://a.example/p", "https://a.example:443/p", ""},
		{"https://a.example:443/p", "https://a.example/p", ""},
		{"http://a.example/p", "http://a.example:80/p", ""},
		{"http://a.example:80/p", "http://a.example/p", ""},
		{"https://[2001:db8::1]/p", "https://[2001:db8::1]:443/p", ""},
		{"https://[2001:db8::1]:443/p", "https://[2001:db8::1]/p", ""},
		{"https://a.example:8443/p", "https://a.example:8443/p", ""},
		{"https://a.example:8443/p", "https://a.example/p", verify.BadSignature},
		{"https://a.example/p", "https://a.example:80/p", verify.BadSignature},
		{"http://a.example/p", "http://a.example:443/p", verify.BadSignature},
		{"https://a.example/p", "http://a.example/p", verify.BadSignature},
	}
	for _, test := range tests {
		h := hook{url: test.asked, header: with("Content-Type", formType, "X-Twilio-Signature", code(sha1.New, secret, test.signed+"a1b2")), body: "b=2&a=1"}
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("asked %s, signed %s: refused for %q; want %q", test.asked, test.signed, got, test.want)
		}
	}
}

// A body that is no form is bound by a hash in the signed URL.
func TestTwilioBodies(t *testing.T) {
	v := signed(t, "twilio")
	const body = `{"a":1}`
	sum := digest(body)
	tests := []struct {
		name, contentType, query, form, body string
		want                                 verify.Reason
	}{
		{"JSON", "application/json", "?bodySHA256=" + sum, "", body, ""},
		{"JSON, another", "application/json", "?bodySHA256=" + sum, "", `{"a":2}`, verify.BadSignature},
		{"JSON without a hash", "application/json", "", "", body, verify.BadSignature},
		{"JSON with two hashes", "application/json", "?bodySHA256=" + sum + "&bodySHA256=" + sum, "", body, verify.BadSignature},
		{"JSON with an empty hash", "application/json", "?bodySHA256=", "", body, verify.BadSignature},
		{"JSON declared as a form", formType, "", "", body, verify.BadSignature},
		{"text that is like a form", "text/plain", "", "", "a=1", verify.BadSignature},
		{"empty", "application/json", "", "", "", ""},
		{"form", formType, "", "a1", "a=1", ""},
		{"form, value twice", formType, "", "a1", "a=1&a=1", ""},
		{"form, values sorted", formType, "", "a1a2", "a=2&a=1", ""},
		{"form, one more value", formType, "", "a1", "a=1&a=2", verify.BadSignature},
		{"broken form", formType, "", "", "a=%zz", verify.Malformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := "https://hooks.example.com/hook" + test.query
			h := hook{url: target, header: with("X-Twilio-Signature", code(sha1.New, secret, target+test.form), "Content-Type", test.contentType), body: test.body}
			h.expect(t, v, test.want)
		})
	}
}

// HubSpot decodes some characters of the URL before it signs.
func TestDecodedURL(t *testing.T) {
	v := signed(t, "hubspot-v3")
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	tests := []struct{ asked, signed string }{
		{"/p?a=b", "/p?a=b"},
		{"/p?a=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B", "/p?a=:/?@!$'()*,;"},
		{"/p%40q?a=%26%3D%2B%20%25", "/p@q?a=%26%3D%2B%20%25"},
		{"/p?a=%253A", "/p?a=%253A"},
	}
	for _, test := range tests {
		text := "POST" + "https://hooks.example.com" + test.signed + "[]" + stamp
		h := hook{
			url: "https://hooks.example.com" + test.asked, body: "[]",
			header: with("X-HubSpot-Request-Timestamp", stamp, "X-HubSpot-Signature-v3", code(sha256.New, secret, text)),
		}
		if _, refused := h.send(t, v); refused != "" {
			t.Errorf("%s is refused for %q with the signature of %s", test.asked, refused, test.signed)
		}
	}
}

// Where the body follows the URL at once, nothing can be moved from one to the
// other.
func TestURLAndBodyApart(t *testing.T) {
	v := signed(t, "square")
	const body = `{"type":"a","event_id":"1"}`
	header := with("X-Square-HmacSha256-Signature", code(sha256.New, secret, "https://hooks.example.com/hook?a=b"+body))
	hook{url: "https://hooks.example.com/hook?a=b", header: header, body: body}.expect(t, v, "")
	for asked, rest := range map[string]string{
		"https://hooks.example.com/hook?a=":                         "b" + body,
		"https://hooks.example.com/hook":                            "?a=b" + body,
		"https://hooks.example.com/hook?a=b" + body:                 "",
		"https://hooks.example.com/hook?a=b" + body[:len(body)-1]:   "}",
		`https://hooks.example.com/hook?a=b{"type":`:                `"a","event_id":"1"}`,
		`https://hooks.example.com/hook?a=b{"type":"a","event_id":`: `"1"}`,
	} {
		if _, refused := (hook{url: asked, header: header, body: rest}).send(t, v); refused == "" {
			t.Errorf("the signature is good for %s with %q too", asked, rest)
		}
	}
}

// The text that Paddle Classic signs, written by hand: names in order, lengths
// in bytes.
func TestPHPSerialization(t *testing.T) {
	key := keysOf("").rsa
	v := builtin(t, "paddle-classic", &verify.Config{Secrets: []string{publicPEM(t, key)}})
	tests := []struct{ form, text string }{
		{"alert_name=a&alert_id=1", `a:2:{s:8:"alert_id";s:1:"1";s:10:"alert_name";s:1:"a";}`},
		{"b=%C3%A4&a=", `a:2:{s:1:"a";s:0:"";s:1:"b";s:2:"ä";}`},
		{"q=%22%3Bs%3A1%3A%22", `a:1:{s:1:"q";s:7:"";s:1:"";}`},
		{"a=x+y%2B", `a:1:{s:1:"a";s:4:"x y+";}`},
		{"B=1&a=2&A_=3", `a:3:{s:2:"A_";s:1:"3";s:1:"B";s:1:"1";s:1:"a";s:1:"2";}`},
	}
	for _, test := range tests {
		h := hook{header: with("Content-Type", formType), body: test.form}
		place{"form", "p_signature"}.set(t, h, rsaSignature(t, key, true, test.text)).expect(t, v, "")
		place{"form", "p_signature"}.set(t, h, rsaSignature(t, key, false, test.text)).expect(t, v, verify.BadSignature)
	}
}
