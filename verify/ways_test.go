package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// standard is a webhook of Standard Webhooks with the signature of a key.
func standard(key []byte, body string) hook {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("msg_1.1715688000." + body))
	return hook{body: body, header: with("webhook-id", "msg_1", "webhook-timestamp", "1715688000",
		"webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))}
}

// A vendor has changed how a secret becomes a key, and both ways live on.
func TestTwoKeyForms(t *testing.T) {
	const decoded = "0123456789abcdefghijklmnopqrstuv"
	encoded := "whsec_" + base64.StdEncoding.EncodeToString([]byte(decoded))
	const old = "polar_whs_of-2025"
	v := builtin(t, "polar", &verify.Config{Secrets: []string{encoded, old}})
	for key, want := range map[string]verify.Reason{
		decoded: "", encoded: "", old: "", "other": verify.BadSignature, "": verify.BadSignature,
		strings.TrimPrefix(encoded, "whsec_"): verify.BadSignature, "whsec_" + decoded: verify.BadSignature,
	} {
		result, refused := standard([]byte(key), `{"type":"order.paid"}`).send(t, v)
		if refused != want {
			t.Errorf("key %q: refused for %q; want %q", key, refused, want)
		} else if number := map[string]int{decoded: 1, encoded: 1, old: 2}[key]; refused == "" &&
			(result.Signed != verify.SignedBody || result.ID != "msg_1" || result.Used.Secret != number) {
			t.Errorf("key %q: %+v", key, result)
		}
	}
	spec, _ := verify.Builtin("polar")
	for secret, fine := range map[string]bool{old: true, encoded: true, "whsec_AAAA": true, "": false, "\x00": false} {
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{secret}}); (err == nil) != fine {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
}

// What is signed in each way, and in which letters.
func TestContentOfWays(t *testing.T) {
	v := signed(t, "mercado-pago")
	send := func(id, text string) (*verify.Result, verify.Reason) {
		return hook{
			url:    "https://hooks.example.com/hook?type=order&data.id=" + id,
			header: with("x-request-id", "r1", "x-signature", "ts=1715688000,v1="+mac(secret, "id:"+text+";request-id:r1;ts:1715688000;")),
			body:   "{}",
		}.send(t, v)
	}
	for _, test := range []struct {
		id, signed string
		want       verify.Reason
	}{
		{"ORDTST01ABC", "ORDTST01ABC", ""},
		{"ORDTST01ABC", "ordtst01abc", ""},
		{"ordtst01abc", "ORDTST01ABC", verify.BadSignature},
		{"123", "123", ""},
		{"124", "123", verify.BadSignature},
	} {
		if _, refused := send(test.id, test.signed); refused != test.want {
			t.Errorf("%s signed as %s: refused for %q; want %q", test.id, test.signed, refused, test.want)
		}
	}
}

// twoSignatures is a provider that signs the body and, in a second signature,
// a header besides.
const twoSignatures = `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Sig"],"list":{"separator":",","assign":"=","tag":"v1"}},
	"timestamp":{"tag":"t","tolerance":"5m"},"content":"{timestamp}.{header.X-Event}.{body}","event":["header.X-Event"],
	"or":[{"signature":{"from":["header.X-Sig"],"list":{"separator":",","assign":"=","tag":"v0"}},"content":"{timestamp}.{body}"}]}`

// Each way has its own coverage, and the way that covers less lends none: what
// it does not sign counts as not signed, and a copy of which the better
// signature was taken off is the same delivery.
func TestNoDowngrade(t *testing.T) {
	v := custom(t, twoSignatures, &verify.Config{Secrets: []string{secret}})
	const body = `{"a":1}`
	v0, v1 := ",v0="+mac(secret, "1715688000."+body), ",v1="+mac(secret, "1715688000.paid."+body)
	hookOf := func(event string, signatures ...string) hook {
		return hook{header: with("X-Event", event, "X-Sig", "t=1715688000"+strings.Join(signatures, "")), body: body}
	}
	key := func(h hook) verify.Delivery {
		t.Helper()
		r := h.request(t, v)
		if err := v.Admit(r); err != nil {
			t.Fatal(err)
		}
		result, err := v.Verify(r)
		if err != nil {
			t.Fatal(err)
		}
		d, err := v.Delivery(r, result.Signed, result.Event, result.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	whole := key(hookOf("paid", v0, v1))
	for name, copied := range map[string]hook{
		"by v1 alone": hookOf("paid", v1), "by v0 alone": hookOf("paid", v0), "by v0 with another event": hookOf("refunded", v0),
		"by v0 beside a wrong v1": hookOf("refunded", v0, v1),
	} {
		if key(copied) != whole {
			t.Errorf("%s, a copy is another delivery", name)
		}
	}
	hookOf("refunded", v1).expect(t, v, verify.BadSignature)
	hookOf("paid", v1[:10]).expect(t, v, verify.BadSignature)
	late := hookOf("paid", v0)
	late.received = now.Add(time.Hour)
	late.expect(t, v, verify.Stale)
	late = hookOf("paid", v1)
	late.received = now.Add(time.Hour)
	late.expect(t, v, verify.Stale)
	p := v.Provider()
	if p.Signs("header.X-Event") || p.Signs("event") || !p.Signs("body.a") || !p.Signs("timestamp") || p.Coverage() != verify.SignedBody {
		t.Errorf("signed are %q, of %s", p.SignedPlaces(), p.Coverage())
	}
	if _, err := route.NewIdentity(p); err != nil {
		t.Error(err)
	}
}

// The coverage is that of the way in which a request was verified.
func TestCoverageOfWays(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Sig"]},"content":"{body}","event":["body.type"],"token":{"from":"header.X-Token"},
		"timestamp":{"from":["header.X-T"],"tolerance":"5m"},
		"or":[{"signature":{"from":["header.X-Fields"]},"content":"{body.type}"},{"scheme":"token"}]}`, &verify.Config{Secrets: []string{secret, "other"}})
	const body = `{"type":"a"}`
	for name, test := range map[string]struct {
		header []string
		want   verify.Coverage
		reason verify.Reason
	}{
		"the body":            {[]string{"X-Sig", mac(secret, body), "X-T", "1715688000"}, verify.SignedBody, ""},
		"the body, too late":  {[]string{"X-Sig", mac(secret, body), "X-T", "1715680000"}, "", verify.Stale},
		"a field":             {[]string{"X-Fields", mac(secret, "a"), "X-T", "1715688000"}, verify.SignedFields, ""},
		"a field, wrong body": {[]string{"X-Sig", mac(secret, "b"), "X-Fields", mac("other", "a"), "X-T", "1715688000"}, verify.SignedFields, ""},
		"nothing":             {[]string{"X-Token", secret}, verify.SignedNothing, ""},
		"nothing, the other":  {[]string{"X-Token", "other"}, verify.SignedNothing, ""},
		"nothing, two tokens": {[]string{"X-Token", "other", "X-Token", "other"}, "", verify.BadToken},
		"all wrong":           {[]string{"X-Sig", mac("x", body), "X-Fields", mac("x", "a"), "X-Token", "x"}, "", verify.BadSignature},
		"one wrong":           {[]string{"X-Token", "x"}, "", verify.BadToken},
		"none":                {nil, "", verify.MissingSignature},
	} {
		result, refused := hook{header: with(test.header...), body: body}.send(t, v)
		if refused != test.reason || refused == "" && result.Signed != test.want {
			t.Errorf("%s: refused for %q, signed is %v; want %q, %q", name, refused, result, test.reason, test.want)
		}
	}
	if v.Provider().Coverage() != verify.SignedNothing || v.Provider().Signs("body.type") {
		t.Error("something counts as signed in all ways")
	}
	if places := v.Credentials(); !places.HoldHeader("X-Sig") || !places.HoldHeader("X-Fields") || !places.HoldHeader("X-Token") {
		t.Errorf("credentials stand in %q", places.Headers)
	}
	if tokens := v.Tokens(); !tokens.HoldHeader("X-Token") {
		t.Errorf("tokens stand in %q", tokens.Headers)
	}
}

// Ways that would open a gate, or let a copy pass as another delivery, do not
// compile.
func TestWaysRefused(t *testing.T) {
	const base = `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Sig"]},"content":"{body}","timestamp":{"from":["header.X-T"]},"or":[`
	for way, want := range map[string]string{
		`{"scheme":"ed25519"}`:                                    "public keys",
		`{"scheme":"jwt","jwt":{"algorithms":["RS256"]}}`:         "public keys",
		`{"scheme":"none"}`:                                       "signs in one way only",
		`{"scheme":"aws_sns"}`:                                    "signs in one way only",
		`{"content":"{header.X-Event}.{body}"}`:                   "signs header.X-Event, but way 1 does not",
		`{"content":"{timestamp}.{body}"}`:                        "signs timestamp, but way 1 does not",
		`{"content":"{body.a}{body.b}"}`:                          "nothing stands between",
		`{"content":"text"}`:                                      "no part of the request",
		`{"content":"{body.a}"},{"content":"{method}.{body}"}`:    "signs method, but way 1 does not",
		`{"hash":"sha999"}`:                                       "hash is",
		`{"scheme":"jwt","jwt":{"jwks_url":"https://a.example"}}`: "algorithms is not set",
	} {
		spec, err := verify.ParseSpec([]byte(base + way + "]}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Compile(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", way, err, want)
		}
	}
	lowered := `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Sig"]},"content":[{"text":"{body.a}","lower":true}],"or":[{"content":"{body.a}"}]}`
	spec, err := verify.ParseSpec([]byte(lowered))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Compile(spec); err == nil || !strings.Contains(err.Error(), "signs body.a, but way 1 does not") {
		t.Errorf("lower case before any case: %v", err)
	}
}

// What an operator says of the content holds in all ways.
func TestWaysOverridden(t *testing.T) {
	spec, _ := verify.Builtin("segment")
	v, err := verify.New(spec, &verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: "{body}"}}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Provider().Coverage() != verify.SignedBody || len(spec.Or) != 1 || spec.Or[0].Content[0].Text != "{json.0}" {
		t.Errorf("it signs %s, and the preset is %+v", v.Provider().Coverage(), spec.Or)
	}
	own := &verify.Spec{Name: "own", Like: "segment", Content: verify.Content{{Text: "{body}"}}}
	resolved, err := verify.Resolve("own", map[string]*verify.Spec{"own": own})
	if err != nil || resolved.Or != nil {
		t.Errorf("one that says what is signed takes %+v, %v", resolved.Or, err)
	}
	own.Content = nil
	if resolved, err = verify.Resolve("own", map[string]*verify.Spec{"own": own}); err != nil || len(resolved.Or) != 1 {
		t.Errorf("one that does not say what is signed takes %+v, %v", resolved.Or, err)
	}
}

// A number of a time stays a number when a webhook is signed.
func TestSignedTimesKeepTheirKind(t *testing.T) {
	spec, _ := verify.Builtin("linear")
	config := &verify.Config{Secrets: []string{secret}}
	v := builtin(t, "linear", config)
	for body, want := range map[string]string{
		`{"webhookTimestamp":1}`: `{"webhookTimestamp":1715688000000}`, `{"webhookTimestamp":"1"}`: `{"webhookTimestamp":"1715688000000"}`,
		`{}`: `{"webhookTimestamp":1715688000000}`,
	} {
		r := hook{body: body}.request(t, v)
		if err := verify.Sign(spec, config, r); err != nil || string(r.Body.Bytes()) != want {
			t.Errorf("%s becomes %s, %v; want %s", body, r.Body.Bytes(), err, want)
		}
	}
}
