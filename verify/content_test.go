package verify_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// contentSpec is a provider that signs the given content, in JSON.
func contentSpec(content string) string {
	return `{"name":"x","scheme":"hmac","id":["header.X-ID"],"form_field":"payload",
		"timestamp":{"from":["header.X-Timestamp"]},
		"signature":{"from":["header.X-Signature"]},"content":` + content + `}`
}

func TestContent(t *testing.T) {
	const body = `{"id":"e1","n":38.90,"s":"Größe","b":false,"z":null,"o":{ "l":[1, true]}}`
	tests := []struct {
		name, content, text string // a text that begins with an exclamation mark is the reason for a refusal
	}{
		{"body", `"{body}"`, body},
		{"body twice", `"{body}{body}"`, body + body},
		{"text around it", `"a.{body}.b"`, "a." + body + ".b"},
		{"fields", `"{body.id}|{body.n}|{body.s}"`, "e1|38.90|Größe"},
		{"header, query, method, path, id", `"{header.x-a}|{query.q}|{method}{path}|{id}"`, "v|a b|POST/h e|d1"},
		{"url", `"{url}"`, "https://hooks.example.com/h%20e?q=a+b"},
		{"Caddy's names", `"{http.request.header.X-A}|{http.request.uri.query.q}|{http.request.method}{http.request.uri.path}|{http.request.body}"`, "v|a b|POST/h e|" + body},
		{"key", `"{body.id}{key}"`, "e1" + secret},
		{"brace that opens no field", `"\\{x}{body.id}"`, "{x}e1"},
		{"closing brace alone", `"}{body.id}"`, "}e1"},
		{"line breaks and a tab", `"a\\r\\n{body.id}\\tb"`, "a\r\ne1\tb"},
		{"two backslashes are one", `"\\\\n{body.id}"`, `\ne1`},
		{"JSON of values", `"{json.n}|{json.s}|{json.b}|{json.z}|{json.o}|{json.o.l.1}"`, `38.90|"Größe"|false|null|{ "l":[1, true]}|true`},
		{"an object beside the time", `"{timestamp}{json.o}"`, `1715688000{ "l":[1, true]}`},
		{"a boolean, as text", `"{body.b}"`, "!malformed"},
		{"an object, as text", `"{body.o}"`, "!malformed"},
		{"JSON that is absent", `"{json.none}"`, "!malformed"},
		{"JSON that is absent, empty", `[{"text":"<{json.none}>","absent":"empty"},"{body.id}"]`, "<>e1"},
		{"hash of the body", `"{timestamp}|{sha256.hex}{sha256.base64}|"`, "1715688000|" + digest(body) + base64Digest(body) + "|"},
		{"backslash alone", `"\\{x}{body.id}\\"`, "{x}e1\\"},
		{"lower case", `[{"text":"{body.s}X","lower":true},"{body.s}X"]`, "größexGrößeX"},
		{"body is never in lower case", `[{"text":"{body}","lower":true}]`, body},
		{"absent", `"{body.none}"`, "!malformed"},
		{"absent header", `"{header.X-None}{body}"`, "!missing_signature"},
		{"absent, empty", `[{"text":"<{body.none}>","absent":"empty"},"{body.id}"]`, "<>e1"},
		{"absent, dropped", `[{"text":"<{body.none}>","absent":"drop"},"{body.id}"]`, "e1"},
		{"one of two absent, dropped", `[{"text":"<{body.id}.{body.none}>","absent":"drop"},"{body.id}"]`, "e1"},
		{"present, drop", `[{"text":"<{body.id}>","absent":"drop"},"!"]`, "<e1>!"},
		{"absent, refused by name", `[{"text":"{body.none}","absent":"refuse"}]`, "!malformed"},
		{"header sent twice", `"{header.X-Twice}"`, "!bad_signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := custom(t, contentSpec(test.content), &verify.Config{Secrets: []string{secret}})
			h := hook{
				url:    "https://hooks.example.com/h%20e?q=a+b",
				header: with("X-A", "v", "X-Timestamp", "1715688000", "X-ID", "d1", "X-Twice", "a", "X-Twice", "a", "X-Signature", mac(secret, test.text)),
				body:   body,
			}
			if refused, ok := strings.CutPrefix(test.text, "!"); ok {
				h.expect(t, v, verify.Reason(refused))
				return
			}
			h.expect(t, v, "")
			h.header.Set("X-Signature", mac(secret, test.text+" "))
			h.expect(t, v, verify.BadSignature)
		})
	}
}

func base64Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestSeparators(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","refuse_separators":true,"signature":{"from":["header.X-Signature"]},
		"content":["{body.a}::{body.b}|",{"text":"{body.c}","absent":"empty"}]}`, &verify.Config{Secrets: []string{secret}})
	tests := []struct {
		body, text string
		want       verify.Reason
	}{
		{`{"a":"1","b":"2","c":"3"}`, "1::2|3", ""},
		{`{"a":"1:","b":"2","c":"3"}`, "1:::2|3", verify.Malformed}, // or 1 and :2
		{`{"a":"1","b":":2","c":"3"}`, "1:::2|3", ""},
		{`{"a":"1::2","b":"3"}`, "1::2::3|", verify.Malformed},
		{`{"a":"1","b":"2|","c":"3"}`, "1::2||3", verify.Malformed},
		{`{"a":"1","b":"2"}`, "1::2|", ""},
	}
	for _, test := range tests {
		h := hook{header: with("X-Signature", mac(secret, test.text)), body: test.body}
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("%s: refused for %q; want %q", test.body, got, test.want)
		}
	}
}

// The separator may be a segment of its own.
func TestSeparatorSegment(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","refuse_separators":true,"signature":{"from":["header.X-Signature"]},
		"content":["{body.a}","::","{body.b}"]}`, &verify.Config{Secrets: []string{secret}})
	header := with("X-Signature", mac(secret, "1::2::3"))
	hook{header: header, body: `{"a":"1::2","b":"3"}`}.expect(t, v, verify.Malformed)
	hook{header: header, body: `{"a":"1","b":"2::3"}`}.expect(t, v, verify.Malformed)
}

