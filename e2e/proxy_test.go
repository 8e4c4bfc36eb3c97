package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// proxied is a site whose path /hook takes webhooks of GitHub and proxies all of
// them, with more directives in front and more options of the proxy.
func proxied(upstreams, directives string, options ...string) string {
	return site(fmt.Sprintf(`handle_webhook /hook github %s {
		max_size 6MiB
		otherwise {
			%s
			webhook_proxy %s {
				%s
			}
		}
	}`, testSecret, directives, upstreams, strings.Join(options, "\n\t\t\t\t")))
}

// byBothWays runs a test by each of the ways that webhook_proxy has to an app, which
// its options decide about.
func byBothWays(t *testing.T, test func(t *testing.T, options ...string)) {
	t.Helper()
	t.Run("webhook_forward", func(t *testing.T) { test(t) })
	t.Run("reverse_proxy", func(t *testing.T) { test(t, "lb_policy random") })
}

// retried are options by which a failed attempt is repeated at the next
// upstream.
var retried = []string{"lb_policy first", "lb_retries 1", "fail_duration 1m", "lb_retry_match {", "method POST", "}"}

// A verified body goes on byte for byte with its length, whatever it is and
// however it comes.
func TestProxySendsTheBody(t *testing.T) {
	byBothWays(t, func(t *testing.T, options ...string) {
		up := webhooktest.NewUpstream(t)
		srv := webhooktest.Start(t, proxied(up.Addr(), "", options...))
		samples := bodies()
		samples["empty"] = nil
		for name, body := range samples {
			for _, chunked := range []bool{false, true} {
				request := srv.NewRequest("POST", "/hook", bytes.NewReader(body), webhooktest.GitHub(testSecret, "push", string(body))...)
				if chunked {
					request.Body, request.ContentLength, request.GetBody = io.NopCloser(webhooktest.Stream(body)), -1, nil
				}
				checkStatus(t, srv.Do(request), 200)
				got := up.Only()
				if !bytes.Equal(got.Body, body) || got.ContentLength != int64(len(body)) || len(got.TransferEncoding) != 0 {
					t.Errorf("%s, chunked %t: the upstream got %d bytes, length %d, want %d",
						name, chunked, len(got.Body), got.ContentLength, len(body))
				}
			}
		}
	})
}

func TestProxySendsTheRewrittenBody(t *testing.T) {
	byBothWays(t, func(t *testing.T, options ...string) {
		up := webhooktest.NewUpstream(t)
		srv := webhooktest.Start(t, proxied(up.Addr(), "webhook_rewrite {\n set n \"body.n + 1\"\n}", options...))
		for body, want := range map[string]string{
			`{"n":1}`: `{"n":2}`,
			`{"n":1,"a":"` + strings.Repeat("x", 300_000) + `"}`: `{"n":2,"a":"` + strings.Repeat("x", 300_000) + `"}`,
		} {
			checkStatus(t, push(srv, body), 200)
			if got := up.Only(); string(got.Body) != want || got.ContentLength != int64(len(want)) {
				t.Errorf("the upstream got %d bytes, %.40q, want %d", len(got.Body), got.Body, len(want))
			}
		}
	})
}

// shout is a middleware that changes the body in place while it is read, as a
// module of somebody else may.
type shout struct{}

func (shout) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_shout", New: func() caddy.Module { return new(shout) }}
}

func (shout) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r.Body = shoutReader{r.Body}
	return next.ServeHTTP(w, r)
}

type shoutReader struct{ io.ReadCloser }

func (s shoutReader) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

