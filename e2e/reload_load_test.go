package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The amounts of TestReloadUnderLoad. The run without this module is shorter.
const (
	loadRequests = 10_000
	loadReloads  = 50
	loadSenders  = 8
	controlPart  = 5
)

// overlap is how many secrets an endpoint accepts at a time while they rotate:
// a request that was signed before a reload may arrive after the next one.
const overlap = 4

func rotating(generation int) string { return fmt.Sprintf("secret-of-generation-%d", generation) }

// rotation is an endpoint whose secrets are those of the latest generations.
func rotation(generation int) string {
	var secrets []string
	for i := generation; i > generation-overlap; i-- {
		secrets = append(secrets, rotating(i))
	}
	return quiet("handle_webhook /hook github " + strings.Join(secrets, " ") +
		" {\n replay 1h rotation\n otherwise {\n respond taken 200\n }\n}")
}

// quiet is a site that logs errors only.
func quiet(directives string) string {
	return "{\nlog {\nlevel ERROR\n}\n}\nhttp://:0 {\n" + directives + "\n}\n"
}

// plain is a site that does as much without this module.
func plain(generation int) string {
	return quiet(fmt.Sprintf("header X-Generation %d\nrespond /hook taken 200", generation))
}

// load is what senders and reloads do to one kind of site.
type load struct {
	t          *testing.T
	name       string
	requests   int
	reloads    int
	config     func(generation int) string
	srv        *webhooktest.Server
	generation atomic.Int64 // of the configuration that was loaded last
	sent       atomic.Int64 // requests, without those that are sent again
	due        chan struct{}
	resets     atomic.Int64 // connections that ended without an answer
	duplicates atomic.Int64 // copies that did not reach the app
	failures   chan string
}

// Reloads under load cost nothing that plain Caddy would not cost: no request
// is answered with an error, none is accepted by a secret that was removed, and
// what was accepted once is not accepted again. Connections are reset by the
// listeners that a reload closes; how often, a run without this module shows.
func TestReloadUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	control := newLoad(t, "plain Caddy", plain, controlPart)
	control.run(nil)
	webhooks := newLoad(t, "webhooks", rotation, 1)
	webhooks.run(webhooks.checkGeneration)
	if webhooks.duplicates.Load() < loadReloads {
		t.Errorf("only %d copies were recognised", webhooks.duplicates.Load())
	}
	// The numbers vary from run to run, also those of plain Caddy.
	if own, others := webhooks.resets.Load(), controlPart*control.resets.Load(); own > 2*others+loadRequests/100 {
		t.Errorf("%d connections were reset; without this module it would be about %d", own, others)
	}
}

// newLoad starts a site for a part of the requests and reloads.
func newLoad(t *testing.T, name string, config func(int) string, part int) *load {
	return &load{
		t: t, name: name, config: config, srv: webhooktest.Start(t, config(0)),
		requests: loadRequests / part, reloads: loadReloads / part,
		due: make(chan struct{}, loadReloads), failures: make(chan string, loadRequests),
	}
}

// run sends all requests while configurations are replaced, and calls check
// after each replacement.
func (l *load) run(check func()) {
	l.t.Helper()
	began := time.Now()
	var group sync.WaitGroup
	for sender := range loadSenders {
		group.Go(func() { l.send(sender) })
	}
	for range l.reloads {
		<-l.due
		next := int(l.generation.Load()) + 1
		l.srv.Reload(l.config(next))
		l.generation.Store(int64(next))
		if check != nil {
			check()
		}
	}
	group.Wait()
	close(l.failures)
	shown := 0
	for failure := range l.failures {
		if shown++; shown <= 10 {
			l.t.Errorf("%s: %s", l.name, failure)
		}
	}
	l.t.Logf("%s: %d requests, %d reloads, %d failures, %d connections reset, %d copies recognised, %s", l.name,
		l.sent.Load(), l.reloads, shown, l.resets.Load(), l.duplicates.Load(), time.Since(began).Round(time.Millisecond))
}

