package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// trap is an address that nobody may be sent to. It counts who comes.
func trap(t *testing.T) (address string, visits *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	visits = new(atomic.Int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			conn.Close()
		}
	}()
	return listener.Addr().String(), visits
}

// A request cannot say where the keys are that it is verified by.
func TestAddressesOfKeys(t *testing.T) {
	up, issuer := webhooktest.NewUpstream(t), webhooktest.NewIssuer(t)
	address, visits := trap(t)
	srv := webhooktest.Start(t, site(`handle_webhook /jwt jelp {
		jwt {
			jwks_url `+issuer.URL()+`/jwks
			algorithms ES256
			issuer `+issuer.URL()+`
			audience hooks
		}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /sns aws-sns arn:aws:sns:eu-west-1:123456789012:orders {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /paypal paypal webhook-id-of-ours {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	attacks := make(map[string]*http.Request)
	for name, header := range forgedTokenHeaders(address) {
		attacks["token, "+name] = srv.NewRequest("POST", "/jwt", strings.NewReader(validBody), bearer(forgedToken(t, issuer, header)))
	}
	for name, place := range forgedAddresses(address) {
		message, err := json.Marshal(map[string]string{
			"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message": "m",
			"Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "2", "Signature": "AAAA",
			"SigningCertURL": place, "SubscribeURL": place,
		})
		if err != nil {
			t.Fatal(err)
		}
		attacks["SNS, "+name] = srv.NewRequest("POST", "/sns", strings.NewReader(string(message)))
		attacks["PayPal, "+name] = srv.NewRequest("POST", "/paypal", strings.NewReader(validBody),
			"Paypal-Transmission-Id: 1", "Paypal-Transmission-Time: "+time.Now().UTC().Format(time.RFC3339),
			"Paypal-Auth-Algo: SHA256withRSA", "Paypal-Transmission-Sig: AAAA", "Paypal-Cert-Url: "+place)
	}
	for name, request := range attacks {
		if got := srv.Do(request); got.Status != 401 && got.Status != 400 {
			t.Errorf("%s: status %d", name, got.Status)
		}
	}
	up.None()
	if n := visits.Load(); n != 0 {
		t.Errorf("the address in the requests was asked %d times", n)
	}
	checkStatus(t, srv.Post("/jwt", validBody, bearer(issuer.Token("hooks", nil))), 200)
}

// forgedTokenHeaders name keys that the sender of a token has made.
func forgedTokenHeaders(address string) map[string]map[jose.HeaderKey]any {
	return map[string]map[jose.HeaderKey]any{
		"jku": {"jku": "http://" + address + "/jwks"}, "jku by HTTPS": {"jku": "https://" + address + "/jwks"},
		"x5u": {"x5u": "http://" + address + "/chain.pem"}, "kid is an address": {"kid": "http://" + address + "/key"},
		"kid is a file": {"kid": "../../../../dev/null"},
	}
}

// forgedToken signs with a key of its own, which is in the header as jwk.
func forgedToken(t *testing.T, issuer *webhooktest.Issuer, header map[jose.HeaderKey]any) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	claims := fmt.Sprintf(`{"iss": %q, "aud": "hooks", "exp": %d}`, issuer.URL(), time.Now().Add(time.Hour).Unix())
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forgedAddresses look in some way like those of providers' certificates.
func forgedAddresses(address string) map[string]string {
	const path = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	_, port, _ := net.SplitHostPort(address)
	return map[string]string{
		"plain": "http://" + address + path, "HTTPS": "https://" + address + path,
		"user": "https://sns.eu-west-1.amazonaws.com@" + address + path, "port": "https://sns.eu-west-1.amazonaws.com:" + port + path,
		"port of PayPal": "https://api.paypal.com:" + port + "/v1/notifications/certs/CERT-1", "fragment": "https://" + address + "#.sns.eu-west-1.amazonaws.com",
		"query": "https://" + address + "/?.amazonaws.com" + path, "backslash": `https://` + address + `\.sns.eu-west-1.amazonaws.com` + path,
		"longer name": "https://sns.eu-west-1.amazonaws.com.example.com" + path, "another service": "https://s3.eu-west-1.amazonaws.com/bucket" + path,
		"another region": "https://sns.us-east-1.amazonaws.com" + path, "no scheme": "//" + address + path, "file": "file:///etc/passwd",
		"IPv6": "https://[::1]:" + port + path, "number": "https://2130706433:" + port + path,
	}
}

// What a handshake echoes is never markup to a browser.
func TestEchoesAreText(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, underEcho(up))
	const markup = `<script>alert(1)</script>`
	slack := func(challenge string) *http.Request {
		body := `{"type":"url_verification","challenge":` + jsonText(t, challenge) + `}`
		at := fmt.Sprint(time.Now().Unix())
		return srv.NewRequest("POST", "/slack", strings.NewReader(body),
			"X-Slack-Request-Timestamp: "+at, "X-Slack-Signature: v0="+webhooktest.HMAC(testSecret, "v0:", at, ":", body))
	}
	facebook := func(challenge string) *http.Request {
		query := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {testToken}, "hub.challenge": {challenge}}
		return srv.NewRequest("GET", "/facebook?"+query.Encode(), nil)
	}
	graph := func(challenge string) *http.Request {
		return srv.NewRequest("POST", "/graph?"+url.Values{"validationToken": {challenge}}.Encode(), strings.NewReader(""))
	}
	for name, ask := range map[string]func(string) *http.Request{"slack": slack, "facebook": facebook, "graph": graph} {
		if got := srv.Do(ask("a-Challenge_1")); got.Status != 200 || got.Body != "a-Challenge_1" {
			t.Errorf("%s: an honest challenge is answered with %d %q", name, got.Status, got.Body)
		}
		for _, challenge := range []string{markup, "a\r\nSet-Cookie: b=c", strings.Repeat("x", 10_000)} {
			got := srv.Do(ask(challenge))
			kind := got.Header.Get("Content-Type")
			echoed := got.Status == 200
			if echoed && (!strings.HasPrefix(kind, "text/plain") || got.Header.Get("X-Content-Type-Options") != "nosniff" || len(got.Body) > 4096) {
				t.Errorf("%s: %.30q is echoed as %s: %v", name, challenge, kind, got.Header)
			}
			if got.Header.Get("Set-Cookie") != "" || !echoed && got.Body != "" {
				t.Errorf("%s: %.30q is answered with %d %v %.60q", name, challenge, got.Status, got.Header, got.Body)
			}
		}
	}
	up.None()
}

