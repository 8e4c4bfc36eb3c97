package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// shake is a handshake of a built-in provider, by its place in the
// description, with the answer to it.
type shake struct {
	provider string
	index    int
	hook     hook
	echo     string // the field that is repeated; empty for none
	want     verify.Answer
}

const (
	hooksURL  = "https://hooks.example.com/hook"
	plainText = "text/plain; charset=utf-8"
	jsonText  = "application/json"
	xToken    = "MWFiYzJkM2U.t0-_~+/="
)

func text(body string) verify.Answer {
	return verify.Answer{Status: 200, ContentType: plainText, Body: []byte(body)}
}

func object(body string) verify.Answer {
	return verify.Answer{Status: 200, ContentType: jsonText, Body: []byte(body)}
}

func get(query string) hook { return hook{method: "GET", url: hooksURL + "?" + query} }

func post(body string, headers ...string) hook {
	return hook{header: with(append(headers, "Content-Type", "application/json")...), body: body}
}

// shakes are the handshakes of all built-in providers. Those of Meta are by
// the token "verify-me", others by the credentials of preset.
func shakes(t testing.TB) []shake {
	t.Helper()
	secretOf := func(provider string) string {
		spec, _ := verify.Builtin(provider)
		return newPreset(t, spec, "secret", "").receiver.Secrets[0]
	}
	hub := get("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me")
	code := hmac.New(sha256.New, []byte(secretOf("x")))
	code.Write([]byte(xToken))
	crc := "sha256=" + base64.StdEncoding.EncodeToString(code.Sum(nil))
	return append(setupShakes(t), []shake{
		{
			provider: "asana", hook: post(`{}`, "X-Hook-Secret", "b537207f20cbfa02357cf448134da559"), echo: "header.X-Hook-Secret",
			want: verify.Answer{Status: 200, Header: map[string]string{"X-Hook-Secret": "b537207f20cbfa02357cf448134da559"}, Show: "b537207f20cbfa02357cf448134da559"},
		},
		{
			provider: "azure-event-grid", hook: post(`[{"id":"1","data":{"validationCode":"512d38b6-c7b8"}}]`, "aeg-event-type", "SubscriptionValidation"),
			echo: "body.0.data.validationCode", want: object(`{"validationResponse":"512d38b6-c7b8"}`),
		},
		{
			provider: "azure-event-grid", index: 1, hook: hook{method: "OPTIONS", header: with("WebHook-Request-Origin", "eventgrid.azure.net")},
			echo: "header.WebHook-Request-Origin",
			want: verify.Answer{Status: 200, Header: map[string]string{"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*"}},
		},
		{
			provider: "azure-event-grid-entra", hook: post(`[{"id":"1","data":{"validationCode":"512d38b6-c7b8"}}]`, "aeg-event-type", "SubscriptionValidation"),
			echo: "body.0.data.validationCode", want: object(`{"validationResponse":"512d38b6-c7b8"}`),
		},
		{
			provider: "azure-event-grid-entra", index: 1, hook: hook{method: "OPTIONS", header: with("WebHook-Request-Origin", "eventgrid.azure.net")},
			echo: "header.WebHook-Request-Origin",
			want: verify.Answer{Status: 200, Header: map[string]string{"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*"}},
		},
		{provider: "bitbucket-server", hook: post(`{"test":true}`, "X-Event-Key", "diagnostics:ping"), want: verify.Answer{Status: 200}},
		{provider: "discord", hook: post(`{"type":1,"version":1}`), want: object(`{"type":1}`)},
		{provider: "discord", index: 1, hook: post(`{"type":0,"version":1}`), want: verify.Answer{Status: 204}},
		{provider: "dropbox", hook: get("challenge=abc123"), echo: "query.challenge", want: text("abc123")},
		{provider: "facebook", hook: hub, echo: "query.hub.challenge", want: text("1158201444")},
		{
			provider: "front", hook: post(`{"type":"sync"}`, "X-Front-Challenge", "ch-1"), echo: "header.X-Front-Challenge",
			want: object(`{"challenge":"ch-1"}`),
		},
		{provider: "instagram", hook: hub, echo: "query.hub.challenge", want: text("1158201444")},
		{provider: "intercom", hook: hook{method: "HEAD"}, want: verify.Answer{Status: 200}},
		{provider: "line", hook: post(`{"destination":"U1","events":[]}`), want: verify.Answer{Status: 200}},
		{
			provider: "linkedin", hook: get("challengeCode=890e4665"), echo: "query.challengeCode",
			want: object(`{"challengeCode":"890e4665","challengeResponse":"` + mac(secretOf("linkedin"), "890e4665") + `"}`),
		},
		{provider: "mandrill", hook: hook{method: "HEAD"}, want: verify.Answer{Status: 200}},
		{
			provider: "microsoft-graph", hook: hook{method: "POST", url: hooksURL + "?validationToken=Validation%3A+Testing+client"},
			echo: "query.validationToken", want: text("Validation: Testing client"),
		},
		{provider: "monday", hook: post(`{"challenge":"3eZbrw1aBm2rZgRNFdxV"}`), echo: "body.challenge", want: object(`{"challenge":"3eZbrw1aBm2rZgRNFdxV"}`)},
		{provider: "notion", hook: post(`{"verification_token":"secret_tMrlL1q"}`), want: verify.Answer{Status: 200, Show: "secret_tMrlL1q"}},
		{provider: "nylas", hook: get("challenge=c-1"), echo: "query.challenge", want: text("c-1")},
		{
			provider: "okta", hook: hook{method: "GET", header: with("X-Okta-Verification-Challenge", "ov-1")},
			echo: "header.X-Okta-Verification-Challenge", want: object(`{"verification":"ov-1"}`),
		},
		{provider: "onfleet", hook: get("check=c41d8cd9"), echo: "query.check", want: text("c41d8cd9")},
		{provider: "slack", hook: post(`{"type":"url_verification","challenge":"3eZbrw1a"}`), echo: "body.challenge", want: text("3eZbrw1a")},
		{
			provider: "slack", index: 1, want: verify.Answer{Status: 200},
			hook: hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: "ssl_check=1&token=xxx"},
		},
		{
			provider: "slack", index: 2, want: verify.Answer{Status: 200},
			hook: hook{header: with("Content-Type", "application/x-www-form-urlencoded", "X-Slack-Signature", ""), body: "ssl_check=1"},
		},
		{provider: "trello", hook: hook{method: "HEAD"}, want: verify.Answer{Status: 200}},
		{
			provider: "twitch", echo: "body.challenge", want: text("pogchamp"),
			hook: post(`{"challenge":"pogchamp","subscription":{"status":"webhook_callback_verification_pending"}}`, "Twitch-Eventsub-Message-Id", "m1"),
		},
		{provider: "viber", hook: post(`{"event":"webhook","timestamp":1772615727421,"message_token":1}`), want: verify.Answer{Status: 200}},
		{provider: "vtex", hook: post(`{"hookConfig":"ping"}`), want: verify.Answer{Status: 200}},
		{provider: "whatsapp", hook: hub, echo: "query.hub.challenge", want: text("1158201444")},
		{
			provider: "woocommerce", hook: hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: "webhook_id=8"},
			want: verify.Answer{Status: 200},
		},
		{provider: "x", hook: get("crc_token=" + strings.ReplaceAll(xToken, "+", "%2B")), want: object(`{"response_token":"` + crc + `"}`)},
		{provider: "xero", hook: post(`{"events":[],"firstEventSequence":0,"entropy":"S0m3r4N0m"}`), want: verify.Answer{Status: 200}},
		{
			provider: "zoom", hook: post(`{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`),
			echo: "body.payload.plainToken",
			want: object(`{"encryptedToken":"` + mac(secretOf("zoom"), "qgg8vlvZRS6UYooatFL8Aw") + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`),
		},
	}...)
}

// preset is the provider with its first kind of credentials, and with the
// token that its handshake may need.
func (s shake) preset(t testing.TB, owner string) *preset {
	t.Helper()
	spec, ok := verify.Builtin(s.provider)
	if !ok {
		t.Fatalf("there is no provider %s", s.provider)
	}
	p := newPreset(t, spec, spec.Credentials[0], owner)
	if spec.Handshakes[s.index].Verify == "token" {
		p.receiver.Tokens = []string{"verify-me"}
	}
	return p
}

// sent is the handshake with the credentials it needs.
func (s shake) sent(t testing.TB, p *preset) hook {
	t.Helper()
	if p.spec.Handshakes[s.index].Verify == "signature" {
		return p.signed(t, s.hook)
	}
	return s.hook.clone()
}

func eachShake(t *testing.T, test func(t *testing.T, s shake, p *preset)) {
	t.Helper()
	for _, s := range shakes(t) {
		t.Run(fmt.Sprintf("%s/%d", s.provider, s.index), func(t *testing.T) { test(t, s, s.preset(t, "")) })
	}
}

// Every handshake of a built-in provider is answered as it says, and none is
// forgotten here.
func TestHandshakes(t *testing.T) {
	known := make(map[string]int)
	for _, s := range shakes(t) {
		if s.index != known[s.provider] {
			t.Errorf("%s: handshake %d does not follow %d", s.provider, s.index, known[s.provider])
		}
		known[s.provider]++
	}
	for _, name := range verify.BuiltinNames() {
		if spec, _ := verify.Builtin(name); len(spec.Handshakes) != known[name] {
			t.Errorf("%s has %d handshakes, of which %d are here", name, len(spec.Handshakes), known[name])
		}
	}
	eachShake(t, func(t *testing.T, s shake, p *preset) {
		result, refused := s.sent(t, p).send(t, p.verifier(t))
		if refused != "" || result.Handshake == nil {
			t.Fatalf("refused for %q with %+v; want an answer", refused, result)
		}
		got := result.Handshake
		if got.Status != s.want.Status || got.ContentType != s.want.ContentType || string(got.Body) != string(s.want.Body) ||
			got.Show != s.want.Show || !maps.Equal(got.Header, s.want.Header) {
			t.Errorf("the answer is %+v with %q; want %+v with %q", got, got.Body, s.want, s.want.Body)
		}
		if result.Event != "" && p.spec.Handshakes[s.index].Verify != "signature" {
			t.Errorf("what nobody vouches for is the event %q", result.Event)
		}
	})
}

// What a handshake needs is checked before it is answered, and nothing else.
func TestHandshakeCredentials(t *testing.T) {
	eachShake(t, func(t *testing.T, s shake, p *preset) {
		v := p.verifier(t)
		switch p.spec.Handshakes[s.index].Verify {
		case "none":
			h := s.hook.clone()
			if p.spec.Signature != nil && !slices.Contains(p.spec.Handshakes[s.index].When.Absent, p.spec.Signature.From[0]) {
				h.header.Set(strings.TrimPrefix(p.spec.Signature.From[0], "header."), "wrong")
			}
			h.expect(t, v, "")
		case "signature":
			s.hook.expect(t, v, verify.MissingSignature)
			s.sent(t, s.preset(t, "other")).expect(t, v, verify.BadSignature)
			h := s.sent(t, p)
			h.body += " "
			h.expect(t, v, verify.BadSignature)
		case "token":
			at := p.place(p.spec.Token.From)
			at.set(t, s.hook, "verify-mf").expect(t, v, verify.BadToken)
			at.set(t, s.hook, "VERIFY-ME").expect(t, v, verify.BadToken)
			at.set(t, s.hook, "").expect(t, v, verify.MissingToken)
			at.drop(t, s.hook).expect(t, v, verify.MissingToken)
			at.double(t, s.hook, "verify-me", "verify-me").expect(t, v, verify.BadToken)
			if slices.Contains(p.spec.Credentials, "secret") {
				none := newPreset(t, p.spec, "secret", "").verifier(t)
				s.hook.expect(t, none, verify.MissingToken)
			}
		default:
			t.Errorf("it does not say what must be right")
		}
	})
}

// What is repeated is short and printable, and is never sent as something that
// a browser would run.
func TestHandshakeEcho(t *testing.T) {
	eachShake(t, func(t *testing.T, s shake, p *preset) {
		if s.echo == "" {
			return
		}
		v, at := p.verifier(t), p.place(s.echo)
		send := func(value string) (*verify.Result, verify.Reason) {
			changed := s
			changed.hook = at.set(t, s.hook, value)
			return changed.sent(t, p).send(t, v)
		}
		longest, oracle := 1024, p.spec.Handshakes[s.index].Respond.HMAC != "" && p.spec.Handshakes[s.index].Verify == "none"
		if oracle {
			longest = 256
		}
		result, refused := send(strings.Repeat("a", longest))
		if refused != "" || result.Handshake == nil {
			t.Errorf("%d bytes are refused for %q", longest, refused)
		}
		if _, refused := send(strings.Repeat("a", longest+1)); refused != verify.Malformed {
			t.Errorf("%d bytes: refused for %q", longest+1, refused)
		}
		for _, control := range []string{"\x00", "\t", "\n", "\r\nX-Injected: yes\r\n\r\n<html>", "\x1b[2J", "\x7f"} {
			if _, refused := send("a" + control + "b"); refused != verify.Malformed {
				t.Errorf("%q: refused for %q", control, refused)
			}
		}
		if oracle {
			return
		}
		const script = `<script>alert("ü")</script>{body}{env.HOME}`
		result, refused = send(script)
		if refused != "" || result.Handshake == nil {
			t.Fatalf("a script is refused for %q", refused)
		}
		answer := result.Handshake
		if got := answer.ContentType; got != plainText && got != jsonText && (got != "" || len(answer.Body) > 0) {
			t.Errorf("a script is repeated as %q", got)
		}
		if answer.ContentType == plainText && string(answer.Body) != script {
			t.Errorf("a script becomes %q", answer.Body)
		}
	})
}

// An answer that everybody can have is no signature of a payload.
func TestHandshakeIsNoOracle(t *testing.T) {
	for _, test := range []struct{ provider, field, header, prefix string }{
		{"x", "crc_token", "X-Twitter-Webhooks-Signature", ""},
		{"linkedin", "challengeCode", "X-LI-Signature", "hmacsha256="},
	} {
		spec, _ := verify.Builtin(test.provider)
		v := newPreset(t, spec, "secret", "").verifier(t)
		at := place{"query", test.field}
		for _, body := range []string{
			`{"type":"x"}`, `{}`, `[]`, `[1]`, `"text"`, "a&b=c", "a=b&c=d", "a%3Db", "a b", "a,b", "a:b", "<kind>", "ü", "a\n",
			"-----BEGIN", "42", "true", "null", "a=b", "text",
		} {
			result, refused := at.set(t, hook{method: "GET", url: hooksURL}, test.prefix+body).send(t, v)
			if refused == verify.Malformed {
				continue
			}
			if refused != "" {
				t.Errorf("%s: the challenge %q is refused for %q", test.provider, body, refused)
				continue
			}
			code := strings.TrimSuffix(string(result.Handshake.Body), `"}`)
			forged := post(body, test.header, code[strings.LastIndex(code, `"`)+1:])
			if _, refused := forged.send(t, v); refused == "" {
				t.Errorf("%s signs %q for everybody, and accepts it", test.provider, body)
			}
		}
		for _, punctuated := range []string{`{"type":"x"}`, `[]`, `"text"`, "a=b&c=d"} {
			at.set(t, hook{method: "GET", url: hooksURL}, punctuated).expect(t, v, verify.Malformed)
		}
		at.set(t, hook{method: "GET", url: hooksURL}, "").expect(t, v, verify.Malformed)
		at.double(t, hook{method: "GET", url: hooksURL}, "a", "b").expect(t, v, verify.BadMethod)
	}
}

