package verify_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Who has no key gets no token accepted, whatever it looks like.
func FuzzJWT(f *testing.F) {
	good := rawToken(longSecret, hs256Header, `{"sub":"s","exp":1715691600}`)
	parts := strings.Split(good, ".")
	for _, text := range []string{
		"", ".", "..", "a.b.c", "....", parts[0] + "." + parts[1] + ".", rawToken("other", hs256Header, `{}`),
		rawToken("", `{"alg":"none"}`, `{}`), rawToken("other", `{"alg":"HS256","crit":["b64"],"b64":false}`, `{}`),
		rawToken("other", `{"alg":"RS256","jwk":{"kty":"oct","k":"AA"}}`, `{}`), parts[0] + "." + parts[1] + "." + parts[2][1:],
		token(f, jose.RS256, keysOf("other").rsa, claims{"sub": "s"}), `{"payload":"` + parts[1] + `"}`,
	} {
		f.Add(text)
	}
	verifiers := map[string]*verify.Verifier{
		"HS256": hs256(f, ""),
		"RS256": custom(f, jwtSpec(`"algorithms":["RS256","ES256","EdDSA"]`), &verify.Config{Secrets: []string{publicPEM(f, keysOf("").rsa)}}),
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, v := range verifiers {
			if _, refused := bearer(text).send(t, v); refused == "" {
				t.Fatalf("%s: %q is accepted", name, text)
			} else if refused != verify.BadToken && refused != verify.MissingToken {
				t.Fatalf("%s: %q is refused for %q", name, text, refused)
			}
		}
	})
}

// What is signed by the right key is accepted only if it says what it must.
func FuzzJWTClaims(f *testing.F) {
	for _, payload := range []string{
		`{"iss":"i","aud":"a","exp":1715691600}`, `{"iss":"i","aud":["a"],"nbf":1715688000.5}`, `{"iss":"i","aud":"a","exp":"1715691600"}`,
		`{"iss":"i","aud":"a","exp":-1}`, `{"iss":"i","aud":"a","iat":1e999}`, `{"iss":["i"],"aud":{"a":"a"}}`, `null`, `[]`, `"x"`, ``,
		`{"iss":"i","iss":"j","aud":"a"}`, `{"iss":"i","aud":"a"}{}`, `{"ISS":"i","aud":"a"}`,
	} {
		f.Add(hs256Header, payload)
	}
	f.Add(`{"alg":"HS256","kid":"k"}`, `{"iss":"i","aud":"a"}`)
	f.Add(`{"alg":"HS512"}`, `{"iss":"i","aud":"a"}`)
	v := hs256(f, `,"issuer":"i","audience":"a"`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		if _, refused := bearer(rawToken(longSecret, header, payload)).send(t, v); refused != "" {
			return
		}
		var head, stated map[string]any
		if err := json.Unmarshal([]byte(header), &head); err != nil || head["alg"] != "HS256" {
			t.Fatalf("accepted with the header %q", header)
		}
		dec := json.NewDecoder(strings.NewReader(payload))
		dec.UseNumber()
		if err := dec.Decode(&stated); err != nil || stated["iss"] != "i" {
			t.Fatalf("accepted with the claims %q: %v", payload, err)
		}
		if list, ok := stated["aud"].([]any); !ok && stated["aud"] != "a" || ok && !slices.Contains(list, any("a")) {
			t.Fatalf("accepted with the claims %q", payload)
		}
	})
}

// A request without credentials is answered or refused, and never an event. An
// answer is short and printable.
func FuzzHandshake(f *testing.F) {
	for _, s := range shakes(f) {
		name, value := "X-Any", ""
		for header := range s.hook.header {
			if header != "Content-Type" {
				name, value = header, s.hook.header.Get(header)
			}
		}
		method := s.hook.method
		if method == "" {
			method = "POST"
		}
		_, query, _ := strings.Cut(s.hook.url, "?")
		f.Add(s.provider, method, query, name, value, s.hook.body)
	}
	f.Add("x", "GET", "crc_token=%7B%22a%22%3A1%7D", "X-Any", "", "")
	f.Add("monday", "POST", "", "X-Any", "", `{"challenge":"\u0000\n"}`)
	verifiers := make(map[string]*verify.Verifier)
	for _, s := range shakes(f) {
		verifiers[s.provider] = s.preset(f, "").verifier(f)
	}
	f.Fuzz(func(t *testing.T, provider, method, query, name, value, body string) {
		v := verifiers[provider]
		if v == nil {
			return
		}
		h := hook{method: method, url: hooksURL, header: http.Header{http.CanonicalHeaderKey(name): {value}}, body: body}
		if _, err := url.Parse(hooksURL + "?" + query); err == nil {
			h.url += "?" + query
		}
		result, refused := h.send(t, v)
		if refused != "" {
			return
		}
		answer := result.Handshake
		if answer == nil {
			t.Fatalf("%s: accepted without credentials: %+v", provider, result)
		}
		texts := []string{answer.Show}
		if answer.ContentType == plainText {
			texts = append(texts, string(answer.Body))
		}
		for _, text := range answer.Header {
			texts = append(texts, text)
		}
		for _, text := range texts {
			if len(text) > 1024 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Fatalf("%s: the answer repeats %q", provider, text)
			}
		}
		if answer.ContentType == jsonText && !json.Valid(answer.Body) {
			t.Fatalf("%s: the answer is %q", provider, answer.Body)
		}
	})
}

