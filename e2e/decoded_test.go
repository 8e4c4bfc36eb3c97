package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// heldBytes is how much the metric says that webhooks hold.
func heldBytes(t *testing.T, srv *webhooktest.Server) (held float64) {
	t.Helper()
	for line := range strings.Lines(get(t, srv.URL("/metrics"))) {
		if _, err := fmt.Sscanf(line, "caddy_webhook_buffered_bytes %g", &held); err == nil {
			return held
		}
	}
	t.Fatal("the metric is not there")
	return 0
}

// What rules decode counts while they run, and is let go of before the app is asked,
// however the webhook gets there: many hold no more than their bodies while it
// takes its time.
func TestDecodedValuesAreDropped(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	leave := make(chan struct{})
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		<-leave
		w.WriteHeader(http.StatusNoContent)
	})
	rule := "`any(body.items ?? [], (.price ?? 0) > 10)`"
	ways := map[string]string{
		"webhook_proxy": "handle_webhook /hook github " + testSecret + " {\non when " + rule + " {\nrespond 418\n}\notherwise {\nwebhook_proxy " + up.Addr() + "\n}\n}",
		"reverse_proxy": "route /hook {\nwebhook_auth github " + testSecret + "\n@dear webhook_expr " + rule + "\nrespond @dear 418\nreverse_proxy " + up.Addr() + "\n}",
		"webhook_rewrite": "route /hook {\nwebhook_auth github " + testSecret + "\n@dear webhook_expr " + rule + "\nrespond @dear 418\n" +
			"webhook_rewrite {\nset count \"len(body.items)\"\n}\n@many webhook_expr `len(filter(body.items, # == 1)) > 2`\nrespond @many 418\nwebhook_proxy " + up.Addr() + "\n}",
		"webhook_deliver": "handle_webhook /hook github " + testSecret + " {\non when " + rule + " {\nrespond 418\n}\notherwise {\nwebhook_deliver {\nwait 20s\nto webhook_proxy " + up.Addr() + "\n}\n}\n}",
	}
	const count, size = 4, 1 << 16
	body := `{"items":[` + strings.Repeat(`{"amount":1},`, size/13-10) + `{}]}`
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, "{\n\tmetrics\n\twebhooks {\n\t\tmax_buffered 64MiB\n\t\tstore "+t.TempDir()+"/store\n\t}\n}\n"+
				strings.Replace(site(way), "log\n", "log\n\tmetrics /metrics\n", 1))
			before := len(up.Requests())
			var statuses sync.Map
			var wait sync.WaitGroup
			for i := range count {
				wait.Go(func() {
					request := srv.NewRequest("POST", "/hook", strings.NewReader(body), webhooktest.GitHub(testSecret, "push", body)...)
					answer, err := webhooktest.Send(request)
					if err != nil {
						t.Error(err)
					}
					statuses.Store(i, answer.Status)
				})
			}
			answered := func() (refused int) {
				statuses.Range(func(_, _ any) bool { refused++; return true })
				return refused
			}
			eventually(t, "all webhooks at the app, or refused", func() bool { return len(up.Requests())-before+answered() >= count })
			forwarded := len(up.Requests()) - before
			if held := heldBytes(t, srv); held < size || held > float64(2*size*count) {
				t.Errorf("%d webhooks of %d bytes hold %g while the app takes its time", forwarded, len(body), held)
			}
			if forwarded < count {
				t.Errorf("%d of %d are forwarded", forwarded, count)
			}
			for range forwarded {
				leave <- struct{}{}
			}
			wait.Wait()
			statuses.Range(func(_, status any) bool {
				if status != http.StatusNoContent {
					t.Errorf("status %d", status)
				}
				return true
			})
			eventually(t, "nothing held", func() bool { return heldBytes(t, srv) == 0 })
		})
	}
}