func init() {
	caddy.RegisterModule(shout{})
	httpcaddyfile.RegisterHandlerDirective("test_shout", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return shout{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("test_shout", httpcaddyfile.After, "request_body")
}

// What another handler makes of the body is what is sent.
func TestProxySendsTheReplacedBody(t *testing.T) {
	byBothWays(t, func(t *testing.T, options ...string) {
		up := webhooktest.NewUpstream(t)
		body := `{"a":"b"}`

		srv := webhooktest.Start(t, proxied(up.Addr(), "request_body {\n set replaced\n}", options...))
		checkStatus(t, push(srv, body), 200)
		if got := up.Only(); string(got.Body) != "replaced" {
			t.Errorf("the upstream got %q", got.Body)
		}

		srv = webhooktest.Start(t, proxied(up.Addr(), "test_shout", options...))
		checkStatus(t, push(srv, body), 200)
		if got := up.Only(); string(got.Body) != `{"A":"B"}` {
			t.Errorf("the upstream got %q", got.Body)
		}

		srv = webhooktest.Start(t, proxied(up.Addr(), "request_body {\n max_size 4\n}", options...))
		checkStatus(t, push(srv, body), 413)
	})
}

// rude is an upstream that treats each connection as it likes.
func rude(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// unavailableAnswer is that of an upstream that may be asked again.
const unavailableAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// saysAndCloses is an upstream that answers to all requests alike, and then ends the
// connection.
func saysAndCloses(t *testing.T, answer string) string {
	t.Helper()
	return rude(t, func(conn net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			_, _ = io.WriteString(conn, answer)
		}
	})
}

// An attempt that fails after a part of the body has gone out is repeated with
// the whole body, if the operator says so.
func TestProxyRepeatsAttempts(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	resets := rude(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 300))
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	unavailable := saysAndCloses(t, unavailableAnswer)
	byStatus := []string{"lb_policy round_robin", "lb_retries 1", "lb_retry_match {", "expression `{rp.status_code} == 503`", "}"}
	for name, site := range map[string]string{
		"connection refused": proxied("127.0.0.1:"+webhooktest.FreePort(t)+" "+up.Addr(), "", retried...),
		"reset in the body":  proxied(resets+" "+up.Addr(), "", retried...),
		"retried by status":  proxied(unavailable+" "+up.Addr(), "", byStatus...),
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, site)
			for _, body := range []string{`{"a":1}`, `{"a":"` + strings.Repeat("0123456789", 500_000) + `"}`} {
				checkStatus(t, push(srv, body), 200)
				if got := up.Only(); string(got.Body) != body {
					t.Errorf("the upstream got %d bytes, want %d", len(got.Body), len(body))
				}
			}
		})
	}
}

// What was not verified is not sent, and says why to the operator.
func TestProxyNeedsVerification(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site("webhook_proxy "+up.Addr()))
	checkStatus(t, srv.Post("/hook", "{}"), 500)
	up.None()
	if !strings.Contains(srv.Log.String(), "webhook_proxy works only after webhook_auth") {
		t.Errorf("the log does not say why:\n%s", srv.Log)
	}
}

// Every kind of upstream that reverse_proxy knows takes the body.
func TestProxyReachesEveryUpstream(t *testing.T) {
	type seen struct{ body, proto string }
	requests := make(chan seen, 1)
	app := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{string(body), r.Proto}
	})
	plain := httptest.NewServer(app)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(app)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	h2c := httptest.NewUnstartedServer(app)
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Start()
	defer h2c.Close()
	socket := filepath.Join(t.TempDir(), "app.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: listener, Config: &http.Server{Handler: app}} //nolint:gosec // a test's server
	local.Start()
	defer local.Close()
	_, port, err := net.SplitHostPort(plain.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	body := `{"a":"` + strings.Repeat("x", 200_000) + `"}`
	for name, test := range map[string]struct{ site, proto string }{
		"HTTPS":  {proxied(secure.URL, "", "transport http {", "tls_insecure_skip_verify", "}"), "HTTP/2.0"},
		"h2c":    {proxied("h2c://"+h2c.Listener.Addr().String(), "", "lb_policy random"), "HTTP/2.0"},
		"socket": {proxied("unix/"+socket, "", "lb_policy random"), "HTTP/1.1"},
		"IPv4":   {proxied("tcp4/"+plain.Listener.Addr().String(), "", "lb_policy random"), "HTTP/1.1"},

		"h2c, plainly":    {proxied("h2c://"+h2c.Listener.Addr().String(), ""), "HTTP/2.0"},
		"socket, plainly": {proxied("unix/"+socket, ""), "HTTP/1.1"},
		"IPv4, plainly":   {proxied("tcp4/"+plain.Listener.Addr().String(), ""), "HTTP/1.1"},
		"dynamic":         {proxied("", "", "dynamic a localhost "+port, "transport http {", "dial_timeout 2s", "}"), "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, test.site)
			if answer := push(srv, body); answer.Status != 200 {
				t.Fatalf("status %d\n%s", answer.Status, srv.Log)
			}
			if got := <-requests; got.body != body || got.proto != test.proto {
				t.Errorf("the upstream got %d bytes by %s, want %d by %s", len(got.body), got.proto, len(body), test.proto)
			}
		})
	}
}

