package diagnose_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
)

// What a provider signs need not be the body: a hash of it, or a member of the
// payload as it was sent, is found as well, and holds for the next delivery.
func TestInsideOfBody(t *testing.T) {
	const secret = "a secret that is long enough"
	hash := func(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body))) }
	for name, content := range map[string]func(stated, id, member, body string) string{
		"time.member":        func(stated, _, member, _ string) string { return stated + "." + member },
		"member":             func(_, _, member, _ string) string { return member },
		"time.hash":          func(stated, _, _, body string) string { return stated + "." + hash(body) },
		"id, time and hash":  func(stated, id, _, body string) string { return id + "\n" + stated + "\n" + hash(body) },
		"method, time, hash": func(stated, _, _, body string) string { return "POST:" + stated + ":" + hash(body) },
	} {
		t.Run(name, func(t *testing.T) {
			send := func(n int64) *diagnose.Request {
				stated, id := fmt.Sprint(1767225600+77*n), fmt.Sprintf("dlv_%08x", 0xbeef*n)
				member := fmt.Sprintf(`{"total": %d.10, "to":  "Zoë"}`, n)
				body := fmt.Sprintf(`{"type": "order.paid", "data": %s, "lines": [%d]}`, member, n)
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write([]byte(content(stated, id, member, body)))
				return &diagnose.Request{
					Method: "POST", URL: &url.URL{Host: "hooks.example.com", Path: "/acme"}, Body: []byte(body), Received: time.Unix(1767225700, 0),
					Header: http.Header{
						"Content-Type": {"application/json"}, "X-Acme-Timestamp": {stated}, "X-Acme-Delivery": {id},
						"X-Acme-Signature": {hex.EncodeToString(mac.Sum(nil))},
					},
				}
			}
			first := send(1)
			d, err := diagnose.Find(first, &diagnose.Input{Secrets: []string{secret}})
			if err != nil || d.Finding == nil {
				t.Fatalf("not found: %v %q", err, d.Notes())
			}
			if strings.Contains(d.Caddyfile(), "body_hash") {
				t.Errorf("no field of the request states a hash:\n%s", d.Caddyfile())
			}
			for _, r := range []*diagnose.Request{first, send(2)} {
				if outcome := prove(t, d, secret, r, r.Received); outcome != "accepted" {
					t.Errorf("the proposed configuration refuses it: %s\n%s", outcome, d.Caddyfile())
				}
			}
		})
	}
}
