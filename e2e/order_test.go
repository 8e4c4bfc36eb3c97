package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// controlled is a site whose path /hook takes webhooks of GitHub and has directives
// deliver them, with the admin API on.
func controlled(t *testing.T, directives string) *kept {
	t.Helper()
	k := &kept{T: t, up: webhooktest.NewUpstream(t), admin: "127.0.0.1:" + webhooktest.FreePort(t)}
	directives = strings.ReplaceAll(directives, "APP", k.up.Addr())
	k.srv = webhooktest.Start(t, "{\n admin "+k.admin+"\n metrics\n webhooks {\n store "+filepath.Join(t.TempDir(), "deliveries.db")+
		"\n }\n}\n"+routes("otherwise {\n"+directives+"\n }"))
	return k
}

// about sends an event about an order.
func (k *kept) about(order string, number int) int {
	body := fmt.Sprintf(`{"order": %q, "number": %d}`, order, number)
	id := fmt.Sprintf("X-GitHub-Delivery: %s-%d", order, number)
	return k.srv.Post("/hook", body, id, "X-GitHub-Event: push", "X-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, body)).Status
}

// Events of one key reach the app in their order although it fails in between, and
// others do not wait for them.
func TestOrder(t *testing.T) {
	for _, mode := range []string{"spool", "queue"} {
		t.Run(mode, func(t *testing.T) {
			k := controlled(t, "webhook_deliver {\n mode "+mode+"\n order body.order\n retry 1s 1s 1s\n breaker off\n webhook_proxy APP\n }")
			var mu sync.Mutex
			failed := make(map[string]bool)
			var taken []string
			k.up.Answer(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				id := r.Header.Get("Webhook-Delivery-Id")
				if !failed[id] && strings.HasPrefix(id, "a") {
					failed[id] = true
					w.WriteHeader(503)
					return
				}
				taken = append(taken, id)
			})
			for i := range 3 {
				if status := k.about("a", i); status != 202 {
					t.Errorf("event %d of a: %d; want 202", i, status)
				}
			}
			want := 200
			if mode == "queue" {
				want = 202
			}
			if status := k.about("b", 0); status != want {
				t.Errorf("the event of b: %d; want %d", status, want)
			}
			var inOrder []string
			eventually(t, "all are taken", func() bool {
				mu.Lock()
				defer mu.Unlock()
				inOrder = slices.Clone(taken)
				return len(taken) == 4
			})
			inOrder = slices.DeleteFunc(inOrder, func(id string) bool { return id == "b-0" })
			if !slices.Equal(inOrder, []string{"a-0", "a-1", "a-2"}) {
				t.Errorf("taken in the order %v", inOrder)
			}
		})
	}
}

// A paused destination is not asked, and what came meanwhile is delivered when it is
// resumed. What waits for hours is attempted at once when that is asked for.
func TestPauseAndRetry(t *testing.T) {
	k := controlled(t, "webhook_deliver app {\n retry 1h\n webhook_proxy APP\n }")
	k.run("queue", "pause", "app")
	if status := k.about("a", 1); status != 202 {
		t.Errorf("at a paused destination: %d; want 202", status)
	}
	k.up.None()
	if output := k.run("queue"); !strings.Contains(output, "paused") {
		t.Errorf("the queue does not say what is paused:\n%s", output)
	}
	k.run("queue", "resume", "app")
	reaches(t, k.up, 1)
	answers(k.up, 503, 200)
	if status := k.about("a", 2); status != 202 {
		t.Errorf("of an app that fails: %d; want 202", status)
	}
	reaches(t, k.up, 2)
	eventually(t, "it is put off", func() bool { return strings.Contains(k.run("queue", "list"), "503") })
	if output := k.run("queue", "retry", "--destination", "app"); output != "1 made due\n" {
		t.Errorf("retry says %s", output)
	}
	if again := reaches(t, k.up, 3)[2]; again.Header.Get("Webhook-Attempt") != "2" {
		t.Errorf("the headers are %v", again.Header)
	}
	if output := k.run("queue", "pause", "ap"); !strings.Contains(output, "there is no destination") {
		t.Errorf("a destination that does not exist: %s", output)
	}
}

// An app that is down is spared, and told of once.
func TestBreaker(t *testing.T) {
	k := controlled(t, "webhook_deliver app {\n mode queue\n retry 1h\n breaker 3 1h\n concurrency 1\n webhook_proxy APP\n }")
	answers(k.up, 503)
	for i := range 10 {
		k.about("a", i)
	}
	eventually(t, "the app is down", func() bool { return strings.Contains(k.run("queue"), "down") })
	if n := len(k.up.Requests()); n != 3 {
		t.Errorf("%d requests have reached an app that is down; want 3", n)
	}
	log := k.srv.Log.String()
	if n := strings.Count(log, "delivering a webhook failed"); n != 1 {
		t.Errorf("%d failures are told of; want 1", n)
	}
	if !strings.Contains(log, "a destination is down") || !strings.Contains(log, `"provider":"github"`) {
		t.Errorf("the log does not say what is down:\n%s", log)
	}
	answers(k.up, 200)
	k.run("queue", "retry", "--all")
	eventually(t, "the app is up", func() bool { return !strings.Contains(k.run("queue"), "down") })
}