func TestFormContent(t *testing.T) {
	const body = `payload=%7B%22id%22%3A%22e1%22%7D&f=x+y`
	tests := []struct{ content, text string }{
		{`"{body}"`, body},
		{`"{body.id}"`, "e1"},
		{`"{form.f}"`, "x y"},
	}
	for _, test := range tests {
		v := custom(t, contentSpec(test.content), &verify.Config{Secrets: []string{secret}})
		header := with("Content-Type", "application/x-www-form-urlencoded", "X-Signature", mac(secret, test.text))
		hook{header: header, body: body}.expect(t, v, "")
		hook{header: header, body: strings.Replace(body, "e1", "e2", 1) + "&f=z"}.expect(t, v, map[string]verify.Reason{
			`"{body}"`: verify.BadSignature, `"{body.id}"`: verify.BadSignature, `"{form.f}"`: verify.Malformed,
		}[test.content])
	}
}

func TestHashes(t *testing.T) {
	hashes := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}
	for name, newHash := range hashes {
		v := custom(t, `{"name":"x","scheme":"hmac","hash":"`+name+`","content":"{body}","signature":{"from":["header.X-Signature"]}}`,
			&verify.Config{Secrets: []string{secret}})
		for other, otherHash := range hashes {
			want := verify.BadSignature
			if other == name {
				want = ""
			}
			hook{header: with("X-Signature", sum(otherHash, "body")), body: "body"}.expect(t, v, want)
		}
		// Half of a longer code has the length of a shorter one.
		hook{header: with("X-Signature", sum(sha512.New, "body")[:2*newHash().Size()-2]), body: "body"}.expect(t, v, verify.BadSignature)
	}
}

func TestDigest(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"digest","content":"{key}{body.id}{key}","signature":{"from":["header.X-Signature"]}}`,
		&verify.Config{Secrets: []string{"old-key", secret}})
	for key, want := range map[string]verify.Reason{secret: "", "old-key": "", "other": verify.BadSignature} {
		digest := hexOf(sha256.Sum256([]byte(key + "e1" + key)))
		hook{header: with("X-Signature", digest), body: `{"id":"e1"}`}.expect(t, v, want)
	}
	hook{header: with("X-Signature", mac(secret, secret+"e1"+secret)), body: `{"id":"e1"}`}.expect(t, v, verify.BadSignature)
}

func TestKeys(t *testing.T) {
	key := []byte(secret)
	tests := []struct{ kind, text string }{
		{"", secret},
		{"utf8", secret},
		{"hex", hex.EncodeToString(key)},
		{"base64", base64.StdEncoding.EncodeToString(key)},
		{"whsec", "whsec_" + base64.StdEncoding.EncodeToString(key)},
		{"whsec", base64.StdEncoding.EncodeToString(key)},
	}
	const signature = `"content":"{body}","signature":{"from":["header.X-Signature"]}}`
	for _, test := range tests {
		v := custom(t, `{"name":"x","scheme":"hmac","key":"`+test.kind+`",`+signature, &verify.Config{Secrets: []string{test.text}})
		hook{header: with("X-Signature", mac(secret, "body")), body: "body"}.expect(t, v, "")
	}
	for _, test := range []struct{ kind, text string }{
		{"hex", "xyz"}, {"hex", "abc"}, {"base64", "a-b"}, {"base64", "abc"}, {"whsec", "whsec_!"}, {"whsec", "whsec_"},
	} {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","key":` + strconv.Quote(test.kind) + `,` + signature))
		if err != nil {
			t.Fatal(err)
		}
		_, err = verify.New(spec, &verify.Config{Secrets: []string{test.text}})
		if err == nil || strings.Contains(err.Error(), test.text) {
			t.Errorf("%s key %q: %v; want an error without the key", test.kind, test.text, err)
		}
	}
}

// What goes into logs holds neither secrets nor payload.
func TestRefusalsHoldNoSecrets(t *testing.T) {
	const personal = "Ada-Lovelace"
	config := &verify.Config{Secrets: []string{secret}, TokenHeaders: []verify.TokenHeader{{Name: "X-Token", Values: []string{"the-token"}}}}
	v := builtin(t, "instaleap", config)
	for _, h := range []hook{
		{header: with("X-Token", "the-token"), body: goodJob},
		{header: with("X-Token", "the-token", "InstaLeap-Signature", mac("other", goodText)), body: goodJob},
		{header: with("X-Token", personal, "InstaLeap-Signature", mac(secret, goodText)), body: goodJob},
		{header: with("X-Token", "the-token", "InstaLeap-Signature", mac(secret, goodText)), body: `{"id":"` + personal + `&"}`},
		{header: with("X-Token", "the-token", "InstaLeap-Signature", mac(secret, goodText)), body: `{"id":"` + personal + `"`},
		{header: with("X-Token", "the-token", "InstaLeap-Signature", mac(secret, goodText)), body: `{"id":"` + personal + `","id":""}`},
	} {
		r := h.request(t, v)
		err := v.Admit(r)
		if err == nil {
			_, err = v.Verify(r)
		}
		if err == nil {
			t.Errorf("%+v was accepted", h)
			continue
		}
		for _, text := range []string{secret, "the-token", personal, mac(secret, goodText)} {
			if strings.Contains(err.Error(), text) {
				t.Errorf("the refusal says %q", err)
			}
		}
	}
}
