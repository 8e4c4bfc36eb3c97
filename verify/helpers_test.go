package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// secret is the key of all schemes in these tests.
const secret = "test-key-of-all-schemes-32-bytes-or-more"

// now is the time at which webhooks arrive where a test names no other.
var now = time.Date(2024, 5, 14, 12, 0, 0, 0, time.UTC)

// hook is a webhook on its way. What is not set is as usual: POST, now.
type hook struct {
	method   string
	url      string
	header   http.Header
	body     string
	address  string
	received time.Time
}

// request makes what a server would hand to a Verifier.
func (h hook) request(t testing.TB, v *verify.Verifier) *verify.Request {
	t.Helper()
	if h.method == "" {
		h.method = http.MethodPost
	}
	if h.url == "" {
		h.url = "https://hooks.example.com/hook"
	}
	target, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	if h.received.IsZero() {
		h.received = now
	}
	r := &verify.Request{Method: h.method, URL: target, Header: http.Header{}, Received: h.received}
	for name, values := range h.header {
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	if h.address != "" {
		r.ClientIP = netip.MustParseAddr(h.address)
	}
	r.Body = payload.New([]byte(h.body), r.Header.Get("Content-Type"), v.Provider().Spec.FormField)
	return r
}

// send returns what a Verifier makes of a webhook; the Reason is empty where
// it is accepted. It makes the same of one that it hashes as it arrives.
func (h hook) send(t testing.TB, v *verify.Verifier) (*verify.Result, verify.Reason) {
	t.Helper()
	result, refused, _ := h.arrive(t, v, "")
	if _, got, hashed := h.arrive(t, v, h.body); hashed && got != refused {
		t.Errorf("refused for %q, but for %q if it is hashed as it arrives", refused, got)
	}
	return result, refused
}

// arrive is send for a webhook of which the Verifier hashes something, in small
// pieces, before the body is there. Hashed is whether it has wanted to.
func (h hook) arrive(t testing.TB, v *verify.Verifier, content string) (_ *verify.Result, refused verify.Reason, hashed bool) {
	t.Helper()
	r := h.request(t, v)
	body := r.Body
	r.Body = nil // as it is until Admit has let the request pass
	if err := v.Admit(r); err != nil {
		return nil, reason(t, err), false
	}
	if content != "" {
		hash := v.Hash(r)
		if hash == nil {
			return nil, "", false
		}
		for part := range slices.Chunk([]byte(content), 7) {
			_, _ = hash.Write(part)
		}
	}
	r.Body = body
	result, err := v.Verify(r)
	if err != nil {
		return nil, reason(t, err), true
	}
	if result == nil {
		t.Fatal("Verify returned neither a result nor an error")
	}
	return result, "", true
}

// reason returns the word for a refusal.
func reason(t testing.TB, err error) verify.Reason {
	t.Helper()
	refusal, ok := errors.AsType[*verify.Error](err)
	if !ok {
		t.Fatalf("%v is a %T; want *verify.Error", err, err)
	}
	return refusal.Reason
}

// expect reports a webhook that does not meet its expected fate.
func (h hook) expect(t *testing.T, v *verify.Verifier, want verify.Reason) {
	t.Helper()
	if _, got := h.send(t, v); got != want {
		t.Errorf("refused for %q; want %q (empty: accepted)", got, want)
	}
}

// builtin returns a Verifier of a built-in provider.
func builtin(t testing.TB, name string, config *verify.Config) *verify.Verifier {
	t.Helper()
	spec, ok := verify.Builtin(name)
	if !ok {
		t.Fatalf("there is no provider %s", name)
	}
	v, err := verify.New(spec, config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signed is the configuration that knows the secret alone.
func signed(t testing.TB, provider string) *verify.Verifier {
	t.Helper()
	return builtin(t, provider, &verify.Config{Secrets: []string{secret}})
}

// custom returns a Verifier of a provider of the operator's own.
func custom(t testing.TB, spec string, config *verify.Config) *verify.Verifier {
	t.Helper()
	parsed, err := verify.ParseSpec([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.New(parsed, config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mac is the HMAC-SHA256 of text in hex.
func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// with is a set of headers, given as names and values in turn.
func with(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Add(pairs[i], pairs[i+1])
	}
	return header
}

// job is an Instaleap event with the signature of the given text.
func job(body, text string) hook {
	return hook{header: with("InstaLeap-Signature", mac(secret, text)), body: body}
}

const (
	goodJob  = `{"id":"e1","created_at":"2024-05-14T12:00:00Z","type":"CREATED","job":{"id":"j1"}}`
	goodText = "e1&2024-05-14T12:00:00Z&CREATED"
)
