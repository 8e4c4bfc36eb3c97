package verify_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestMethod(t *testing.T) {
	v := signed(t, "instaleap")
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "post", "POSTS"} {
		h := job(goodJob, goodText)
		h.method = method
		h.header.Set("X-HTTP-Method-Override", "POST")
		h.expect(t, v, verify.BadMethod)
	}
	put := builtin(t, "instaleap", &verify.Config{Secrets: []string{secret}, Methods: []string{"PUT"}})
	h := job(goodJob, goodText)
	h.expect(t, put, verify.BadMethod)
	h.method = http.MethodPut
	h.expect(t, put, "")
	if got := put.Methods(); len(got) != 1 || got[0] != "PUT" {
		t.Errorf("Methods() = %q", got)
	}
	plain := custom(t, `{"name":"x","credentials":["token"]}`, &verify.Config{Tokens: []string{"t"}})
	if got := plain.Methods(); len(got) != 1 || got[0] != "POST" {
		t.Errorf("the methods of a provider that names none are %q", got)
	}
}

func TestSource(t *testing.T) {
	tests := []struct {
		sources []string
		address string
		want    verify.Reason
	}{
		{nil, "203.0.113.9", ""},
		{nil, "", ""},
		{[]string{"203.0.113.0/24"}, "203.0.113.9", ""},
		{[]string{"203.0.113.0/24"}, "203.0.114.9", verify.BadSource},
		{[]string{"203.0.113.0/24"}, "::ffff:203.0.113.9", ""},
		{[]string{"203.0.113.0/24"}, "", verify.BadSource},
		{[]string{"203.0.113.77/24"}, "203.0.113.9", ""},
		{[]string{"203.0.113.9"}, "203.0.113.9", ""},
		{[]string{"203.0.113.9"}, "203.0.113.8", verify.BadSource},
		{[]string{"2001:db8::/32", "203.0.113.9"}, "2001:db8::1", ""},
		{[]string{"2001:db8::/32", "203.0.113.9"}, "203.0.113.9", ""},
		{[]string{"fe80::/10"}, "fe80::1%eth0", ""},
		{[]string{"published"}, "44.236.78.196", ""},
		{[]string{"published"}, "44.236.78.197", verify.BadSource},
		{[]string{"published", "198.51.100.1"}, "198.51.100.1", ""},
	}
	for _, test := range tests {
		v := builtin(t, "detrack", &verify.Config{Tokens: []string{"t"}, Sources: test.sources})
		h := hook{header: with("Authorization", "Bearer t"), address: test.address}
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("%s with sources %q: refused for %q; want %q", test.address, test.sources, got, test.want)
		}
	}
}

// A signature of another length than the scheme's is refused before the body is
// read; of one that is wrong nobody can tell by then.
func TestSignatureLength(t *testing.T) {
	hex := func(bytes int) string { return strings.Repeat("0a", bytes) }
	const key = "3e1fbf3f7b1b2a6f0b7bd2d0e7b1de5b1a0a6d8c6f3e2d1c0b9a8f7e6d5c4b3a"
	tests := []struct {
		provider, secret, header, value string
		want                            verify.Reason
	}{
		{"github", secret, "X-Hub-Signature-256", "sha256=" + hex(32), ""},
		{"github", secret, "X-Hub-Signature-256", "sha256=" + hex(31), verify.BadSignature},
		{"github", secret, "X-Hub-Signature-256", "sha256=" + hex(64), verify.BadSignature},
		{"github", secret, "X-Hub-Signature-256", "sha256=", verify.BadSignature},
		{"shopify", secret, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(make([]byte, 32)), ""},
		{"shopify", secret, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(make([]byte, 20)), verify.BadSignature},
		{"intercom", secret, "X-Hub-Signature", "sha1=" + hex(20), ""},
		{"intercom", secret, "X-Hub-Signature", "sha1=" + hex(32), verify.BadSignature},
		{"discord", key, "X-Signature-Ed25519", hex(64), ""},
		{"discord", key, "X-Signature-Ed25519", hex(32), verify.BadSignature},
	}
	for _, test := range tests {
		v := builtin(t, test.provider, &verify.Config{Secrets: []string{test.secret}})
		r := &verify.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/"}, Received: time.Now(),
			Header: with(test.header, test.value, "X-Signature-Timestamp", strconv.FormatInt(time.Now().Unix(), 10)),
		}
		got := verify.Reason("")
		if refused, ok := errors.AsType[*verify.Error](v.Admit(r)); ok {
			got = refused.Reason
		}
		if got != test.want {
			t.Errorf("%s with %s: refused for %q, want %q", test.provider, test.value, got, test.want)
		}
	}
}

