package e2e_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// bodies are payloads of all sorts, which must go on byte for byte.
func bodies() map[string][]byte {
	random := make([]byte, 100_000)
	generator := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(generator.Uint32())
	}
	return map[string][]byte{
		"JSON":             []byte(" \t{\"a\" : 1.10, \"a\":2,\r\n\"b\":\"\\u00e4\" }\n"),
		"large JSON":       []byte(`{"a":"` + strings.Repeat("0123456789", 500_000) + `"}`),
		"broken JSON":      []byte(`{"a":`),
		"form":             []byte("payload=%7B%22a%22%3A1%7D&b=x+y&b=%zz&&=;"),
		"not UTF-8":        []byte("\xff\xfe{\"a\":\"\xc3\x28\"}\x00"),
		"every byte":       random,
		"one byte":         []byte("x"),
		"line breaks":      []byte("\r\n\r\n"),
		"looks like chunk": []byte("5\r\nhello\r\n0\r\n\r\n"),
	}
}

// Without a rewrite a body goes on byte for byte, with its own content type,
// whatever it is and however it comes.
func TestBytesAreKept(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for scheme, site := range map[string]string{
		"signature": endpoint(up, "github test-secret", "max_size 6MiB"),
		"token":     endpoint(up, "github", "token_header X-Token test-token", "max_size 6MiB"),
	} {
		srv := webhooktest.Start(t, site)
		for name, body := range bodies() {
			for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain; charset=latin1", ""} {
				for _, chunked := range []bool{false, true} {
					request := srv.NewRequest("POST", "/hook", bytes.NewReader(body), "X-Token: test-token", "X-GitHub-Event: push",
						emptyMAC+webhooktest.HMAC(testSecret, string(body)))
					if contentType != "" {
						request.Header.Set("Content-Type", contentType)
					}
					if chunked {
						request.Body, request.ContentLength, request.GetBody = io.NopCloser(bytes.NewReader(body)), -1, nil
					}
					answer := srv.Do(request)
					if answer.Status != 200 {
						t.Errorf("%s, %s as %q, chunked %t: status %d", scheme, name, contentType, chunked, answer.Status)
						continue
					}
					got := up.Only()
					if !bytes.Equal(got.Body, body) || got.ContentLength != int64(len(body)) || len(got.TransferEncoding) != 0 {
						t.Errorf("%s, %s as %q, chunked %t: the upstream got %d bytes, length %d, want %d",
							scheme, name, contentType, chunked, len(got.Body), got.ContentLength, len(body))
					}
					if got.Header.Get("Content-Type") != contentType {
						t.Errorf("%s: Content-Type is %q, want %q", name, got.Header.Get("Content-Type"), contentType)
					}
				}
			}
		}
	}
}

// An application that fails at first gets the whole body once more.
func TestRetriesHaveTheBody(t *testing.T) {
	up, dead := webhooktest.NewUpstream(t), webhooktest.FreePort(t)
	srv := webhooktest.Start(t, routes(`otherwise {
		reverse_proxy 127.0.0.1:`+dead+` `+up.Addr()+` {
			lb_policy first
			lb_retries 1
			fail_duration 1m
		}
	}`))
	body := `{"a":"` + strings.Repeat("x", 100_000) + `"}`
	checkStatus(t, push(srv, body), 200)
	if got := up.Only(); string(got.Body) != body {
		t.Errorf("the upstream got %d bytes, want %d", len(got.Body), len(body))
	}
}

// A rule that reads the body does not use it up.
func TestReadingDoesNotUseUp(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, routes(`
		on push when body.a == 2 {
			respond two
		}
		otherwise {
			@b webhook_expr body.b == 1
			header @b X-B yes
			header X-A {http.webhook.body.a}
			reverse_proxy `+up.Addr()+`
		}`))
	const body = ` {"a":1, "b":1 } `
	answer := push(srv, body)
	checkStatus(t, answer, 200)
	if got := up.Only(); string(got.Body) != body || answer.Header.Get("X-A") != "1" || answer.Header.Get("X-B") != "yes" {
		t.Errorf("the upstream got %q, the sender %v", got.Body, answer.Header)
	}
}