// An answer that holds a code is made with the secret that has verified the
// handshake, whichever of several that is; where nothing of it is signed, with
// the first, as the operator has to know when rotating.
func TestHandshakeSecret(t *testing.T) {
	coded := 0
	eachShake(t, func(t *testing.T, s shake, p *preset) {
		if p.spec.Handshakes[s.index].Respond.HMAC == "" {
			return
		}
		coded++
		h, right := s.sent(t, p), p.sender.Secrets[0]
		for _, secrets := range [][]string{{right}, {"next-secret-token", right}, {right, "next-secret-token"}, {"a-secret", "another-secret", right, "last-secret"}} {
			p.receiver.Secrets = secrets
			result, refused := h.send(t, p.verifier(t))
			if refused != "" || result.Handshake == nil {
				t.Fatalf("refused for %q with %+v", refused, result)
			}
			wantRight := p.spec.Handshakes[s.index].Verify == "signature" || secrets[0] == right
			if got := string(result.Handshake.Body) == string(s.want.Body); got != wantRight {
				t.Errorf("with %d secrets, of which the sender's is %d, the answer is %q", len(secrets), slices.Index(secrets, right)+1, result.Handshake.Body)
			}
		}
	})
	if coded < 3 {
		t.Errorf("%d handshakes are answered with a code; want those of x, linkedin and zoom", coded)
	}
}