// Active health checks are no webhooks, and go through the same transport.
func TestProxyChecksHealth(t *testing.T) {
	checks := make(chan string, 100)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/up" {
			checks <- r.Method
		}
	}))
	defer app.Close()
	srv := webhooktest.Start(t, proxied(app.URL, "", "health_uri /up", "health_interval 1h"))
	if method := <-checks; method != "GET" {
		t.Errorf("the check was a %s", method)
	}
	checkStatus(t, push(srv, `{}`), 200)
}

// An upstream may answer before it has read the body, or read it no further.
func TestProxyRelaysEarlyAnswers(t *testing.T) {
	byBothWays(t, func(t *testing.T, options ...string) {
		addr := rude(t, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			<-t.Context().Done() // the rest of the body is never read
		})
		srv := webhooktest.Start(t, proxied(addr, "", options...))
		for _, size := range []int{10, 6_000, 5_000_000} {
			body := `{"a":"` + strings.Repeat("x", size) + `"}`
			checkAnswer(t, push(srv, body), 202, "ok")
		}
	})
}

// What Caddy logs of an attempt has the request's headers at debug level only.
// Without them all else stays as it was: also attempts that they decide about.
func TestProxyHidesHeadersFromTheLog(t *testing.T) {
	breaksOff := saysAndCloses(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
	for level, shown := range map[string]bool{"DEBUG": true, "INFO": false} {
		srv := webhooktest.Start(t, proxied(breaksOff, "", "lb_policy random"), logAt(level))
		if _, err := webhooktest.Send(srv.NewRequest("POST", "/hook", strings.NewReader(`{"a":1}`),
			webhooktest.GitHub(testSecret, "push", `{"a":1}`)...)); err == nil {
			t.Error("the answer was not broken off")
		}
		request, _ := srv.Log.Wait(t, webhooktest.Message("aborting with incomplete response"))["request"].(map[string]any)
		headers, _ := request["headers"].(map[string]any)
		if request["uri"] != "/hook" || (headers["X-Github-Event"] != nil) != shown {
			t.Errorf("%s: the log has %v", level, request)
		}
	}

	up := webhooktest.NewUpstream(t)
	unavailable := saysAndCloses(t, unavailableAnswer)
	srv := webhooktest.Start(t, proxied(unavailable+" "+up.Addr(), "", "lb_policy round_robin", "lb_retries 1", "lb_retry_match {",
		"header X-Github-Event push", "expression `{rp.status_code} == 503`", "}"), logAt("INFO"))
	for range 2 { // one of them goes to the first upstream
		checkStatus(t, push(srv, `{"a":1}`), 200)
	}
}

// Whether headers are needed is up to the proxy that sends, not to one around it.
func TestProxyRetriesByHeaderInsideAnother(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	teapot := saysAndCloses(t, "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	unavailable := saysAndCloses(t, unavailableAnswer)
	srv := webhooktest.Start(t, proxied(teapot, "", "@teapot status 418", "handle_response @teapot {",
		"webhook_proxy "+unavailable+" "+up.Addr()+" {", "lb_policy round_robin", "lb_retries 1", "lb_retry_match {",
		"header X-Github-Event push", "expression `{rp.status_code} == 503`", "}", "}", "}"), logAt("INFO"))
	for range 2 { // one of them goes to the first upstream
		checkStatus(t, push(srv, `{"a":1}`), 200)
	}
}

// logAt has Caddy log from a level on.
func logAt(level string) webhooktest.Edit {
	return func(config map[string]any) {
		config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": level}}}
	}
}