func TestEncoding(t *testing.T) {
	tests := []struct {
		values []string
		want   verify.Reason
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"identity"}, ""},
		{[]string{"Identity"}, ""},
		{[]string{"gzip"}, verify.BadEncoding},
		{[]string{"GZIP"}, verify.BadEncoding},
		{[]string{"br"}, verify.BadEncoding},
		{[]string{"identity, gzip"}, verify.BadEncoding},
		{[]string{"identity", "gzip"}, verify.BadEncoding},
		{[]string{"gzip, gzip"}, verify.BadEncoding},
	}
	v := signed(t, "instaleap")
	for _, test := range tests {
		h := job(goodJob, goodText)
		h.header["Content-Encoding"] = test.values
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("Content-Encoding %q: refused for %q; want %q", test.values, got, test.want)
		}
	}
}

func TestToken(t *testing.T) {
	config := &verify.Config{Tokens: []string{"new-token", "old-token"}}
	tests := []struct {
		name   string
		values []string
		want   verify.Reason
	}{
		{"first", []string{"Bearer new-token"}, ""},
		{"second", []string{"Bearer old-token"}, ""},
		{"scheme in lower case", []string{"bearer new-token"}, ""},
		{"absent", nil, verify.MissingToken},
		{"empty", []string{""}, verify.MissingToken},
		{"scheme alone", []string{"Bearer "}, verify.BadToken},
		{"scheme alone, cut", []string{"Bearer"}, verify.BadToken},
		{"wrong", []string{"Bearer other-token"}, verify.BadToken},
		{"token in upper case", []string{"Bearer NEW-TOKEN"}, verify.BadToken},
		{"beginning of the token", []string{"Bearer new-toke"}, verify.BadToken},
		{"longer than the token", []string{"Bearer new-tokenx"}, verify.BadToken},
		{"both tokens", []string{"Bearer new-token,old-token"}, verify.BadToken},
		{"space before", []string{"Bearer  new-token"}, verify.BadToken},
		{"space after", []string{"Bearer new-token "}, verify.BadToken},
		{"without the scheme", []string{"new-token"}, verify.BadToken},
		{"another scheme", []string{"Basic new-token"}, verify.BadToken},
		{"two lines, good first", []string{"Bearer new-token", "Bearer x"}, verify.BadToken},
		{"two lines, good last", []string{"Bearer x", "Bearer new-token"}, verify.BadToken},
		{"two lines, both good", []string{"Bearer new-token", "Bearer new-token"}, verify.BadToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := hook{header: http.Header{"Authorization": test.values}, body: "{}"}
			h.expect(t, builtin(t, "jelp", config), test.want)
		})
	}
	result, _ := hook{header: with("Authorization", "Bearer new-token"), body: "{}"}.send(t, builtin(t, "jelp", config))
	if result == nil || result.Signed != verify.SignedNothing {
		t.Errorf("with a token the result is %+v; want nothing signed", result)
	}
}

func TestTokenHeaders(t *testing.T) {
	v := builtin(t, "shippify", &verify.Config{TokenHeaders: []verify.TokenHeader{
		{Name: "x-webhook-token", Values: []string{"a-new", "a-old"}},
		{Name: "X-Webhook-Client", Values: []string{"b"}},
	}})
	tests := []struct {
		name   string
		header http.Header
		want   verify.Reason
	}{
		{"both", with("X-Webhook-Token", "a-new", "X-Webhook-Client", "b"), ""},
		{"both, the older value", with("X-Webhook-Token", "a-old", "X-Webhook-Client", "b"), ""},
		{"first alone", with("X-Webhook-Token", "a-new"), verify.MissingToken},
		{"second alone", with("X-Webhook-Client", "b"), verify.MissingToken},
		{"first wrong", with("X-Webhook-Token", "x", "X-Webhook-Client", "b"), verify.BadToken},
		{"second wrong", with("X-Webhook-Token", "a-new", "X-Webhook-Client", "x"), verify.BadToken},
		{"exchanged", with("X-Webhook-Token", "b", "X-Webhook-Client", "a-new"), verify.BadToken},
		{"second twice", with("X-Webhook-Token", "a-new", "X-Webhook-Client", "b", "X-Webhook-Client", "x"), verify.BadToken},
		{"none", nil, verify.MissingToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: test.header, body: "{}"}.expect(t, v, test.want)
		})
	}
}

