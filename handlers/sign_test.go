package handlers

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

const (
	symmetricKey = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	privateKey   = "whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
)

// What signing needs in memory counts in max_buffered: nothing for HMAC, which
// takes the body from where it is, a copy for Ed25519, and a body that another
// handler has put in the place of what was verified.
func TestSignStaysInsideTheBudget(t *testing.T) {
	for name, test := range map[string]struct {
		key      string
		replaced int // bytes that another handler has put in its place; 0: none has
		want     int
	}{
		"hmac":                   {symmetricKey, 0, 200},
		"a copy for ed25519":     {privateKey, 0, 503},
		"another body":           {symmetricKey, 5_000, 200},
		"another body, too long": {symmetricKey, 900_000, 503},
	} {
		signer, err := verify.NewSigner([]string{test.key})
		if err != nil {
			t.Fatal(err)
		}
		r, v := verifiedRequest(t, strings.Repeat("x", 400_000))
		v.Buffer.Budget = webhook.Buffered.Load() + 400_000
		if test.replaced > 0 {
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("y", test.replaced)))
		}
		status, current := 200, new(atomic.Pointer[verify.Signer])
		current.Store(signer)
		err = (&Sign{signer: current, now: time.Now}).ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			want := cmp.Or(test.replaced, 400_000)
			if len(body) != want || r.Header.Get("Webhook-Signature") == "" {
				t.Errorf("%s: the next handler gets %d bytes", name, len(body))
			}
			return err
		}))
		if refused, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			status = refused.StatusCode
		}
		if status != test.want {
			t.Errorf("%s: status %d (%v), want %d", name, status, err, test.want)
		}
	}
}
