package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// When the bodies of other webhooks fill the memory set aside for them, one more
// is asked to come again, and is taken as soon as they have ended.
func TestOverload(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	up.Answer(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	})
	srv := webhooktest.Start(t, "{\n\twebhooks {\n\t\tmax_buffered 1MiB\n\t}\n}\n"+proxied(up.Addr(), ""))
	body := `{"a":"` + strings.Repeat("x", 600_000) + `"}`
	request := srv.NewRequest("POST", "/hook", strings.NewReader(body), webhooktest.GitHub(testSecret, "push", body)...)
	first := make(chan webhooktest.Response, 1)
	go func() {
		answer, err := webhooktest.Send(request)
		if err != nil {
			t.Error(err)
		}
		first <- answer
	}()
	<-entered
	answer := push(srv, body, "X-Tell: yes")
	checkReason(t, answer, 503, "overloaded")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("the sender is not told when to come again")
	}
	srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	close(leave)
	checkStatus(t, <-first, 200)
	go func() { <-entered }()
	checkStatus(t, push(srv, body), 200)
}

// What stands around webhook_auth sees the payload after it has returned, too.
func TestPayloadOutlivesTheHandler(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(fmt.Sprintf(`log_append order {http.webhook.body.order}
	intercept {
		@teapot status 418
		handle_response @teapot {
			header X-Order "{http.webhook.body.order} {http.webhook.event}"
			respond 202
		}
	}
	route /hook {
		webhook_auth github %s {
			max_size 6MiB
		}
		@rewritten header X-Rewrite yes
		webhook_rewrite @rewritten {
			set order "'o-2'"
		}
		webhook_proxy %s
	}`, testSecret, up.Addr())))
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for order, rewrite := range map[string]string{"o-1": "no", "o-2": "yes"} {
		for _, size := range []int{10, 6_000, 300_000} {
			body := `{"a":"` + strings.Repeat("x", size) + `","order":"o-1"}`
			header := append(webhooktest.GitHub(testSecret, "push", body), "X-Rewrite: "+rewrite)
			answer := srv.Post("/hook", body, header...)
			checkStatus(t, answer, 202)
			if got := answer.Header.Get("X-Order"); got != order+" push" {
				t.Errorf("with %d bytes the payload says %q, want %s", len(body), got, order)
			}
		}
		srv.Log.WaitAll(t, func(e webhooktest.Entry) bool { return webhooktest.Access("/hook")(e) && e["order"] == order }, 3)
	}
}

// Memory that is used again never shows the body of another request, also where
// upstreams answer before they have read theirs.
func TestBodiesDoNotMix(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	early := rude(t, func(conn net.Conn) {
		head := make([]byte, 1)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	srv := webhooktest.Start(t, routes(`max_size 6MiB
		on issues {
			webhook_proxy `+early+`
		}
		on create {
			webhook_rewrite {
				set a body.b
			}
			webhook_proxy `+up.Addr()+`
		}
		on delete {
			webhook_rewrite {
				set a body.b
			}
			webhook_proxy `+early+`
		}
		otherwise {
			webhook_proxy `+up.Addr()+`
		}`))
	var wait sync.WaitGroup
	for sender := range 4 {
		wait.Go(func() {
			for i := range 24 {
				letter := string(rune('a' + sender))
				size := 200_000 + 50_000*i%300_000
				if i%4 > 1 {
					size = 6_000 + 5_000*i%50_000 // one that is sent in one piece
				}
				body := `{"a":"","b":"` + strings.Repeat(letter, size) + `"}`
				name := []string{"push", "issues", "create", "delete"}[i/4%2*2+i%2]
				request := srv.NewRequest("POST", "/hook", strings.NewReader(body), webhooktest.GitHub(testSecret, name, body)...)
				if answer, err := webhooktest.Send(request); err != nil || answer.Status != 200 {
					t.Errorf("status %d, %v", answer.Status, err)
				}
			}
		})
	}
	wait.Wait()
	for _, got := range up.Requests() {
		var sent struct{ A, B string }
		err := json.Unmarshal(got.Body, &sent)
		if err != nil || len(sent.B) < 6_000 || strings.Trim(sent.A+sent.B, sent.B[:1]) != "" || (sent.A != "") != (got.Header.Get("X-Github-Event") == "create") {
			t.Errorf("a body of %d bytes is mixed: %v, %.40q", len(got.Body), err, got.Body)
		}
	}
}
