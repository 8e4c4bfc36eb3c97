package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// A webhook goes to another instance of the app if no connection to the first can be
// made, and to none if there was one.
func TestForwardMovesOnWhereItCannotDial(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	closed := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, proxied(closed+" "+up.Addr()+" "+closed, ""))
	for i := range 50 { // two thirds of them are to go elsewhere first
		body := fmt.Sprintf(`{"a":%d}`, i)
		checkStatus(t, push(srv, body), 200)
		if got := up.Only(); string(got.Body) != body {
			t.Fatalf("the app got %q, want %q", got.Body, body)
		}
	}

	taken := make(chan struct{}, 10)
	breaks := rude(t, func(conn net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			taken <- struct{}{}
		}
	})
	srv = webhooktest.Start(t, proxied(breaks+" "+breaks+" "+breaks, ""))
	checkStatus(t, push(srv, `{}`), 502)
	if len(taken) != 1 {
		t.Errorf("instances that break off got it %d times, want once", len(taken))
	}
}

// With all of its instances down an app is answered for as one instance would be.
func TestForwardToNobody(t *testing.T) {
	closed := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, proxied(closed+" "+closed, ""))
	checkStatus(t, push(srv, `{}`), 502)
	entry := srv.Log.Wait(t, func(e webhooktest.Entry) bool { return strings.HasPrefix(e.Text("logger"), "http.log.error") })
	if want := "dial tcp " + closed + ": connect: connection refused"; entry["msg"] != want {
		t.Errorf("the log says %q, want %q", entry["msg"], want)
	}
}

// An app is not asked to switch to another protocol: it gets the webhook without that.
func TestForwardRefusesUpgrades(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, proxied(up.Addr(), ""))
	checkStatus(t, push(srv, `{}`, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), 200)
	got := up.Only()
	for _, name := range []string{"Connection", "Upgrade", "Http2-Settings"} {
		if value := got.Header[name]; len(value) > 0 {
			t.Errorf("the app got %s: %q", name, value)
		}
	}
}

// Each part of an answer without a length reaches the sender when it is there.
func TestForwardPassesPartsOnAtOnce(t *testing.T) {
	next := make(chan string)
	addr := rude(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for part := range next {
			_, _ = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(part), part)
		}
		_, _ = io.WriteString(conn, "0\r\n\r\n")
	})
	srv := webhooktest.Start(t, proxied(addr, ""))
	conn := srv.Dial()
	_, _ = conn.Write(rawPush())
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil) // before there is any of the body
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for _, part := range []string{"a", "bc"} {
		next <- part
		got := make([]byte, len(part))
		if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != part {
			t.Fatalf("%q, %v; want %q", got, err, part)
		}
	}
	close(next)
	if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) > 0 {
		t.Errorf("the answer ends with %q, %v", rest, err)
	}
}

// Caddy's metrics know the upstreams.
func TestForwardIsInCaddysMetrics(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, "{\n metrics\n}\n"+strings.Replace(proxied(up.Addr(), ""), "log\n", "log\n\tmetrics /metrics\n", 1))
	checkStatus(t, push(srv, `{}`), 200)
	want := fmt.Sprintf(`caddy_reverse_proxy_upstreams_healthy{upstream="%s"} 1`, up.Addr())
	eventually(t, want, func() bool { return strings.Contains(get(t, srv.URL("/metrics")), want) })
}

// What an app breaks off at is logged without the credentials that a request holds, at
// all levels.
func TestForwardHidesCredentialsFromTheLog(t *testing.T) {
	breaksOff := saysAndCloses(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
	srv := webhooktest.Start(t, proxied(breaksOff, ""))
	if _, err := webhooktest.Send(srv.NewRequest("POST", "/hook?key=confidential", strings.NewReader(`{"a":1}`),
		webhooktest.GitHub(testSecret, "push", `{"a":1}`)...)); err == nil {
		t.Error("the answer was not broken off")
	}
	for _, message := range []string{"upstream roundtrip", "aborting with incomplete response"} {
		request, _ := srv.Log.Wait(t, webhooktest.Message(message))["request"].(map[string]any)
		headers, _ := request["headers"].(map[string]any)
		if request["uri"] != "/hook" || len(headers) > 0 {
			t.Errorf("%s: the log has %v", message, request)
		}
	}
}

// A proxy in an error route takes the webhook as if there had been none before it.
func TestForwardAfterAnother(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	closed := "127.0.0.1:" + webhooktest.FreePort(t)
	for _, first := range []string{"webhook_proxy " + closed, "webhook_proxy " + closed + " {\nlb_policy random\n}"} {
		for _, second := range []string{"webhook_proxy " + up.Addr(), "reverse_proxy " + up.Addr()} {
			srv := webhooktest.Start(t, `http://:0 {
	log
	log_append to {http.reverse_proxy.upstream.hostport}
	log_append status {http.reverse_proxy.status_code}
	handle_webhook /hook github `+testSecret+` {
		otherwise {
			`+first+`
		}
	}
	handle_errors {
		log_append to {http.reverse_proxy.upstream.hostport}
		log_append status {http.reverse_proxy.status_code}
		`+second+`
	}
}`)
			checkStatus(t, push(srv, `{"a":1}`), http.StatusTeapot)
			got := up.Only()
			if via := got.Header["Via"]; string(got.Body) != `{"a":1}` || len(via) != 1 {
				t.Errorf("%s, %s: the app got %q, via %q", first, second, got.Body, via)
			}
			if entry := srv.Log.Wait(t, webhooktest.Access("/hook")); entry["to"] != up.Addr() || fmt.Sprint(entry["status"]) != "418" {
				t.Errorf("%s, %s: the log has %v, %v", first, second, entry["to"], entry["status"])
			}
		}
	}
}