// A provider's own check that it makes without a signature is answered, and
// what is more than that check is refused for its signature.
func TestUnsignedCheck(t *testing.T) {
	form := with("Content-Type", "application/x-www-form-urlencoded")
	p := shake{provider: "slack"}.preset(t, "")
	v := p.verifier(t)
	for _, test := range []struct {
		body      string
		handshake bool
	}{
		{"ssl_check=1&token=xxx", true},
		{"ssl_check=1", true},
		{"token=x&ssl_check=1&team_id=T1", true},
		{"ssl_check=1&command=%2Fpay", false},
		{"ssl_check=1&payload=%7B%7D", false},
		{"ssl_check=1&ssl_check=1", false},
		{"ssl_check=0", false},
		{"ssl_check=", false},
		{"token=x", false},
		{"", false},
		{`{"ssl_check":"1"}`, false},
	} {
		h := hook{header: form, body: test.body}
		result, refused := h.send(t, v)
		if test.handshake && (refused != "" || result.Handshake == nil || result.Handshake.Status != 200 || len(result.Handshake.Body) > 0) {
			t.Errorf("%s: refused for %q with %+v; want an empty 200", test.body, refused, result)
		}
		if !test.handshake && refused != verify.MissingSignature {
			t.Errorf("%s: refused for %q with %+v; want %s", test.body, refused, result, verify.MissingSignature)
		}
		// With a signature it is that which counts.
		if result, refused = p.signed(t, h).send(t, v); refused != "" || test.handshake != (result.Handshake != nil) {
			t.Errorf("%s, signed: refused for %q with %+v", test.body, refused, result)
		}
	}
	// Only a form can be one: the bodies of others are not even read.
	r := post("ssl_check=1").request(t, v)
	r.Body = nil
	if err := v.Admit(r); err == nil || reason(t, err) != verify.MissingSignature {
		t.Errorf("a body that is no form is wanted: %v", err)
	}
}

