package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// A late app gets its webhook whole, although the sender's request is over and
// others have used its memory since.
func TestDeliverLateBody(t *testing.T) {
	for _, proxy := range []string{"reverse_proxy", "webhook_proxy"} {
		for _, size := range []int{300, 6_000, 200_000, 10_000_000} {
			acknowledged, read := make(chan struct{}), make(chan []byte, 1)
			var asked atomic.Int64
			app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 1 {
					<-acknowledged
					body, _ := io.ReadAll(r.Body)
					read <- body
				}
			}))
			srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "")+
				routes("max_size 32MiB\n otherwise {\n webhook_deliver {\n wait 1ms\n retry 1h\n "+
					proxy+" "+app.Listener.Addr().String()+"\n }\n }"))
			late := `{"action":"late","of":"` + strings.Repeat("x", size) + `"}`
			checkStatus(t, push(srv, late), 202)
			for range 2 {
				push(srv, strings.Replace(strings.ReplaceAll(late, "x", "y"), "late", "next", 1))
			}
			close(acknowledged)
			if got := <-read; !bytes.Equal(got, []byte(late)) {
				t.Errorf("%s, %d bytes: the app got %d, %.60q …", proxy, size, len(got), got)
			}
			app.Close()
		}
	}
}

// What is stored for an app that hangs refuses no other webhook, however large its
// body is and however little memory there is for bodies.
func TestDeliverLateBodiesLeaveRoom(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		for size, webhooks := range map[int]int{20_000: 150, 1_200_000: 8} {
			leave := make(chan struct{})
			app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }))
			srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "max_buffered 2MiB")+
				routes("max_size 2MiB\n otherwise {\n webhook_deliver {\n wait 1ms\n retry 1h\n "+proxy+" "+app.Listener.Addr().String()+"\n }\n }"))
			for i := range webhooks {
				checkStatus(t, push(srv, fmt.Sprintf(`{"n":%d,"a":"%s"}`, i, strings.Repeat("x", size))), 202)
			}
			close(leave)
			app.Close()
		}
	})
}

// What a late app comes to is written into the store when it is known: a success
// long before the next attempt would be due, also for a webhook that waited
// already.
func TestDeliverLateIsSettledAtOnce(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		for status, want := range map[int]string{200: `"waiting":0,"dead":0`, 500: `"waiting":1,"dead":0`, 422: `"waiting":0,"dead":1`} {
			up := webhooktest.NewUpstream(t)
			release := make(chan struct{})
			up.Answer(func(w http.ResponseWriter, _ *http.Request) {
				<-release
				w.WriteHeader(status)
			})
			admin := "127.0.0.1:" + webhooktest.FreePort(t)
			queue := func() string { return get(t, "http://"+admin+"/webhooks/queue") }
			config := "{\n admin " + admin + "\n webhooks {\n store " + filepath.Join(t.TempDir(), "deliveries.db") + "\n }\n}\n" +
				routes("otherwise {\n webhook_deliver settled {\n wait 1ms\n retry 2h 2h\n "+proxy+" "+up.Addr()+"\n }\n }")
			srv := webhooktest.Start(t, config)
			checkStatus(t, push(srv, validBody), 202)
			checkStatus(t, push(srv, validBody), 202) // its sender has lost the answer
			if stored := queue(); !strings.Contains(stored, `"waiting":1`) {
				t.Errorf("it is stored as %s", stored)
			}
			close(release)
			eventually(t, fmt.Sprintf("%d is settled", status), func() bool {
				return strings.Contains(queue(), want)
			})
			srv.Stop()
			webhooktest.Start(t, config).Stop()
			if got := len(up.Requests()); got != 2 {
				t.Errorf("%d: the app is asked %d times", status, got)
			}
		}
	})
}

// The body of an answer may take as long as an attempt; then it is broken off.
func TestDeliverEndlessAnswer(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		up.Answer(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n timeout 1s\n "+proxy+" "+up.Addr()+"\n }"))
		answer, err := webhooktest.Send(srv.NewRequest("POST", "/hook", strings.NewReader(validBody), webhooktest.GitHub(testSecret, "push", validBody)...))
		if err == nil {
			t.Errorf("the sender got a whole answer: %+v", answer)
		}
		up.Only()
	})
}