// A body that AWS has not signed is refused, and names no certificate that
// would be fetched from elsewhere.
func FuzzSNS(f *testing.F) {
	good := signSNS(f, snsMessage(f), keysOf("other").rsa)
	f.Add(good.body)
	f.Add(confirmation(f, "SubscriptionConfirmation", "SigningCertURL", "https://evil.example/x.pem").body)
	f.Add(withMembers(f, snsMessage(f), "Message", "x").body)
	f.Add(place{"body", "Signature"}.double(f, good, "", "AA==").body)
	for _, body := range []string{"", "null", "[]", `{"Type":"Notification"}`, `{"Type":{},"Signature":[],"TopicArn":1}`, `{"Signature":"AA==","Type":"Notification","TopicArn":"` + topic + `"}`} {
		f.Add(body)
	}
	v, fetches := newSNS(f, &verify.Config{ConfirmSubscription: true})
	f.Fuzz(func(t *testing.T, body string) {
		if _, refused := (hook{body: body}).send(t, v); refused == "" {
			t.Fatalf("%q is accepted", body)
		}
		for _, target := range fetches.fetched() {
			parsed, err := url.Parse(target)
			if err != nil || parsed.Scheme+"://"+parsed.Host != snsHost || !strings.HasPrefix(parsed.Path, "/SimpleNotificationService-") ||
				!strings.HasSuffix(parsed.Path, ".pem") || strings.Count(parsed.Path, "/") != 1 || parsed.User != nil || parsed.RawQuery != "" {
				t.Fatalf("%q makes it fetch %q", body, target)
			}
		}
	})
}

// phpSerialized writes the form without its signature as PHP does, by code of
// its own.
func phpSerialized(form url.Values) string {
	type pair struct{ name, value string }
	var pairs []pair
	for name, values := range form {
		if name != "p_signature" {
			pairs = append(pairs, pair{name, values[0]})
		}
	}
	for i := range pairs {
		for j := i; j > 0 && pairs[j].name < pairs[j-1].name; j-- {
			pairs[j], pairs[j-1] = pairs[j-1], pairs[j]
		}
	}
	length := func(text string) string {
		number, _ := json.Marshal(len(text))
		return string(number)
	}
	count, _ := json.Marshal(len(pairs))
	text := "a:" + string(count) + ":{"
	for _, p := range pairs {
		text += "s:" + length(p.name) + `:"` + p.name + `";s:` + length(p.value) + `:"` + p.value + `";`
	}
	return text + "}"
}

// A form is accepted with the signature of its own fields, and with that of no
// others.
func FuzzPHP(f *testing.F) {
	for _, form := range []string{
		"alert_name=a&alert_id=1", "", "=", "a", "a=1&a=2", "b=2&a=1", "%C3%A4=%C3%B6", "a=%00%22%3B", `a=";s:1:"b`, "p_signature=x", "a=%zz", "a;b=1",
		"10=a&9=b", "a[0]=1&a[1]=2", "A=1&a=2",
	} {
		f.Add(form)
	}
	key := keysOf("").rsa
	v := builtin(f, "paddle-classic", &verify.Config{Secrets: []string{publicPEM(f, key)}})
	other := rsaSignature(f, key, true, phpSerialized(url.Values{"alert_id": {"-1"}}))
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		trimmed := strings.TrimLeft(text, " \t\r\n")
		if err != nil || strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			form = url.Values{}
		}
		h := hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: text + "&p_signature=" + url.QueryEscape(other)}
		if _, refused := h.send(t, v); refused == "" {
			t.Fatalf("%q is accepted with the signature of another form", text)
		}
		if form.Has("p_signature") || len(form) == 0 {
			return
		}
		for _, values := range form {
			if len(values) > 1 || strings.Contains(values[0], "\x00") {
				return
			}
		}
		h.body = text + "&p_signature=" + url.QueryEscape(rsaSignature(t, key, true, phpSerialized(form)))
		if _, refused := h.send(t, v); refused != "" && refused != verify.Malformed {
			t.Fatalf("%q is refused for %q with its own signature over %s", text, refused, phpSerialized(form))
		}
	})
}

