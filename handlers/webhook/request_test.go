package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// What a trusted proxy says of the client's URL counts, in whatever case, and where
// several proxies have said something, what the first of them has.
func TestClientURLBehindProxies(t *testing.T) {
	for _, test := range []struct {
		trusted           bool
		proto, host, want string
	}{
		{true, "https", "", "https://inside/hook"},
		{true, "HTTPS", "", "https://inside/hook"},
		{true, "https, http", "a.example, b.example", "https://a.example/hook"},
		{true, "https,http", "", "https://inside/hook"},
		{true, "ftp", "", "http://inside/hook"},
		{true, "", "", "http://inside/hook"},
		{false, "https", "a.example", "http://inside/hook"},
	} {
		ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: test.trusted})
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/hook", nil)
		r.Host = "inside"
		r.Header.Set("X-Forwarded-Proto", test.proto)
		r.Header.Set("X-Forwarded-Host", test.host)
		if got := clientURL(r, r.URL); got.String() != test.want {
			t.Errorf("%+v: %s", test, got.String())
		}
	}
}