// send sends a sender's share: half of the senders keep their connections.
func (l *load) send(sender int) {
	transport := &http.Transport{DisableKeepAlives: sender%2 == 0, MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for i := range l.requests / loadSenders {
		body := fmt.Sprintf(`{"sender":%d,"n":%d}`, sender, i)
		l.deliver(client, body, "taken")
		if i%100 == 99 {
			l.deliver(client, body, "")
		}
		if l.sent.Add(1)%(loadRequests/loadReloads) == 0 {
			l.due <- struct{}{}
		}
	}
}

// deliver sends a webhook until it is answered, which must be with 200 and a
// body. An answer that was lost with its connection may have been the first
// one, so that the next is that to a copy.
func (l *load) deliver(client *http.Client, body, want string) {
	for attempt := 0; ; attempt++ {
		signed := l.generation.Load()
		status, answer, err := post(client, l.srv.URL("/hook"), body, rotating(int(signed)))
		if urlErr, ok := errors.AsType[*url.Error](err); ok && urlErr.Timeout() || attempt == 100 {
			l.failures <- fmt.Sprintf("no answer: %v", err)
			return
		}
		if err != nil {
			l.resets.Add(1)
			continue
		}
		if status == 401 && l.generation.Load()+1-signed >= overlap {
			continue // its secret was removed while it was on its way
		}
		if l.name != "webhooks" {
			want = "taken"
		}
		if answer == "" {
			l.duplicates.Add(1)
		}
		if status != 200 || answer != want && attempt == 0 {
			l.failures <- fmt.Sprintf("answer is %d %q, want 200 %q", status, answer, want)
		}
		return
	}
}

// post sends a webhook of GitHub.
func post(client *http.Client, target, body, secret string) (int, string, error) {
	request, err := http.NewRequest("POST", target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("X-Hub-Signature-256", "sha256="+webhooktest.HMAC(secret, body))
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// checkGeneration makes sure that the latest configuration is in force for
// whoever connects now: the secret that it has removed is good for nothing, the
// oldest one that it has left is good, and what others have accepted is known.
func (l *load) checkGeneration() {
	l.t.Helper()
	generation := int(l.generation.Load())
	send := func(secret, body string) webhooktest.Response {
		return l.srv.Post("/hook", body, webhooktest.GitHub(secret, "push", body)...)
	}
	body := fmt.Sprintf(`{"generation":%d}`, generation)
	checkAnswer(l.t, send(rotating(generation-overlap), body), 401, "")
	if got := send(rotating(generation-overlap+1), body); got.Status != 200 {
		l.t.Errorf("a secret that was left is answered with %d", got.Status)
	}
	for _, earlier := range []int{generation, generation - 1, 1} {
		if earlier > 0 {
			checkAnswer(l.t, send(rotating(generation), fmt.Sprintf(`{"generation":%d}`, earlier)), 200, "")
		}
	}
}

// Stopping finishes what runs: who has got through gets the app's answer.
func TestStopFinishesWhatRuns(t *testing.T) {
	const running = 20
	up := webhooktest.NewUpstream(t)
	reached, released := make(chan struct{}, running), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		<-released
		io.WriteString(w, "done")
	})
	srv := webhooktest.Start(t, remembering(t, up, "github test-secret"))
	answers := make(chan webhooktest.Response, running)
	for i := range running {
		body := fmt.Sprintf(`{"n":%d}`, i)
		request := srv.NewRequest("POST", "/hook", strings.NewReader(body), webhooktest.GitHub(testSecret, "push", body)...)
		go func() {
			answer, _ := webhooktest.Send(request)
			answers <- answer
		}()
	}
	for range running {
		select {
		case <-reached:
		case <-time.After(30 * time.Second):
			t.Fatal("not all requests have reached the app")
		}
	}
	address, stopped := srv.Addr(), make(chan struct{})
	go func() {
		defer close(stopped)
		srv.Stop()
	}()
	for { // until nobody listens any more
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	release()
	for range running {
		checkAnswer(t, <-answers, 200, "done")
	}
	<-stopped
}
