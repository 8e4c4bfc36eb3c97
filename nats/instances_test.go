package nats_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// caddyVariable makes the test binary a Caddy.
const caddyVariable = "WEBHOOK_TEST_CADDY"

// instance is a Caddy in a process of its own.
type instance struct {
	address, folder string
	process         *exec.Cmd
}

// newInstance writes the configuration of a Caddy that keeps what it takes in
// the cluster.
func newInstance(t *testing.T, nodes []*node, app string) *instance {
	t.Helper()
	i := &instance{address: freeAddress(t), folder: t.TempDir()}
	var urls []string
	for _, n := range nodes {
		urls = append(urls, "nats://"+n.Client)
	}
	config := `{
	admin off
	auto_https off
	persist_config off
	grace_period 1s
	webhooks {
		store ` + strings.Join(urls, " ") + ` {
			name CLUSTER
		}
	}
}
http://` + i.address + ` {
	handle_webhook github test-secret {
		otherwise {
			webhook_deliver orders {
				mode queue
				order body.lane
				retry 10ms 50ms 200ms 1s 1s 1s 1s 1s 1s 1s
				reverse_proxy ` + strings.TrimPrefix(app, "http://") + `
			}
		}
	}
}
`
	if err := os.WriteFile(filepath.Join(i.folder, "Caddyfile"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// start starts the Caddy and waits until it serves. It listens before that: its app
// for HTTP may start before the one that opens the stores.
func (i *instance) start(t *testing.T) {
	t.Helper()
	path := filepath.Join(i.folder, "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	i.process = exec.Command(os.Args[0], "run", "--config", filepath.Join(i.folder, "Caddyfile"))
	i.process.Env = append(os.Environ(), caddyVariable+"=yes", "XDG_DATA_HOME="+i.folder, "XDG_CONFIG_HOME="+i.folder)
	i.process.Stdout, i.process.Stderr = log, log
	if err := i.process.Start(); err != nil {
		t.Fatal(err)
	}
	reached(t, "Caddy serves", func() bool {
		said, err := os.ReadFile(path)
		return err == nil && bytes.Contains(said[before:], []byte("serving initial configuration"))
	})
}

func (i *instance) kill() {
	_ = i.process.Process.Kill()
	_ = i.process.Wait()
}

// send has one sender send to instances by turns, whether they are there or not, until
// ctx ends. It sends an event when the one before was answered; they are in a lane, if
// that has a name.
func (l *ledger) send(ctx context.Context, sender, lane string, to ...*instance) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s/%d", sender, n)
		body := `{"id": "` + id + `", "padding": "` + strings.Repeat("x", 6000) + `"}`
		if lane != "" {
			body = `{"lane": "` + lane + `", ` + body[1:]
		}
		address := to[n%len(to)].address
		request, err := http.NewRequest(http.MethodPost, "http://"+address+"/hook", strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("X-GitHub-Event", "push")
		request.Header.Set("X-GitHub-Delivery", id)
		request.Header.Set("X-Hub-Signature-256", "sha256="+webhooktest.HMAC("test-secret", body))
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
		}
		l.mu.Lock()
		if err == nil && answer.StatusCode == http.StatusAccepted {
			l.acknowledged[id] = true
		} else {
			l.failures++
		}
		l.mu.Unlock()
		if err != nil {
			time.Sleep(10 * time.Millisecond) // it is being started again
		}
	}
}

// app fails each tenth time.
func (l *ledger) app(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked++; l.asked%10 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	id := r.Header.Get("Webhook-Delivery-Id")
	if l.delivered[id]++; l.delivered[id] == 1 {
		l.firsts = append(l.firsts, id)
	}
}

// disordered returns how many acknowledged events of a sender came after one that it
// had sent later.
func (l *ledger) disordered(sender string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	latest, wrong := -1, 0
	for _, id := range l.firsts {
		of, text, _ := strings.Cut(id, "/")
		number, err := strconv.Atoi(text)
		if err != nil || of != sender || !l.acknowledged[id] {
			continue
		}
		if number < latest {
			wrong++
		}
		latest = max(latest, number)
	}
	return wrong
}

// Whatever one of two instances has acknowledged reaches the app, if the server
// that leads is killed at any moment and an instance after it, again and again; and
// that of a lane in its order, whichever instance took it.
func TestKillThroughCaddy(t *testing.T) {
	rounds := killRounds(t)
	nodes := startCluster(t)
	s := openCluster(t, nodes)
	l := &ledger{acknowledged: make(map[string]bool), delivered: make(map[string]int)}
	app := httptest.NewServer(http.HandlerFunc(l.app))
	defer app.Close()
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	instances := make([]*instance, 2)
	for n := range instances {
		i := newInstance(t, nodes, app.URL)
		i.start(t)
		t.Cleanup(func() { i.kill() })
		instances[n] = i
		for sender := range 3 {
			senders.Go(func() { l.send(ctx, fmt.Sprintf("%d-%d", n, sender), "", i) })
		}
	}
	lanes := []string{"lane-a", "lane-b", "lane-c"}
	for _, lane := range lanes {
		senders.Go(func() { l.send(ctx, lane, lane, instances...) })
	}
	t.Cleanup(senders.Wait)
	t.Cleanup(stop)
	more := func(what string, n int) {
		t.Helper()
		before := l.count()
		reached(t, what, func() bool { return l.count() > before+n })
	}
	for round := range rounds {
		// Any moment will do, once events are taken.
		more("events are acknowledged", 50+round*37%100)
		leader := leading(t, s, nodes)
		leader.kill()
		more("events are acknowledged without the server", 50)
		victim := instances[round%len(instances)]
		victim.kill()
		more("the other instance acknowledges events", 50)
		leader.start(t)
		victim.start(t)
		reached(t, "the server has caught up", func() bool {
			asking, done := context.WithTimeout(t.Context(), 2*time.Second)
			defer done()
			return s.Current(asking)
		})
	}
	stop()
	senders.Wait()
	reached(t, "all that was acknowledged is delivered", func() bool { return l.waiting() == 0 })
	for _, lane := range lanes {
		if n := l.disordered(lane); n > 0 {
			t.Errorf("%d events of %s came too late", n, lane)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	duplicates := 0
	for _, times := range l.delivered {
		duplicates += times - 1
	}
	inOrder := 0
	for id := range l.acknowledged {
		if strings.HasPrefix(id, "lane-") {
			inOrder++
		}
	}
	t.Logf("%d rounds: %d acknowledged, %d of them in lanes, 0 lost, %d not acknowledged, %d duplicates",
		rounds, len(l.acknowledged), inOrder, l.failures, duplicates)
}

// leading returns the server that leads what waits.
func leading(t *testing.T, s interface{ Leader(context.Context) string }, nodes []*node) *node {
	t.Helper()
	var leader *node
	reached(t, "a server leads", func() bool {
		asking, done := context.WithTimeout(t.Context(), 2*time.Second)
		defer done()
		name := s.Leader(asking)
		for _, n := range nodes {
			if n.Name == name {
				leader = n
			}
		}
		return leader != nil
	})
	return leader
}