// The sender does not wait for the end of a failure.
func TestDeliverEndlessFailure(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		var asked atomic.Int64
		end := make(chan struct{})
		up.Answer(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				w.Header().Set("X-App", "yes")
				w.WriteHeader(500)
				_ = http.NewResponseController(w).Flush()
				<-end
			}
		})
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n wait 1h\n timeout 1h\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		answer := push(srv, validBody)
		checkAnswer(t, answer, 202, "")
		if answer.Header.Get("X-App") != "" {
			t.Error("the headers of a failure reach the sender")
		}
		reaches(t, up, 2)
		close(end)
	})
}

// An app that wants to speak another protocol has not taken the event.
func TestDeliverSwitchingProtocols(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		var asked atomic.Int64
		closed := make(chan error, 1)
		up.Answer(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				conn, wire, _ := http.NewResponseController(w).Hijack()
				_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"))
				_, err := wire.ReadByte()
				closed <- err
				_ = conn.Close()
			}
		})
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		checkAnswer(t, push(srv, validBody), 202, "")
		if err := <-closed; err == nil {
			t.Error("it is spoken to")
		}
		reaches(t, up, 2)
	})
}

// When the sender hangs up, its webhook is stored, and the attempt goes on.
func TestDeliverSenderHangsUp(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		asked, release := make(chan struct{}, 2), make(chan struct{})
		up.Answer(func(http.ResponseWriter, *http.Request) {
			asked <- struct{}{}
			<-release
		})
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n wait 1h\n timeout 1h\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		conn := srv.Dial()
		if _, err := conn.Write(rawPush()); err != nil {
			t.Fatal(err)
		}
		<-asked
		_ = conn.Close()
		eventually(t, "it is stored", func() bool { return strings.Contains(srv.Log.String(), `"because":"late"`) })
		close(release)
		eventually(t, "the late answer is seen", func() bool {
			return strings.Contains(srv.Log.String(), "an app that was late has taken the webhook")
		})
		up.Only()
	})
}

// What the proxy adds to an answer reaches the sender beside what the app says.
func TestDeliverCookies(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "app=1") })
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n "+proxy+" "+up.Addr()+" {\n lb_policy cookie policy secret\n }\n }"))
		cookies := strings.Join(push(srv, validBody).Header.Values("Set-Cookie"), "; ")
		if !strings.Contains(cookies, "app=1") || !strings.Contains(cookies, "policy=") {
			t.Errorf("the cookies are %q", cookies)
		}
	})
}

// panicky is a module of a transport that fails as none should.
type panicky struct{}

func (panicky) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.network_proxy.panics", New: func() caddy.Module { return new(panicky) }}
}

func (panicky) ProxyFunc() func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) { panic("on purpose") }
}

func init() { caddy.RegisterModule(panicky{}) }

// A panic in an exchange is a failure of the attempt.
func TestDeliverPanicOfTransport(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		protocol := map[string]string{"reverse_proxy": "http", "webhook_proxy": "webhook"}[proxy]
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n retry 1h\n "+proxy+" 127.0.0.1:1\n }"),
			webhooktest.Set("reverse_proxy", "transport",
				map[string]any{"protocol": protocol, "network_proxy": map[string]any{"from": "panics"}}))
		checkStatus(t, push(srv, validBody), 202)
	})
}

// What a proxy logs of an answer that is broken off is without credentials.
func TestDeliverLogsNoCredentials(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		up.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		store := filepath.Join(t.TempDir(), "deliveries.db")
		srv := webhooktest.Start(t, storing(store, "provider own token {\n event header.X-GitHub-Event\n token query.key\n }")+
			site("handle_webhook /hook own "+testToken+" {\n otherwise {\n webhook_deliver {\n "+proxy+" "+up.Addr()+"\n }\n }\n }"))
		_, _ = webhooktest.Send(srv.NewRequest("POST", "/hook?a=b&key="+testToken, strings.NewReader(validBody)))
		logged := srv.Log.Wait(t, webhooktest.Message("aborting with incomplete response"))
		uri := map[string]string{"reverse_proxy": "/hook?a=b", "webhook_proxy": "/hook"}[proxy]
		if text := fmt.Sprint(logged); strings.Contains(text, testToken) || !strings.Contains(text, "uri:"+uri+"]") {
			t.Errorf("the log says %s", text)
		}
	})
}
