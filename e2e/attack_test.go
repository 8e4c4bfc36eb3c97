package e2e_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// attack is a request as it goes over the wire.
type attack struct {
	name    string
	raw     string
	status  string // the answer's: "401", "4xx", or several
	reached bool   // it may reach the app, and must
}

// wire writes a request with a body and its length.
func wire(method, path, body string, lines ...string) string {
	return wireHead(method, path, append(lines, fmt.Sprint("Content-Length: ", len(body)))...) + body
}

// wireHead writes a request without a body.
func wireHead(method, path string, lines ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: hooks.example.com\r\nConnection: close\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func code(newHash func() hash.Hash, text string) []byte {
	mac := hmac.New(newHash, []byte(testSecret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// underAttack is an endpoint for each kind of scheme.
func underAttack(up *webhooktest.Upstream, replay string) string {
	var blocks strings.Builder
	for path, line := range map[string]string{
		"/github": "github test-secret", "/instaleap": "instaleap test-secret", "/stripe": "stripe test-secret",
		"/standard": "standard-webhooks whsec_" + base64.StdEncoding.EncodeToString([]byte(testSecret)),
		"/jelp":     "jelp {\n token test-token", "/detrack": "detrack {\n basic user test-password",
	} {
		if !strings.Contains(line, "{") {
			line += " {"
		}
		name := ""
		if replay != "off" {
			name = "attack" + path
		}
		fmt.Fprintf(&blocks, "handle_webhook %s %s\n replay %s %s\n otherwise {\n reverse_proxy %s\n }\n}\n", path, line, replay, name, up.Addr())
	}
	return site(blocks.String() + "respond 404")
}

// TestAttacks sends each attack through a socket of its own. None may reach the
// app but those that are no attack after all, which show that the others are
// refused for what is wrong with them. With replay on nothing changes.
func TestAttacks(t *testing.T) {
	for _, replay := range []string{"off", "1h"} {
		up := webhooktest.NewUpstream(t)
		srv := webhooktest.Start(t, underAttack(up, replay))
		for kind, attacks := range map[string][]attack{
			"signature": signatureAttacks(), "time": timeAttacks(), "list": listAttacks(), "fields": fieldAttacks(),
			"token": tokenAttacks(), "framing": framingAttacks(), "path": pathAttacks(),
		} {
			for _, a := range attacks {
				t.Run(fmt.Sprintf("replay %s/%s/%s", replay, kind, a.name), func(t *testing.T) { a.try(t, srv, up) })
			}
		}
	}
}

func (a attack) try(t *testing.T, srv *webhooktest.Server, up *webhooktest.Upstream) {
	got := srv.Raw([]byte(a.raw))
	text := fmt.Sprint(got.Status)
	if !strings.Contains(a.status, text) && !strings.Contains(a.status, text[:1]+"xx") {
		t.Errorf("status %d, want %s", got.Status, a.status)
	}
	if a.reached {
		up.Only()
		return
	}
	up.None()
	if got.Status < 300 {
		t.Error("it is acknowledged")
	}
	if got.Body != "" && got.Status != 400 && got.Status != 431 && got.Status != 501 { // net/http's own words
		t.Errorf("the sender is told %q", got.Body)
	}
}

// signatureAttacks are about where a signature is and how it is written.
func signatureAttacks() []attack {
	const body = `{"n":1}`
	mac := webhooktest.HMAC(testSecret, body)
	const header = "X-Hub-Signature-256: "
	signed := func(name, line string) attack { return attack{name, wire("POST", "/github", body, line), "401", false} }
	attacks := []attack{
		{"right", wire("POST", "/github", `{"right":1}`, header+"sha256="+webhooktest.HMAC(testSecret, `{"right":1}`)), "200", true},
		{"upper case", wire("POST", "/github", `{"right":2}`, header+"sha256="+strings.ToUpper(webhooktest.HMAC(testSecret, `{"right":2}`))), "200", true},
		{"none", wire("POST", "/github", body), "401", false},
		{"changed body", wire("POST", "/github", `{"n":2}`, header+"sha256="+mac), "401", false},
		{"added line break", wire("POST", "/github", body+"\n", header+"sha256="+mac), "401", false},
		{"empty body", wire("POST", "/github", "", header+"sha256="+mac), "401", false},
		{"bad, then good", wire("POST", "/github", body, header+"sha256="+strings.Repeat("0", 64), header+"sha256="+mac), "401", false},
		{"good, then bad", wire("POST", "/github", body, header+"sha256="+mac, header+"sha256="+strings.Repeat("0", 64)), "401", false},
		{"good twice", wire("POST", "/github", body, header+"sha256="+mac, header+"sha256="+mac), "401", false},
		{"in the query", wire("POST", "/github?X-Hub-Signature-256=sha256="+mac, body), "401", false},
		{"folded line, which net/http unfolds", wire("POST", "/github", `{"right":3}`, header+"\r\n sha256="+webhooktest.HMAC(testSecret, `{"right":3}`)), "200", true},
		{"space before the colon", wire("POST", "/github", body, "X-Hub-Signature-256 : sha256="+mac), "400", false},
		{"NUL", wire("POST", "/github", body, header+"sha256="+mac+"\x00"), "400", false},
		{"in a trailer", wireHead("POST", "/github", "Transfer-Encoding: chunked", "Trailer: X-Hub-Signature-256") +
			"7\r\n" + body + "\r\n0\r\n" + header + "sha256=" + mac + "\r\n\r\n", "401", false},
		{"good trailer, bad header", wireHead("POST", "/github", "Transfer-Encoding: chunked", header+"sha256="+strings.Repeat("0", 64)) +
			"7\r\n" + body + "\r\n0\r\n" + header + "sha256=" + mac + "\r\n\r\n", "401", false},
	}
	for name, value := range map[string]string{
		"empty": "", "blank": "  ", "prefix alone": "sha256=", "no prefix": mac, "other prefix": "SHA256=" + mac,
		"62 digits": "sha256=" + mac[:62], "32 digits": "sha256=" + mac[:32], "one digit": "sha256=" + mac[:1],
		"64 digits and two more": "sha256=" + mac + "00", "twice in one": "sha256=" + mac + mac, "0x": "sha256=0x" + mac,
		"quoted": `sha256="` + mac + `"`, "blank inside": "sha256=" + mac[:32] + " " + mac[32:], "comma list": "sha256=" + mac + ",sha256=" + mac,
		"percent-encoded": "sha256=%" + mac, "wide digits": "sha256=" + strings.Map(widen, mac),
		"base64":         "sha256=" + base64.StdEncoding.EncodeToString(code(sha256.New, body)),
		"SHA-1":          "sha1=" + hex.EncodeToString(code(sha1.New, body)),
		"SHA-1 renamed":  "sha256=" + hex.EncodeToString(code(sha1.New, body)),
		"MD5":            "md5=" + hex.EncodeToString(code(md5.New, body)),
		"plain hash":     fmt.Sprintf("sha256=%x", sha256.Sum256([]byte(testSecret+body))),
		"empty key":      "sha256=" + webhooktest.HMAC("", body),
		"the body's own": fmt.Sprintf("sha256=%x", sha256.Sum256([]byte(body))),
	} {
		attacks = append(attacks, signed(name, header+value))
	}
	return append(attacks,
		signed("legacy header", "X-Hub-Signature: sha1="+hex.EncodeToString(code(sha1.New, body))),
		signed("underscores", "X_Hub_Signature_256: sha256="+mac),
		signed("cookie", "Cookie: X-Hub-Signature-256=sha256="+mac),
		signed("another provider's header", "InstaLeap-Signature: "+mac),
	)
}

// widen makes full-width digits of digits.
func widen(r rune) rune {
	if r >= '0' && r <= '9' {
		return r - '0' + '０'
	}
	return r
}

// timeAttacks are about the signed time, which Stripe's scheme has.
func timeAttacks() []attack {
	now := time.Now().Unix()
	const body = `{"id":"evt_attack"}`
	send := func(name, stated, signed, body, status string, reached bool) attack {
		return attack{name, wire("POST", "/stripe", body,
			"Stripe-Signature: t="+stated+",v1="+webhooktest.HMAC(testSecret, signed, ".", body)), status, reached}
	}
	number := func(at int64) string { return fmt.Sprint(at) }
	same := func(name, stated string) attack { return send(name, stated, stated, body, "400 401", false) }
	mac := webhooktest.HMAC(testSecret, number(now), ".", body)
	raw := func(name, value string) attack {
		return attack{name, wire("POST", "/stripe", body, "Stripe-Signature: "+value), "401", false}
	}
	return []attack{
		send("now", number(now), number(now), `{"id":"evt_now"}`, "200", true),
		same("an hour ago", number(now-3600)), same("in an hour", number(now+3600)),
		send("another time than signed", number(now), number(now-3600), body, "401", false),
		same("milliseconds", number(now*1000)), same("negative", number(-now)), same("fraction", number(now)+".5"),
		same("exponent", "1e9"), same("sign", "+"+number(now)), same("overflow", "9999999999999999999"),
		same("hexadecimal", fmt.Sprintf("0x%x", now)), same("blank", " "+number(now)), same("empty", ""), same("word", "now"),
		raw("no time", "v1="+mac), raw("two times", "t="+number(now)+",t="+number(now)+",v1="+mac),
		raw("old version only", "t="+number(now)+",v0="+mac), raw("no signature", "t="+number(now)),
		raw("too many", "t="+number(now)+strings.Repeat(",v1="+strings.Repeat("0", 64), 20)+",v1="+mac),
		raw("time out of the list", "t="+number(now)+";v1="+mac),
	}
}

// listAttacks are about Standard Webhooks, which joins signed values by dots.
func listAttacks() []attack {
	now := fmt.Sprint(time.Now().Unix())
	const body = `{"type":"a"}`
	mac := func(id, at, body string) string {
		return base64.StdEncoding.EncodeToString(code(sha256.New, id+"."+at+"."+body))
	}
	send := func(name, id, at, signature, body, status string, reached bool) attack {
		return attack{name, wire("POST", "/standard", body,
			"Webhook-Id: "+id, "Webhook-Timestamp: "+at, "Webhook-Signature: "+signature), status, reached}
	}
	good := mac("attack", now, body)
	return []attack{
		send("right", "right", now, "v1,"+mac("right", now, body), body, "200", true),
		send("bad beside good", "beside", now, "v1,AAAA v1a,x v1,"+mac("beside", now, body), body, "200", true),
		send("moved into the id", "attack."+now, now, "v1,"+good, body, "4xx", false),
		send("moved into the body", "attack", now, "v1,"+mac("attack", now, "1."+body), "1."+body+" ", "401", false),
		send("another version", "attack", now, "v1a,"+good, body, "401", false),
		send("no version", "attack", now, good, body, "401", false),
		send("no padding", "attack", now, "v1,"+strings.TrimRight(good, "="), body, "401", false),
		send("base64 of URLs", "attack", now, "v1,"+strings.NewReplacer("+", "-", "/", "_").Replace(good)+"_", body, "401", false),
		send("empty id", "", now, "v1,"+mac("", now, body), body, "401", false),
		send("id twice", "attack\r\nWebhook-Id: attack", now, "v1,"+good, body, "401", false),
		send("no time", "attack", "", "v1,"+mac("attack", "", body), body, "4xx", false),
	}
}

// fieldAttacks are about Instaleap, which signs three values of the payload.
func fieldAttacks() []attack {
	const at, kind = "2026-11-25T10:00:00Z", "CREATED"
	signature := func(id, at, kind string) string {
		return "InstaLeap-Signature: " + webhooktest.HMAC(testSecret, id, "&", at, "&", kind)
	}
	send := func(name, body string) attack {
		return attack{name, wire("POST", "/instaleap", body, signature("a", at, kind)), "400", false}
	}
	with := func(name, id, at, kind, body, status string, reached bool) attack {
		return attack{name, wire("POST", "/instaleap", body, signature(id, at, kind)), status, reached}
	}
	const rest = `"created_at":"` + at + `","type":"` + kind + `"`
	const right = `{"id":"a",` + rest
	return []attack{
		with("right", "right", at, kind, `{"id":"right",`+rest+`,"job":{"n":948182094000000001,"m":1e400}}`, "200", true),
		send("good id first", `{"id":"a","id":"b",`+rest+`}`), send("good id last", `{"id":"b","id":"a",`+rest+`}`),
		send("escaped name", right+`,"t\u0079pe":"b"}`), send("another case", right+`,"ID":"b"}`), send("another case of type", right+`,"Type":"b"}`),
		send("not UTF-8", right+",\"x\":\"\xff\"}"), send("lone surrogate", right+`,"x":"\ud800"}`),
		send("second value", right+`}{"id":"b"}`), send("garbage after it", right+`}x`), send("byte order mark", "\ufeff"+right+`}`),
		send("comment", right+`/**/}`), send("NaN", right+`,"x":NaN}`), send("leading zero", right+`,"x":01}`),
		send("raw control", right+",\"x\":\"\x01\"}"), send("NUL", right+"}\x00"), send("single quotes", `{'id':'a',`+rest+`}`),
		send("trailing comma", right+`,}`), send("array around it", `[`+right+`}]`), send("depth", right+`,"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`}`),
		send("a form", `id=a&created_at=`+at+`&type=`+kind), send("empty", ``), send("null", `null`),
		send("UTF-16", "\xff\xfe{\x00}\x00"),
		with("moved separator", "a", at+"&"+kind, "x", `{"id":"a&`+at+`","created_at":"`+kind+`","type":"x"}`, "400", false),
		with("escaped separator", "a&b", at, kind, `{"id":"a\u0026b",`+rest+`}`, "400", false),
		with("absent", "undefined", at, kind, `{`+rest+`}`, "400", false), with("absent and empty", "", at, kind, `{`+rest+`}`, "400", false),
		with("empty value, rightly signed", "", at, kind, `{"id":"",`+rest+`}`, "400", false), with("null", "null", at, kind, `{"id":null,`+rest+`}`, "400", false),
		with("object", "[object Object]", at, kind, `{"id":{},`+rest+`}`, "400", false), with("array", "a", at, kind, `{"id":["a"],`+rest+`}`, "400", false),
		with("boolean", "true", at, kind, `{"id":true,`+rest+`}`, "400", false), with("number rendered anew", "100", at, kind, `{"id":1e2,`+rest+`}`, "401", false),
		with("wrong value", "a", at, kind, `{"id":"b",`+rest+`}`, "401", false),
	}
}

// tokenAttacks are about static tokens and Basic credentials.
func tokenAttacks() []attack {
	token := func(name, status string, reached bool, lines ...string) attack {
		return attack{name, wire("POST", "/jelp", `{"by":"`+name+`"}`, lines...), status, reached}
	}
	basic := func(name, status string, reached bool, credentials string) attack {
		return attack{"basic, " + name, wire("POST", "/detrack", `{"by":"`+name+`"}`,
			"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(credentials))), status, reached}
	}
	return []attack{
		token("right", "200", true, "Authorization: Bearer test-token"),
		token("none", "401", false), token("empty", "401", false, "Authorization: Bearer "), token("no scheme", "401", false, "Authorization: test-token"),
		token("beginning", "401", false, "Authorization: Bearer test-toke"), token("more", "401", false, "Authorization: Bearer test-tokenx"),
		token("another case", "401", false, "Authorization: Bearer TEST-TOKEN"), token("quoted", "401", false, `Authorization: Bearer "test-token"`),
		token("list", "401", false, "Authorization: Bearer test-token, Bearer x"), token("placeholder", "401", false, "Authorization: Bearer {env.PATH}"),
		token("two headers", "401", false, "Authorization: Bearer test-token", "Authorization: Bearer x"),
		token("proxy's header", "401", false, "Proxy-Authorization: Bearer test-token"), token("cookie", "401", false, "Cookie: Authorization=Bearer test-token"),
		{"query", wire("POST", "/jelp?access_token=test-token&Authorization=Bearer%20test-token", `{}`), "401", false},
		basic("right", "200", true, "user:test-password"), basic("wrong", "401", false, "user:password"),
		basic("no password", "401", false, "user:"), basic("no colon", "401", false, "user"), basic("token of another endpoint", "401", false, "test-token"),
		basic("blank", "401", false, " user:test-password"), basic("NUL", "401", false, "user\x00:test-password"),
	}
}

// framingAttacks are about where a request's body begins and ends.
func framingAttacks() []attack {
	const body = `{"n":1}`
	sign := func(body string) string { return "X-Hub-Signature-256: sha256=" + webhooktest.HMAC(testSecret, body) }
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Write([]byte(body))
	writer.Close()
	head := func(name, status, rest string, lines ...string) attack {
		return attack{name, wireHead("POST", "/github", append(lines, sign(body))...) + rest, status, false}
	}
	attacks := []attack{
		{"chunks", wireHead("POST", "/github", "Transfer-Encoding: chunked", sign(`{"chunks":1}`)) + "5;ext=1\r\n{\"chu\r\n7\r\nnks\":1}\r\n0\r\nX-Late: 1\r\n\r\n", "200", true},
		head("length and chunks", "400 401", "0\r\n\r\nPOST /github HTTP/1.1\r\nHost: x\r\n\r\n", "Content-Length: 7", "Transfer-Encoding: chunked"),
		head("two lengths", "400", body, "Content-Length: 7", "Content-Length: 0"), head("length list", "400", body, "Content-Length: 7, 8"),
		head("signed length", "400", body, "Content-Length: +7"), head("length in hexadecimal", "400", body, "Content-Length: 0x7"),
		head("negative length", "400", body, "Content-Length: -7"), head("terabyte", "413", body, "Content-Length: 1099511627776"),
		head("unknown coding", "400 501", body, "Transfer-Encoding: xchunked"), head("two codings", "400 501", "7\r\n"+body+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked, identity"),
		head("coding twice", "400 501", "7\r\n"+body+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
		head("chunk overflow", "400", "ffffffffffffffff1\r\n"+body+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
		head("negative chunk", "400", "-7\r\n"+body+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
		head("shorter length", "401", body, "Content-Length: 3"),
		{"gzip", wire("POST", "/github", packed.String(), "Content-Encoding: gzip", sign(packed.String())), "415", false},
		{"gzip, signed before", wire("POST", "/github", packed.String(), "Content-Encoding: gzip", sign(body)), "415", false},
		{"two encodings", wire("POST", "/github", body, "Content-Encoding: identity, gzip", sign(body)), "415", false},
		{"no host", "POST /github HTTP/1.1\r\nConnection: close\r\nContent-Length: 7\r\n" + sign(body) + "\r\n\r\n" + body, "400", false},
		{"many headers", wire("POST", "/github", body, "X-Filler: "+strings.Repeat("x", 40<<10), sign(body)), "431", false},
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"} {
		attacks = append(attacks, attack{"method " + method, wire(method, "/github", body, sign(body)), "405", false},
			attack{"override " + method, wire(method, "/github", body, "X-HTTP-Method-Override: POST", sign(body)), "405", false})
	}
	return attacks
}

// pathAttacks are forged webhooks for paths that one reader could take for the
// endpoint and another not.
func pathAttacks() []attack {
	var attacks []attack
	for _, path := range []string{
		"/github/", "//github", "/./github", "/x/../github", "/github/.", "/github/..", "/github/../github", "/%67ithub", "/github%00", "/github%2f",
		"/GitHub", "/github;a=b", "/github%3fx", "/github?", "/github?/../x", "/github#x", "http://elsewhere.example/github", "/github%20", "\\github", "/github\\",
	} {
		attacks = append(attacks, attack{path, wire("POST", path, `{"n":1}`, "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)), "400 401 404", false})
	}
	return slices.Clip(attacks)
}