// Where there is no room for what a rule decodes, its answer does not count: the
// sender is asked to come again, whatever the rule makes of a payload that it
// cannot read.
func TestNoRoomForDecodedValues(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	body := `{"items":[` + strings.Repeat(`{"amount":1},`, 1<<15) + `{}]}`
	for name, blocks := range map[string]string{
		"a rule":            "on when `any(body.items ?? [], .price > 10)` {\nrespond 418\n}\notherwise {\nwebhook_proxy " + up.Addr() + "\n}",
		"a negated rule":    "on when `not any(body.items ?? [], .price > 10)` {\nwebhook_proxy " + up.Addr() + "\n}",
		"a rule of nothing": "on when `body == nil || true` {\nwebhook_proxy " + up.Addr() + "\n}",
		"a rewrite":         "webhook_rewrite {\nset count \"len(body.items)\"\n}\nwebhook_proxy " + up.Addr(),
		"a header":          "webhook_rewrite {\nheader X-Items \"len(body?.items ?? [])\"\n}\nwebhook_proxy " + up.Addr(),
		"a placeholder":     "webhook_proxy " + up.Addr() + " {\nheader_up X-Items {http.webhook.body.items}\n}",
		"a destination":     "webhook_deliver {\nto app {\nwebhook_rewrite {\nset count \"len(body.items)\"\n}\nwebhook_proxy " + up.Addr() + "\n}\n}",
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(blocks, "on ") {
				blocks = "otherwise {\n" + blocks + "\n}"
			} else if !strings.Contains(blocks, "otherwise") {
				blocks += "\notherwise {\nrespond 204\n}"
			}
			srv := webhooktest.Start(t, "{\n\tmetrics\n\twebhooks {\n\t\tmax_buffered 2MiB\n\t\tstore "+t.TempDir()+"/store\n\t}\n}\n"+
				strings.Replace(routes(blocks), "log\n", "log\n\tmetrics /metrics\n", 1))
			answer := push(srv, body, "X-Tell: yes")
			switch name {
			case "a destination": // stored, to be tried again
				checkStatus(t, answer, 202)
			default:
				checkReason(t, answer, 503, "overloaded")
				if answer.Header.Get("Retry-After") == "" {
					t.Error("the sender is not told when to come again")
				}
				srv.Log.Wait(t, webhooktest.Message("webhook refused"))
			}
			eventually(t, "nothing held", func() bool { return heldBytes(t, srv) == 0 })
		})
	}
	if got := len(up.Requests()); got > 0 {
		t.Errorf("%d are forwarded", got)
	}
}

// Sixty webhooks of 1 MiB whose lists have nothing but empty objects are let in as
// long as there is room for what their rule decodes, and else told to come again;
// however many there are, no more is held than may be.
func TestManyDecodedValues(t *testing.T) {
	const count, room = 60, 32 << 20
	up := webhooktest.NewUpstream(t)
	rule := "`any(body.items ?? [], (.price ?? 0) > 10)`"
	srv := webhooktest.Start(t, "{\n\tmetrics\n\twebhooks {\n\t\tmax_buffered 32MiB\n\t}\n}\n"+
		strings.Replace(routes("on when "+rule+" {\nrespond 418\n}\notherwise {\nwebhook_proxy "+up.Addr()+"\n}"), "log\n", "log\n\tmetrics /metrics\n", 1))
	body := `{"items":[` + strings.Repeat(`{},`, (1<<20)/3-10) + `{}]}`
	statuses := make(map[int]int)
	var mu sync.Mutex
	var wait sync.WaitGroup
	turns := make(chan struct{}, 12) // senders at a time
	for range count {
		turns <- struct{}{}
		if held := heldBytes(t, srv); held > room {
			t.Errorf("%g bytes are held", held)
		}
		wait.Go(func() {
			defer func() { <-turns }()
			answer := push(srv, body)
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.Status]++
			if answer.Status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
				t.Error("a sender is not told when to come again")
			}
		})
	}
	wait.Wait()
	t.Logf("%v", statuses)
	if statuses[http.StatusOK]+statuses[http.StatusServiceUnavailable] != count {
		t.Errorf("the answers are %v", statuses)
	}
	if got := len(up.Requests()); got != statuses[http.StatusOK] {
		t.Errorf("the app has got %d of %d", got, statuses[http.StatusOK])
	}
	if failed := srv.Log.Find(webhooktest.Message("a rule failed, so it does not match")); len(failed) > 0 {
		t.Errorf("the rule failed: %v", failed[0])
	}
	eventually(t, "nothing held", func() bool { return heldBytes(t, srv) == 0 })
}