func underEcho(up *webhooktest.Upstream) string {
	var blocks strings.Builder
	for path, line := range map[string]string{
		"/slack": "slack test-secret {", "/facebook": "facebook test-secret {\n token " + testToken, "/graph": "microsoft-graph {\n token " + testToken,
	} {
		fmt.Fprintf(&blocks, "handle_webhook %s %s\n otherwise {\n reverse_proxy %s\n }\n}\n", path, line, up.Addr())
	}
	return site(blocks.String())
}

// Payloads that are made to be costly or to break rules end in a route, as any
// other does: their signature covers all of them.
func TestHostilePayloadsInRules(t *testing.T) {
	srv := webhooktest.Start(t, site(`handle_webhook /hook github test-secret {
		max_size 8MiB
		on when "body.n > 100 && body.n < 1000" {
			respond 201
		}
		on when "body.text matches '^(a+)+$'" {
			respond 202
		}
		on when "len(body.items ?? []) > 5 && all(body.items, # != 'x')" {
			respond 203
		}
		on when "lower(body.text ?? '') contains 'needle' or body.a?.b?.c == 1" {
			respond 204
		}
		otherwise {
			respond 200
		}
	}`))
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"no number":            {`{"n":"200"}`, 200},
		"a huge number":        {`{"n":1e400}`, 200},
		"a number of a MB":     {`{"n":` + strings.Repeat("9", 1<<20) + `}`, 200},
		"a small fraction":     {`{"n":1e-400}`, 200},
		"a costly expression":  {`{"text":"` + strings.Repeat("a", 1<<20) + `b"}`, 200},
		"a costly match":       {`{"text":"` + strings.Repeat("a", 1<<20) + `"}`, 202},
		"many members":         {`{"n":0` + manyMembers(60_000) + `}`, 200},
		"many elements":        {`{"items":[` + strings.Repeat("0,", 500_000) + `0]}`, 203},
		"nested as deep as it": {`{"a":` + strings.Repeat(`[`, 9_000) + strings.Repeat(`]`, 9_000) + `}`, 200},
		"nested too deep":      {`{"a":` + strings.Repeat(`{"b":`, 20_000) + `1` + strings.Repeat(`}`, 20_000) + `}`, 200},
		"other kinds":          {`{"n":[],"text":{},"items":"x","a":[{"b":null}]}`, 200},
		"a list":               {`[]`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			checkStatus(t, push(srv, test.body), test.status)
		})
	}
}

func manyMembers(n int) string {
	var members strings.Builder
	for i := range n {
		fmt.Fprintf(&members, `,"member %d":%d`, i, i)
	}
	return members.String()
}

// Connections that send half a head or half a body, and nothing more, keep no
// webhook from being answered, and nothing is left of them.
func TestStalledConnections(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret", "max_size 8MiB"))
	checkStatus(t, push(srv, validBody), 200)
	before := runtime.NumGoroutine()
	const each = 150
	var stalled []net.Conn
	for range each {
		head, body := srv.Dial(), srv.Dial()
		fmt.Fprint(head, "POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub")
		fmt.Fprint(body, wireHead("POST", "/hook", "Content-Length: 4000000", "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64))+`{"n":`)
		stalled = append(stalled, head, body)
	}
	for range 50 {
		checkStatus(t, push(srv, validBody), 200)
	}
	for _, conn := range stalled {
		conn.Close()
	}
	eventually(t, "what served them ends", func() bool { return runtime.NumGoroutine() < before+each/3 })
}