// A handshake is no way around what holds for all requests.
func TestHandshakeLimits(t *testing.T) {
	eachShake(t, func(t *testing.T, s shake, p *preset) {
		p.receiver.Sources = []string{"203.0.113.9"}
		v, h := p.verifier(t), s.sent(t, p)
		h.address = "203.0.113.8"
		h.expect(t, v, verify.BadSource)
		h.address = "203.0.113.9"
		h.expect(t, v, "")
		h.header.Set("Content-Encoding", "gzip")
		h.expect(t, v, verify.BadEncoding)

		h = s.sent(t, p)
		h.address, h.method = "203.0.113.9", "PATCH"
		if result, refused := h.send(t, v); refused == "" && (s.hook.method != "" || p.spec.Handshakes[s.index].When.Method != "") {
			t.Errorf("answered by PATCH: %+v", result.Handshake)
		}
		if window := p.spec.Timestamp; window != nil && window.Tolerance > 0 && p.spec.Handshakes[s.index].Verify == "signature" {
			h = s.sent(t, p)
			h.address, h.received = "203.0.113.9", now.Add(time.Duration(window.Tolerance)+time.Second)
			h.expect(t, v, verify.Stale)
		}
	})
}

// What resembles a handshake is checked as an event is.
func TestNoHandshake(t *testing.T) {
	tests := []struct {
		name, provider string
		hook           hook
		want           verify.Reason
	}{
		{"Meta, another mode", "facebook", get("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify-me"), verify.BadMethod},
		{"Meta, no mode", "whatsapp", get("hub.challenge=1&hub.verify_token=verify-me"), verify.BadMethod},
		{"Meta, two modes", "instagram", get("hub.mode=subscribe&hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-me"), verify.BadMethod},
		{"Meta, by POST", "facebook", hook{url: hooksURL + "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-me"}, verify.MissingSignature},
		{"Discord, an interaction", "discord", post(`{"type":2}`), verify.MissingSignature},
		{"Notion, with a type", "notion", post(`{"verification_token":"s","type":"page.created"}`), verify.MissingSignature},
		{"Monday, with an event", "monday", post(`{"challenge":"c","event":{"type":"create_pulse"}}`), verify.MissingToken},
		{"Monday, name twice", "monday", post(`{"challenge":"c","challenge":"d"}`), verify.MissingToken},
		{"Monday, no text", "monday", post(`{"challenge":{"a":"b"}}`), verify.MissingToken},
		{"Slack, another type", "slack", post(`{"type":"url_verification2","challenge":"c"}`), verify.MissingSignature},
		{"Event Grid, another type", "azure-event-grid", post(`[{"data":{"validationCode":"c"}}]`, "aeg-event-type", "Notification"), verify.MissingToken},
		{"Event Grid, two types", "azure-event-grid", post(`[{"data":{"validationCode":"c"}}]`,
			"aeg-event-type", "SubscriptionValidation", "aeg-event-type", "Notification"), verify.MissingToken},
		{"Event Grid, OPTIONS alone", "azure-event-grid", hook{method: "OPTIONS"}, verify.BadMethod},
		{"Okta, without a challenge", "okta", hook{method: "GET"}, verify.BadMethod},
		{"Asana, two secrets", "asana", post(`{}`, "X-Hook-Secret", "a", "X-Hook-Secret", "b"), verify.MissingSignature},
		{"Graph, by GET", "microsoft-graph", get("validationToken=v"), verify.BadMethod},
		{"WooCommerce, with a topic", "woocommerce", hook{header: with("Content-Type", "application/x-www-form-urlencoded",
			"X-WC-Webhook-Topic", "order.created"), body: "webhook_id=8"}, verify.MissingSignature},
		{"Trello, by GET", "trello", hook{method: "GET"}, verify.BadMethod},
		{"GitHub has none", "github", get("challenge=c"), verify.BadMethod},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, _ := verify.Builtin(test.provider)
			p := newPreset(t, spec, spec.Credentials[0], "")
			if spec.Token != nil && spec.Token.HandshakeOnly {
				p.receiver.Tokens = []string{"verify-me"}
			}
			test.hook.expect(t, p.verifier(t), test.want)
		})
	}
}

// A token for handshakes proves nothing about events.
func TestHandshakeTokenIsNoCredential(t *testing.T) {
	spec, _ := verify.Builtin("facebook")
	if _, err := verify.New(spec, &verify.Config{Tokens: []string{"verify-me"}}); err == nil {
		t.Error("New accepts a token for handshakes as the only credential")
	}
	v := builtin(t, "facebook", &verify.Config{Secrets: []string{secret}, Tokens: []string{"verify-me"}})
	h := hook{url: hooksURL + "?hub.verify_token=verify-me", header: http.Header{}, body: "{}"}
	h.expect(t, v, verify.MissingSignature)
	h.header.Set("X-Hub-Signature-256", "sha256="+mac(secret, "{}"))
	h.url = ""
	h.expect(t, v, "")
}
