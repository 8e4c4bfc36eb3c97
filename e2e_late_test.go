package caddywebhooks_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

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

// What a late app has yet to read counts as what others are asked to wait for.
func TestDeliverLateBodiesCount(t *testing.T) {
	for _, rewrite := range []string{"", "webhook_rewrite {\n set n 1\n }\n"} {
		up := webhooktest.NewUpstream(t)
		leave := make(chan struct{})
		up.Answer(func(http.ResponseWriter, *http.Request) { <-leave })
		srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "max_buffered 2MiB")+
			routes("max_size 2MiB\n otherwise {\n"+rewrite+"webhook_deliver {\n wait 1ms\n retry 1h\n webhook_proxy "+up.Addr()+"\n }\n }"))
		body := `{"a":"` + strings.Repeat("x", 1_200_000) + `"}`
		eventually(t, "there is memory", func() bool { return push(srv, body).Status == 202 })
		checkReason(t, push(srv, body, "X-Tell: yes"), 503, "overloaded")
		close(leave)
		eventually(t, "there is memory again", func() bool { return push(srv, body).Status != 503 })
	}
}