// What is kept for a destination that was renamed is delivered under its new name.
func TestMove(t *testing.T) {
	store := filepath.Join(t.TempDir(), "deliveries.db")
	k := &kept{T: t, up: webhooktest.NewUpstream(t), admin: "127.0.0.1:" + webhooktest.FreePort(t)}
	config := func(name string) string {
		return "{\n admin " + k.admin + "\n webhooks {\n store " + store + "\n }\n}\n" +
			routes("otherwise {\n webhook_deliver "+name+" {\n mode queue\n retry 1h\n webhook_proxy "+k.up.Addr()+"\n }\n }")
	}
	answers(k.up, 503, 200)
	k.srv = webhooktest.Start(t, config("old"))
	k.about("a", 1)
	reaches(t, k.up, 1)
	eventually(t, "it is put off", func() bool { return strings.Contains(k.run("queue", "list"), "503") })
	k.srv.Reload(config("new"))
	if output := k.run("queue", "move", "old", "nwe"); !strings.Contains(output, "no destination") {
		t.Errorf("to a destination that does not exist: %s", output)
	}
	if output := k.run("queue", "move", "old", "new"); output != "1 moved\n" {
		t.Errorf("move says %s", output)
	}
	k.run("queue", "retry", "--all")
	reaches(t, k.up, 2)
}

// Placeholders of what stands in front of webhook_deliver, and where the request
// came, are there at each attempt.
func TestPlaceholdersAtEachAttempt(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	answers(up, 503, 200)
	srv := webhooktest.Start(t, "{\n webhooks {\n store "+filepath.Join(t.TempDir(), "deliveries.db")+"\n }\n}\n"+site(`@p path_regexp t ^/t/(\w+)$
	map {path} {tenant} {
		default "of {path}"
	}
	handle_webhook @p github test-secret {
		otherwise {
			webhook_deliver {
				retry 1s
				webhook_proxy `+up.Addr()+` {
					header_up X-T-Tenant {re.t.1}
					header_up X-T-Map {tenant}
					header_up X-T-Port {http.request.local.port}
				}
			}
		}
	}`))
	checkStatus(t, srv.Post("/t/bob", validBody, webhooktest.GitHub(testSecret, "push", validBody)...), 202)
	for _, request := range reaches(t, up, 2) {
		header := request.Header
		if header.Get("X-T-Tenant") != "bob" || header.Get("X-T-Map") != "of /t/bob" || header.Get("X-T-Port") == "" {
			t.Errorf("the headers are %v", header)
		}
	}
}

// A header that Connection names ends here.
func TestConnectionNamesHeaders(t *testing.T) {
	for _, directive := range []string{"webhook_proxy APP", "webhook_deliver {\n webhook_proxy APP\n }"} {
		k := controlled(t, directive)
		lines := append(webhooktest.GitHub(testSecret, "push", validBody), "Connection: X-Hop, keep-alive", "X-Hop: 1", "X-Stays: 1")
		checkStatus(t, k.srv.Post("/hook", validBody, lines...), 200)
		if header := k.up.Only().Header; header.Get("X-Hop") != "" || header.Get("X-Stays") != "1" {
			t.Errorf("%s: the headers are %v", directive, header)
		}
	}
}

// What waits is told of although nothing in the configuration is for it any more.
func TestStranded(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	k := &kept{T: t, up: webhooktest.NewUpstream(t), admin: "127.0.0.1:" + webhooktest.FreePort(t)}
	config := func(store, directives string) string {
		return "{\n admin " + k.admin + "\n webhooks {\n" + store + "\n }\n}\n" + routes("otherwise {\n"+directives+"\n }")
	}
	deliver := "webhook_deliver q {\n mode queue\n retry 1h\n respond 503\n }"
	k.srv = webhooktest.Start(t, config("", deliver))
	k.about("a", 1)
	for name, next := range map[string]string{
		"the directive": config("", "respond 204"),
		"the store":     config("store "+filepath.Join(t.TempDir(), "other.db"), deliver),
	} {
		before := strings.Count(k.srv.Log.String(), "webhooks wait for a destination")
		k.srv.Reload(next)
		eventually(t, name+" is gone, which is told of", func() bool {
			return strings.Count(k.srv.Log.String(), "webhooks wait for a destination") > before
		})
		if output := k.run("queue"); !strings.Contains(output, "is not in the configuration") {
			t.Errorf("%s is gone:\n%s", name, output)
		}
		k.srv.Reload(config("", deliver))
	}
}

// Counters are there at 0 before anything has happened, so that an alert sees the
// first.
func TestCountersOfDestinations(t *testing.T) {
	k := controlled(t, "webhook_deliver q {\n webhook_proxy APP\n }")
	answer, err := http.Get("http://" + k.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`caddy_webhook_delivery_dead_letters_total{destination="q"} 0`, `caddy_webhook_delivery_down{destination="q"} 0`,
		`caddy_webhook_delivery_stored_total{destination="q",reason="failed"} 0`, `caddy_webhook_delivery_waiting{destination="q"} 0`,
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("there is no %s", line)
		}
	}
}

// Webhooks that come one after the other all reach an app that takes one at a time:
// none is stored because of one that has been answered.
func TestConcurrencyOfFirstAttempts(t *testing.T) {
	k := controlled(t, "webhook_deliver {\n concurrency 1\n webhook_proxy APP\n }")
	for i := range 5 {
		if status := k.about("a", i); status != 200 {
			t.Errorf("webhook %d: %d", i, status)
		}
	}
	reaches(t, k.up, 5)
}