func TestBasic(t *testing.T) {
	v := builtin(t, "detrack", &verify.Config{Basic: []verify.Account{
		{Username: "user", Password: "pass:word"},
		{Username: "next", Password: "größe"},
	}})
	encode := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		name   string
		values []string
		want   verify.Reason
	}{
		{"first account", []string{encode("user:pass:word")}, ""},
		{"second account", []string{encode("next:größe")}, ""},
		{"scheme in lower case", []string{"basic " + encode("user:pass:word")[6:]}, ""},
		{"absent", nil, verify.MissingToken},
		{"empty", []string{""}, verify.MissingToken},
		{"wrong password", []string{encode("user:password")}, verify.BadToken},
		{"beginning of the password", []string{encode("user:pass")}, verify.BadToken},
		{"empty password", []string{encode("user:")}, verify.BadToken},
		{"wrong user", []string{encode("other:pass:word")}, verify.BadToken},
		{"password of the other account", []string{encode("user:größe")}, verify.BadToken},
		{"missing colon", []string{encode("userpass:word")}, verify.BadToken},
		{"no colon at all", []string{encode("user")}, verify.BadToken},
		{"colon elsewhere", []string{encode("user:pass:word:")}, verify.BadToken},
		{"not base64", []string{"Basic user:pass:word"}, verify.BadToken},
		{"not base64 at the end", []string{encode("user:pass:word") + "!"}, verify.BadToken},
		{"scheme alone", []string{"Basic "}, verify.BadToken},
		{"another scheme", []string{"Bearer " + encode("user:pass:word")[6:]}, verify.BadToken},
		{"two lines", []string{encode("user:pass:word"), encode("next:größe")}, verify.BadToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: http.Header{"Authorization": test.values}, body: "{}"}.expect(t, v, test.want)
		})
	}
}

// Different kinds of credentials are all demanded, values of one kind are
// alternatives.
func TestKindsTogether(t *testing.T) {
	v := builtin(t, "instaleap", &verify.Config{
		Secrets:      []string{"old-key", secret},
		TokenHeaders: []verify.TokenHeader{{Name: "X-Token", Values: []string{"t1", "t2"}}},
		Basic:        []verify.Account{{Username: "u", Password: "p"}},
		Sources:      []string{"203.0.113.9"},
	})
	good := func() hook {
		h := job(goodJob, goodText)
		h.header.Set("X-Token", "t2")
		h.header.Set("Authorization", "Basic dTpw")
		h.address = "203.0.113.9"
		return h
	}
	good().expect(t, v, "")
	tests := []struct {
		name  string
		spoil func(*hook)
		want  verify.Reason
	}{
		{"old secret", func(h *hook) { h.header.Set("InstaLeap-Signature", mac("old-key", goodText)) }, ""},
		{"unknown secret", func(h *hook) { h.header.Set("InstaLeap-Signature", mac("new-key", goodText)) }, verify.BadSignature},
		{"no signature", func(h *hook) { h.header.Del("InstaLeap-Signature") }, verify.MissingSignature},
		{"wrong token", func(h *hook) { h.header.Set("X-Token", "t3") }, verify.BadToken},
		{"no token", func(h *hook) { h.header.Del("X-Token") }, verify.MissingToken},
		{"wrong password", func(h *hook) { h.header.Set("Authorization", "Basic dTpx") }, verify.BadToken},
		{"no password", func(h *hook) { h.header.Del("Authorization") }, verify.MissingToken},
		{"wrong address", func(h *hook) { h.address = "203.0.113.8" }, verify.BadSource},
		{"wrong body", func(h *hook) { h.body = `{"id":"e2","created_at":"2024-05-14T12:00:00Z","type":"CREATED"}` }, verify.BadSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := good()
			test.spoil(&h)
			h.expect(t, v, test.want)
		})
	}
}

func TestUnverified(t *testing.T) {
	v := builtin(t, "instaleap", &verify.Config{Unverified: true, Sources: []string{"203.0.113.9"}})
	hook{body: goodJob}.expect(t, v, verify.BadSource)
	result, refused := hook{body: goodJob, address: "203.0.113.9"}.send(t, v)
	if refused != "" || result.Signed != verify.SignedNothing || result.Event != "CREATED" || result.ID != "e1" {
		t.Errorf("unverified: %+v, %q", result, refused)
	}
	h := job(`{"id":"x"}`, "something else")
	h.address = "203.0.113.9"
	if result, refused = h.send(t, v); refused != "" || result.Signed != verify.SignedNothing {
		t.Errorf("unverified with a wrong signature: %+v, %q", result, refused)
	}
}

// What is refused before the body is read is refused without a body.
func TestAdmitNeedsNoBody(t *testing.T) {
	v := signed(t, "github")
	r := hook{header: with("X-Hub-Signature-256", "sha256="+mac(secret, "x"))}.request(t, v)
	r.Body = nil
	if err := v.Admit(r); err != nil {
		t.Errorf("Admit: %v", err)
	}
}
