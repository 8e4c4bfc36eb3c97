package verify_test

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// namedHeaders is a provider that names the headers that it signs, as
// Contentful does.
const namedHeaders = `{"name":"x","scheme":"hmac","signature":{"from":["header.x-contentful-signature"]},
	"timestamp":{"from":["header.x-contentful-timestamp"],"unit":"ms","tolerance":"30s"},
	"content":"{method}\n{uri}\n{headers}\n{body}",
	"headers":{"from":"header.x-contentful-signed-headers","separator":",","assign":":","join":";","must":["x-contentful-timestamp","x-contentful-signed-headers"]},
	"event":["header.X-Contentful-Topic"]}`

// A request that the vendor's own toolkit has signed is accepted, and no other.
func TestNamedHeaders(t *testing.T) {
	v := custom(t, namedHeaders, &verify.Config{Secrets: []string{strings.Repeat("a", 32) + strings.Repeat("b", 32)}})
	const names = "content-type,x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic"
	good := hook{
		url:      "https://hooks.example.com/trigger/SW5zdGFuY2VGbG93Q29uZmlnOjE=",
		received: time.UnixMilli(1767225600000),
		body:     `{"sys":{"id":"5KsDBWseXY6QegucYAoacS","type":"Entry"},"fields":{"title":{"en-US":"Hello, World!"}}}`,
		header: with("Content-Type", "application/vnd.contentful.management.v1+json", "X-Contentful-Topic", "ContentManagement.Entry.publish",
			"X-Contentful-Signature", "8dec81505760a10b542fbc36d3aa0a772b11f759eca7b2351daaf5bba8c7c6f1",
			"X-Contentful-Signed-Headers", names, "X-Contentful-Timestamp", "1767225600000", "X-Other", "x"),
	}
	good.expect(t, v, "")
	for name, change := range map[string]func(*hook){
		"another topic":   func(h *hook) { h.header.Set("X-Contentful-Topic", "ContentManagement.Entry.delete") },
		"no topic":        func(h *hook) { h.header.Del("X-Contentful-Topic") },
		"two topics":      func(h *hook) { h.header.Add("X-Contentful-Topic", "ContentManagement.Entry.publish") },
		"another time":    func(h *hook) { h.header.Set("X-Contentful-Timestamp", "1767225600001") },
		"another path":    func(h *hook) { h.url += "x" },
		"a query":         func(h *hook) { h.url += "?a=b" },
		"one more header": func(h *hook) { h.header.Set("X-Contentful-Signed-Headers", names+",x-other") },
		"one header less": func(h *hook) {
			h.header.Set("X-Contentful-Signed-Headers", strings.TrimSuffix(names, ",x-contentful-topic"))
		},
		"another order": func(h *hook) {
			h.header.Set("X-Contentful-Signed-Headers", "x-contentful-topic,"+strings.TrimSuffix(names, ",x-contentful-topic"))
		},
		"no time among them": func(h *hook) {
			h.header.Set("X-Contentful-Signed-Headers", "content-type,x-contentful-signed-headers,x-contentful-topic")
		},
		"a name twice":         func(h *hook) { h.header.Set("X-Contentful-Signed-Headers", names+",Content-Type") },
		"a name that is none":  func(h *hook) { h.header.Set("X-Contentful-Signed-Headers", names+",a b") },
		"an empty name":        func(h *hook) { h.header.Set("X-Contentful-Signed-Headers", names+",") },
		"many names":           func(h *hook) { h.header.Set("X-Contentful-Signed-Headers", names+strings.Repeat(",x-other", 40)) },
		"a header in another":  func(h *hook) { h.header.Set("Content-Type", "a;x-contentful-topic:b") },
		"the body":             func(h *hook) { h.body += " " },
		"another method":       func(h *hook) { h.method = "PUT" },
		"no names":             func(h *hook) { h.header.Del("X-Contentful-Signed-Headers") },
		"names in two headers": func(h *hook) { h.header.Add("X-Contentful-Signed-Headers", names) },
	} {
		h := good.clone()
		change(&h)
		if _, refused := h.send(t, v); refused == "" {
			t.Errorf("%s: accepted", name)
		}
	}
	p := v.Provider()
	for place, want := range map[string]bool{
		"header.X-Contentful-Timestamp": true, "timestamp": true, "body.sys.id": true, "headers": true, "header.X-Contentful-Topic": false, "event": false,
	} {
		if p.Signs(place) != want {
			t.Errorf("%s is signed: %t; want %t", place, !want, want)
		}
	}
	spec, _ := verify.ParseSpec([]byte(namedHeaders))
	r := hook{body: "{}", header: with("X-Contentful-Topic", "t")}.request(t, v)
	config := &verify.Config{Secrets: []string{strings.Repeat("a", 32) + strings.Repeat("b", 32)}}
	if err := verify.Sign(spec, config, r); err != nil {
		t.Fatal(err)
	}
	hook{body: "{}", header: r.Header}.expect(t, v, "")
}

