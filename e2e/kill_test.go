package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
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

// roundsVariable says how often TestKill kills Caddy. Default: 4.
const roundsVariable = "WEBHOOK_KILL_ROUNDS"

// killed is a Caddy that is killed again and again, with senders in front of it
// and an app behind.
type killed struct {
	*testing.T
	address, config, folder string

	mu           sync.Mutex
	acknowledged map[string]bool
	delivered    map[string]int
	firsts       []string // ids, as they came first
	asked        int
}

// Whatever was acknowledged is delivered, if Caddy is killed at any moment, and in its
// order where that matters.
func TestKill(t *testing.T) {
	rounds := 4
	if text := os.Getenv(roundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	k := &killed{
		T: t, address: "127.0.0.1:" + webhooktest.FreePort(t), folder: t.TempDir(),
		acknowledged: make(map[string]bool), delivered: make(map[string]int),
	}
	app := httptest.NewServer(http.HandlerFunc(k.app))
	defer app.Close()
	k.writeConfig(strings.TrimPrefix(app.URL, "http://"))
	for round := range rounds {
		k.round(round)
	}
	k.drain()
	app.Close() // the last of its handlers may still be counting
	ordered := k.checkOrder()
	k.mu.Lock()
	defer k.mu.Unlock()
	duplicates := 0
	for id, times := range k.delivered {
		if times > 1 {
			duplicates += times - 1
		}
		delete(k.acknowledged, id)
	}
	for id := range k.acknowledged {
		t.Errorf("%s was acknowledged and is lost", id)
	}
	t.Logf("%d rounds: %d events delivered, %d of them in order, %d acknowledged ones lost, %d duplicates",
		rounds, len(k.delivered), ordered, len(k.acknowledged), duplicates)
}

// checkOrder looks at the acknowledged events of senders that send in order, and
// returns how many there are. An event of a name is sent when the one before was
// answered.
func (k *killed) checkOrder() (ordered int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	latest := make(map[string][2]int) // round and number, by sender and event
	for _, id := range k.firsts {
		var round, sender, number int
		if _, err := fmt.Sscanf(id, "%d-%d-%d", &round, &sender, &number); err != nil {
			k.Fatal(err)
		}
		if !k.acknowledged[id] || laneOf(sender) == "" {
			continue
		}
		ordered++
		lane := fmt.Sprint(sender, " ", number%2)
		if before := latest[lane]; round < before[0] || round == before[0] && number < before[1] {
			k.Errorf("%s came after what was sent after it", id)
			continue
		}
		latest[lane] = [2]int{round, number}
	}
	return ordered
}

// laneOf is what the events of a sender are in order by: half of them send in order.
func laneOf(sender int) string {
	if sender%2 == 0 {
		return fmt.Sprint("sender-", sender)
	}
	return ""
}

// app fails each tenth time, and each hundredth time late.
func (k *killed) app(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.asked++
	asked := k.asked
	k.mu.Unlock()
	if asked%100 == 0 {
		time.Sleep(50 * time.Millisecond)
	}
	if asked%10 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	id := r.Header.Get("Webhook-Delivery-Id")
	if k.delivered[id]++; k.delivered[id] == 1 {
		k.firsts = append(k.firsts, id)
	}
}

func (k *killed) writeConfig(app string) {
	k.config = filepath.Join(k.folder, "Caddyfile")
	config := `{
	admin off
	auto_https off
	persist_config off
	grace_period 1s
	webhooks {
		store ` + filepath.Join(k.folder, "deliveries.db") + `
	}
}
http://` + k.address + ` {
	handle_webhook github ` + testSecret + ` {
		on push {
			webhook_deliver spool {
				wait 20ms
				order body.lane
				retry 10ms 20ms 50ms 100ms 200ms 500ms 1s 1s 1s
				webhook_proxy ` + app + `
			}
		}
		otherwise {
			webhook_deliver queue {
				mode queue
				order body.lane
				retry 10ms 20ms 50ms 100ms 200ms 500ms 1s 1s 1s
				webhook_proxy ` + app + `
			}
		}
	}
}
`
	if err := os.WriteFile(k.config, []byte(config), 0o600); err != nil {
		k.Fatal(err)
	}
}

// start starts a Caddy and waits until it listens.
func (k *killed) start() *osexec.Cmd {
	k.Helper()
	caddy := osexec.Command(os.Args[0], "run", "--config", k.config)
	caddy.Env = append(os.Environ(), caddyVariable+"=yes", "XDG_DATA_HOME="+k.folder, "XDG_CONFIG_HOME="+k.folder)
	log, err := os.OpenFile(filepath.Join(k.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		k.Fatal(err)
	}
	defer log.Close()
	caddy.Stdout, caddy.Stderr = log, log
	if err := caddy.Start(); err != nil {
		k.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", k.address)
		if err == nil {
			conn.Close()
			return caddy
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			_ = caddy.Process.Kill()
			k.Fatalf("Caddy does not start: %v\n%s", err, text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// killedSenders is how many senders there are.
const killedSenders = 16

// round has senders send until Caddy is killed.
func (k *killed) round(number int) {
	caddy := k.start()
	var group sync.WaitGroup
	for sender := range killedSenders {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", number, sender, i)
				if !k.send(client, id, []string{"push", "ping"}[i%2], laneOf(sender)) {
					return
				}
			}
		})
	}
	// Any moment will do: it is drawn from the round's number.
	time.Sleep(time.Duration(100+number*37%900) * time.Millisecond)
	if err := caddy.Process.Kill(); err != nil {
		k.Fatal(err)
	}
	_ = caddy.Wait()
	group.Wait()
}

// send sends an event, and reports whether Caddy is there.
func (k *killed) send(client *http.Client, id, event, lane string) bool {
	body := `{"id": "` + id + `", "padding": "` + strings.Repeat("x", 1000) + `"}`
	if lane != "" {
		body = `{"lane": "` + lane + `", ` + body[1:]
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+k.address+"/hook", strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("X-GitHub-Event", event)
	request.Header.Set("X-GitHub-Delivery", id)
	request.Header.Set("X-Hub-Signature-256", "sha256="+webhooktest.HMAC(testSecret, body))
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		k.mu.Lock()
		k.acknowledged[id] = true
		k.mu.Unlock()
	}
	return true
}

// drain lets a last Caddy deliver the rest.
func (k *killed) drain() {
	caddy := k.start()
	eventually(k.T, "everything is delivered", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		for id := range k.acknowledged {
			if k.delivered[id] == 0 {
				return false
			}
		}
		return true
	})
	_ = caddy.Process.Signal(os.Interrupt)
	_ = caddy.Wait()
}
