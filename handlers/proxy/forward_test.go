package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	// plug in what a reverse proxy needs
	_ "github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

func provisioned(t *testing.T, f *Forward) error {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	return f.Provision(ctx)
}

// An app with TLS is asked for by its own name, over HTTP/2 if it speaks that. Its
// certificate has to be right.
func TestForwardByTLS(t *testing.T) {
	type seen struct{ host, forwardedHost, proto, body string }
	requests := make(chan seen, 1)
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r.Host, r.Header.Get("X-Forwarded-Host"), r.Proto, string(body)}
	}))
	app.EnableHTTP2 = true
	app.StartTLS()
	defer app.Close()
	address := app.Listener.Addr().String()
	f := &Forward{Upstreams: []string{address}, Scheme: "https"}
	if err := provisioned(t, f); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Cleanup() }()

	if err := f.ServeHTTP(httptest.NewRecorder(), verifiedRequest(t, "{}"), nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the error is %v", err)
	}
	f.transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	f.transport.TLSClientConfig.RootCAs.AddCert(app.Certificate())
	answer := httptest.NewRecorder()
	if err := f.ServeHTTP(answer, verifiedRequest(t, "{}"), nil); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("status %d, %v", answer.Code, err)
	}
	if got, want := <-requests, (seen{address, "hooks.example", "HTTP/2.0", "{}"}); got != want {
		t.Errorf("the app got %v, want %v", got, want)
	}
	if via := answer.Header().Get("Via"); via != "2.0 Caddy" {
		t.Errorf("via %q", via)
	}
}

// verifiedRequest is a webhook as its verification leaves it.
func verifiedRequest(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/hook", nil)
	r.Host = "hooks.example"
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server))
	v := new(webhook.Verified)
	webhook.SetBody(r, v.Body.Hold([]byte(body), nil, nil))
	caddyhttp.SetVar(r.Context(), webhook.EventVar, v)
	return r
}

// What cannot be dialed, or not by this handler, is an error when it is loaded.
func TestForwardChecksItsOptions(t *testing.T) {
	for _, test := range []struct {
		forward Forward
		want    string
	}{
		{Forward{}, "has no upstream"},
		{Forward{Upstreams: []string{"app:8080"}, Scheme: "ftp"}, "http, https or h2c"},
		{Forward{Upstreams: []string{"app:8080-8081"}}, "one socket"},
		{Forward{Upstreams: []string{"{http.webhook.tenant.app}:80"}}, "without placeholders"},
		{Forward{Upstreams: []string{"app:no"}}, "upstream app:no"},
	} {
		if err := provisioned(t, &test.forward); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v; want %q", test.forward.Upstreams, err, test.want)
		}
	}
}

// Who is next to this server, and what it says of those before it.
func TestForwardedHeaders(t *testing.T) {
	prior := http.Header{"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"a.example"}}
	for _, test := range []struct {
		name    string
		peer    string
		trusted bool
		tls     bool
		header  http.Header
		want    [3]string
	}{
		{"an address", "192.0.2.1:1234", false, false, nil, [3]string{"192.0.2.1", "http", "hooks.example"}},
		{"by TLS", "192.0.2.1:1234", false, true, nil, [3]string{"192.0.2.1", "https", "hooks.example"}},
		{"with a zone", "[fe80::1%eth0]:1234", false, false, prior, [3]string{"fe80::1", "http", "hooks.example"}},
		{"trusted", "192.0.2.1:1234", true, false, prior, [3]string{"10.0.0.1, 192.0.2.1", "https", "a.example"}},
		{"a socket", "@", false, false, prior, [3]string{}},
		{"a trusted socket", "@", true, false, prior, [3]string{"10.0.0.1", "https", "a.example"}},
		{"a trusted socket that says nothing", "@", true, false, nil, [3]string{"", "http", "hooks.example"}},
		{"no address", "somewhere", true, false, prior, [3]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := verifiedRequest(t, "{}")
			r.RemoteAddr = test.peer
			if test.tls {
				r.TLS = &tls.ConnectionState{HandshakeComplete: true}
			}
			caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, test.trusted)
			header := test.header.Clone()
			if header == nil {
				header = make(http.Header)
			}
			new(exchange).setForwarded(header, r)
			for i, name := range forwardedHeaders {
				if got := strings.Join(header[name], " and "); got != test.want[i] {
					t.Errorf("%s: %q, want %q", name, got, test.want[i])
				}
			}
		})
	}

	header := http.Header{"X-Forwarded-For": nil, "X-Forwarded-Host": nil}
	new(exchange).setForwarded(header, verifiedRequest(t, "{}"))
	if len(header["X-Forwarded-For"])+len(header["X-Forwarded-Host"]) != 0 || len(header["X-Forwarded-Proto"]) != 1 {
		t.Errorf("headers that are not to be sent: %v", header)
	}
}