// Coinbase lists the headers beside the signature, and joins their values bare.
func TestListedHeaders(t *testing.T) {
	v := signed(t, "coinbase-cdp")
	const body = `{"eventType":"onchain.activity.detected","eventId":"e1"}`
	text := "1715688000.content-type x-event-id x-event-type.application/json.e.1.onchain.activity." + body
	header := func(signature string) hook {
		return hook{body: body, header: with("Content-Type", "application/json", "X-Event-Id", "e.1", "X-Event-Type", "onchain.activity",
			"X-Hook0-Signature", "t=1715688000"+signature)}
	}
	h := ",h=content-type x-event-id x-event-type"
	header(h+",v1="+mac(secret, text)).expect(t, v, "")
	header(h+",v1="+mac(secret, "1715688000."+body)).expect(t, v, verify.BadSignature)
	header(",v0="+mac(secret, "1715688000."+body)+h+",v1="+mac(secret, "x")).expect(t, v, "")
	header(",v1="+mac(secret, text)).expect(t, v, verify.BadSignature)
	header(",h=x-event-id x-event-type,v1="+mac(secret, strings.Replace(text, "content-type ", "", 1))).expect(t, v, verify.BadSignature)
	if p := v.Provider(); p.Signs("header.X-Event-Type") || !p.Signs("body.eventId") || p.Coverage() != verify.SignedBody {
		t.Errorf("signed are %q", p.SignedPlaces())
	}
}

// A time without a zone is UTC. Where nothing keeps it apart, it could lose its
// fraction to what follows it.
func TestTimesWithoutZone(t *testing.T) {
	const spec = `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Signature"]},
		"timestamp":{"from":["header.X-T"],"unit":"datetime","tolerance":"5m"},"content":"v1:{timestamp}:{body}"}`
	v := custom(t, spec, &verify.Config{Secrets: []string{secret}})
	for stamp, want := range map[string]verify.Reason{
		"2024-05-14T12:00:00": "", "2024-05-14T12:04:59.123456": "", "2024-05-14 11:56:00": "", "2024-05-14T13:00:00": verify.Stale,
		"2024-05-14T12:00:00Z": verify.Stale, "2024-05-14T12:00:00+02:00": verify.Stale, "2024-05-14": verify.Stale, "": verify.MissingSignature,
	} {
		h := hook{header: with("X-T", stamp, "X-Signature", mac(secret, "v1:"+stamp+":{}")), body: "{}"}
		result, refused := h.send(t, v)
		if refused != want || refused == "" && result.Timestamp.Location() != time.UTC {
			t.Errorf("%q: refused for %q; want %q", stamp, refused, want)
		}
	}
	for content, fine := range map[string]bool{
		"{timestamp}{header.X-A}": false, "{timestamp}|{header.X-A}": true, "{header.X-A}{timestamp}": true, "{timestamp}{body}": true,
	} {
		parsed, err := verify.ParseSpec([]byte(strings.Replace(spec, "v1:{timestamp}:{body}", content, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = verify.Compile(parsed); (err == nil) != fine {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// A prefix may hold something that differs, such as the id of a key.
func TestVariablePrefix(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","content":"{body}","signature":{"from":["header.Event-Signature"],"prefix":"*/SHA256/","list":{"separator":","}}}`,
		&verify.Config{Secrets: []string{secret}})
	right := mac(secret, "{}")
	for value, want := range map[string]verify.Reason{
		"1/SHA256/" + right: "", "/SHA256/" + right: "", "other/SHA256/00, key-7/SHA256/" + right: "",
		right: verify.BadSignature, "1/SHA512/" + right: verify.BadSignature, "1/SHA256/SHA256/" + right: verify.BadSignature, "1/SHA256/": verify.BadSignature,
	} {
		hook{header: with("Event-Signature", value), body: "{}"}.expect(t, v, want)
	}
	spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","content":"{body}","signature":{"from":["header.S"],"prefix":"key*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Compile(spec); err == nil {
		t.Error("a prefix that ends anywhere compiles")
	}
}

// MD5 is there by a word that says what it is.
func TestLegacyMD5(t *testing.T) {
	const spec = `{"name":"x","scheme":"hmac","hash":%q,"content":"{body}","signature":{"from":["header.S"]}}`
	v := custom(t, fmt.Sprintf(spec, "legacy_md5"), &verify.Config{Secrets: []string{secret}})
	sum := hmac.New(md5.New, []byte(secret))
	sum.Write([]byte("{}"))
	hook{header: with("S", hex.EncodeToString(sum.Sum(nil))), body: "{}"}.expect(t, v, "")
	hook{header: with("S", mac(secret, "{}")), body: "{}"}.expect(t, v, verify.BadSignature)
	parsed, err := verify.ParseSpec([]byte(fmt.Sprintf(spec, "md5")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Compile(parsed); err == nil {
		t.Error("md5 by itself compiles")
	}
}
