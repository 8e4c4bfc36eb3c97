package diagnose_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

const (
	nearSecret = "near-secret-of-32-bytes-or-more-1"
	nearBody   = `{"type":"push", "n":1, "name":"Zoë", "url":"https://example.com/a"}`
)

var nearNow = time.Unix(1767225600, 0)

func code(secret, text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// near is a request that is refused.
type near struct {
	provider string
	config   verify.Config
	others   []diagnose.Secrets
	url      string
	header   map[string]string
	body     string
	reason   verify.Reason
	want     string
}

func (n *near) check(t *testing.T) {
	t.Helper()
	if n.url == "" {
		n.url = "https://hooks.example.com/hook"
	}
	if n.body == "" {
		n.body = nearBody
	}
	if n.config.Secrets == nil {
		n.config.Secrets = []string{nearSecret}
	}
	target, err := url.Parse(n.url)
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := verify.Builtin(n.provider)
	r := &diagnose.Request{Method: "POST", URL: target, Header: http.Header{}, Body: []byte(n.body), Received: nearNow}
	for name, value := range n.header {
		r.Header.Set(name, value)
	}
	e := &diagnose.Endpoint{Spec: spec, Config: &n.config, Others: n.others}
	got := strings.Join(diagnose.Near(r, e, &verify.Error{Reason: n.reason}), "\n")
	if got != n.want && (n.want == "" || !strings.Contains(got, n.want)) {
		t.Errorf("got %q, want %q", got, n.want)
	}
	for _, secret := range n.config.Secrets {
		if strings.Contains(got, strings.TrimSpace(secret)) {
			t.Errorf("it shows the secret: %q", got)
		}
	}
}

func TestNear(t *testing.T) {
	right := hex.EncodeToString(code(nearSecret, nearBody))
	github := func(signature string) map[string]string { return map[string]string{"X-Hub-Signature-256": signature} }
	second := strconv.FormatInt(nearNow.Unix(), 10)
	inSeconds := map[string]string{"X-Timestamp": second, "X-Signature": hex.EncodeToString(code(nearSecret, second+nearBody))}
	compact := `{"type":"push","n":1,"name":"Zoë","url":"https://example.com/a"}`
	escaped := `{"type":"push","n":1,"name":"Zo\u00eb","url":"https:\/\/example.com\/a"}`
	signedAs := func(body string) map[string]string {
		return github("sha256=" + hex.EncodeToString(code(nearSecret, body)))
	}
	square := func(at string) map[string]string {
		return map[string]string{"X-Square-Hmacsha256-Signature": base64.StdEncoding.EncodeToString(code(nearSecret, at+nearBody))}
	}
	stripe := func(at int64) map[string]string {
		stamp := strconv.FormatInt(at, 10)
		return map[string]string{"Stripe-Signature": "t=" + stamp + ",v1=" + hex.EncodeToString(code(nearSecret, stamp+"."+nearBody))}
	}
	tests := map[string]near{
		"secret with a line break":      {provider: "github", config: verify.Config{Secrets: []string{"x", nearSecret + "\n"}}, header: github("sha256=" + right), want: "secret 2 without the white space"},
		"secret of another endpoint":    {provider: "github", config: verify.Config{Secrets: []string{"x"}}, others: []diagnose.Secrets{{Provider: "slack", Values: []string{"y"}}, {Provider: "github", Values: []string{"z", nearSecret}}}, header: github("sha256=" + right), want: "a secret of another endpoint, which is one for github"},
		"base64 for hex":                {provider: "github", header: github("sha256=" + base64.StdEncoding.EncodeToString(code(nearSecret, nearBody))), want: "encoding base64 instead of hex"},
		"no prefix":                     {provider: "github", header: github(right), want: "prefix none instead of sha256="},
		"header renamed":                {provider: "github", header: map[string]string{"X-Hub-Signature256": "sha256=" + right}, reason: verify.MissingSignature, want: "the signature in header.X-Hub-Signature256 instead of header.X-Hub-Signature-256"},
		"header renamed, wrong":         {provider: "github", header: map[string]string{"X-Hub-Signature256": "sha256=00"}, reason: verify.MissingSignature, want: "but one named X-Hub-Signature256"},
		"header removed":                {provider: "github", reason: verify.MissingSignature, want: "Caddy removes headers with an underscore"},
		"compact":                       {provider: "github", header: signedAs(compact), want: "the body as JSON without white space"},
		"escaped":                       {provider: "github", header: signedAs(escaped), want: "the body as JSON without white space, with characters beyond ASCII and slashes escaped"},
		"line break added":              {provider: "github", header: signedAs(nearBody), body: nearBody + "\n", want: "the body without the line break at its end"},
		"line break removed":            {provider: "github", header: signedAs(nearBody + "\r\n"), want: "the body with CR and LF at its end"},
		"another provider":              {provider: "gitea", header: github("sha256=" + right), reason: verify.MissingSignature, want: "the signature in header.X-Hub-Signature-256 instead of header.X-Gitea-Signature, prefix sha256= instead of none"},
		"another provider's content":    {provider: "github", header: stripe(nearNow.Unix()), reason: verify.MissingSignature, want: "provider stripe at this path"},
		"scheme":                        {provider: "square", url: "http://hooks.example.com/hook", header: square("https://hooks.example.com/hook"), want: "public_url https://hooks.example.com"},
		"port":                          {provider: "square", url: "https://hooks.example.com:8443/hook", header: square("https://hooks.example.com/hook"), want: "public_url https://hooks.example.com"},
		"slash":                         {provider: "square", url: "https://hooks.example.com/hook/", header: square("https://hooks.example.com/hook"), want: "public_url https://hooks.example.com/hook"},
		"ten minutes late":              {provider: "stripe", header: stripe(nearNow.Unix() - 600), reason: verify.Stale, want: "the time that it covers is 10m0s ago"},
		"an hour early":                 {provider: "stripe", header: stripe(nearNow.Unix() + 3600), reason: verify.Stale, want: "the time that it covers is 1h0m0s ahead"},
		"in another unit":               {provider: "airwallex", config: verify.Config{Tolerance: verify.Duration(5 * time.Minute)}, header: inSeconds, reason: verify.Stale, want: "not a number of 13 digits; look at the unit"},
		"key in hex":                    {provider: "github", config: verify.Config{Secrets: []string{hex.EncodeToString([]byte(nearSecret))}}, header: github("sha256=" + right), want: "key hex instead of utf8"},
		"nothing":                       {provider: "github", header: github("sha256=" + strings.Repeat("00", 32)), want: "nothing that was tried"},
		"not for other refusals":        {provider: "github", header: github("sha256=" + right), reason: verify.BadMethod},
		"not without a secret":          {provider: "github", config: verify.Config{Secrets: []string{}, Tokens: []string{"t"}}, header: github("sha256=" + right)},
		"a handshake proves nothing":    {provider: "slack", body: `{"type":"url_verification","challenge":"c"}`, header: map[string]string{"X-Slack-Signature": "v0=00"}, want: "nothing that was tried"},
		"what an attacker calls prefix": {provider: "github", header: github(nearSecret + "=" + right), want: "nothing that was tried"},
	}
	for name, test := range tests {
		if test.reason == "" {
			test.reason = verify.BadSignature
		}
		t.Run(name, func(t *testing.T) { test.check(t) })
	}
}

// What is tried for a large body is bounded in memory, whatever it holds.
func TestNearIsBounded(t *testing.T) {
	for name, body := range map[string]string{
		"a long list": "[" + strings.Repeat("1, ", diagnose.MaxNear/3-2) + "1]",
		"a long text": `{"a":"` + strings.Repeat("é/<", diagnose.MaxNear/5) + `"}`,
		"deep":        strings.Repeat("[", diagnose.MaxNear/2) + strings.Repeat("]", diagnose.MaxNear/2),
		"wide":        "{" + strings.Repeat(`"a":1,`, diagnose.MaxNear/6-2) + `"b":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			n := near{
				provider: "github", body: body, reason: verify.BadSignature, want: "nothing that was tried",
				header: map[string]string{"X-Hub-Signature-256": "sha256=" + strings.Repeat("00", 32)},
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n.check(t)
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<20 {
				t.Errorf("%d MiB were allocated for %d KiB", allocated>>20, len(body)>>10)
			}
		})
	}
}