// A token for one request line is good for no other.
func FuzzRequestHash(f *testing.F) {
	for _, target := range []string{"/hook", "/hook/", "/hook?a=b", "/hook?jwt=x", "/hook?JWT=x", "/hook?&", "/hook%2F", "//hook", "/hook;x", "/%68ook", "/hook?%6Awt=x", "/hook?=", "/hook?a=%zz", "?", "", "/hook#x"} {
		f.Add("POST", target)
	}
	v := custom(f, jwtSpec(`"algorithms":["HS256"],"request_hash":true`), &verify.Config{Secrets: []string{longSecret}, Methods: []string{"POST", "PUT"}})
	h := bearer(token(f, jose.HS256, []byte(longSecret), claims{"qsh": digest("POST&/hook&")}))
	f.Fuzz(func(t *testing.T, method, target string) {
		parsed, err := url.Parse("https://hooks.example.com" + target)
		if err != nil || method == "" {
			return
		}
		h := h.clone()
		h.method, h.url = method, parsed.String()
		if _, refused := h.send(t, v); refused != "" {
			return
		}
		query := parsed.Query()
		query.Del("jwt")
		if method != "POST" || strings.TrimSuffix(parsed.EscapedPath(), "/") != "/hook" || len(query) > 0 {
			t.Fatalf("a token for POST /hook is accepted for %s %s", method, target)
		}
	})
}

// A URL is accepted with the signature of another only if both are the same
// once the characters are decoded that the provider decodes.
func FuzzSignedURL(f *testing.F) {
	for _, target := range []string{"/hook?a=%3A%2f", "/hook?a=:/", "/hook?a=%253A", "/hook?a=%3", "/hook?a=%", "/hook?a=%3a%2F", "/%68ook?a=:/", "/hook?a=:/#x", "//hook?a=:/"} {
		f.Add(target)
	}
	spec, _ := verify.Builtin("hubspot-v3")
	config := &verify.Config{Secrets: []string{secret}}
	v := builtin(f, "hubspot-v3", config)
	h := hook{url: "https://hooks.example.com/hook?a=:/", body: "[]"}
	r := h.request(f, v)
	if err := verify.Sign(spec, config, r); err != nil {
		f.Fatal(err)
	}
	h.header = r.Header
	f.Fuzz(func(t *testing.T, target string) {
		parsed, err := url.Parse("https://hooks.example.com" + target)
		if err != nil {
			return
		}
		h := h.clone()
		h.url = parsed.String()
		if _, refused := h.send(t, v); refused != "" {
			return
		}
		text := "https://" + parsed.Host + parsed.RequestURI()
		for _, c := range ":/?@!$'()*,;" {
			escape := strings.ToUpper(url.QueryEscape(string(c)))
			if len(escape) == 3 {
				text = strings.ReplaceAll(strings.ReplaceAll(text, escape, string(c)), strings.ToLower(escape), string(c))
			}
		}
		if text != "https://hooks.example.com/hook?a=:/" {
			t.Fatalf("the signature of another URL is accepted for %s", target)
		}
	})
}

// Braintree's payload is base64 inside a form, and its signature a list with
// the public key beside it.
func FuzzBraintree(f *testing.F) {
	for _, form := range []string{"bt_signature=k%7C00&bt_payload=PGtpbmQ%2B", "bt_signature=%7C&bt_payload=", "bt_payload=x", "bt_signature=a%7Cb%26c%7Cd&bt_payload=%0A"} {
		f.Add(form)
	}
	v := signed(f, "braintree")
	f.Fuzz(func(t *testing.T, form string) {
		h := hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: form}
		if _, refused := h.send(t, v); refused == "" {
			t.Fatalf("%q is accepted", form)
		}
		h.body = "bt_payload=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(form)))
		if _, refused := h.send(t, v); refused == "" {
			t.Fatalf("%q is accepted without a signature", form)
		}
	})
}
