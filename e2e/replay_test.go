package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// remembering is an endpoint that remembers deliveries. Each test has a name of
// its own for it: what is remembered outlives a configuration.
func remembering(t *testing.T, up *webhooktest.Upstream, provider string, lines ...string) string {
	return endpoint(up, provider, append(lines, "replay 1h "+strings.ReplaceAll(t.Name(), "/", "-"))...)
}

// outcomes waits for the access log of n requests and returns how they ended.
func outcomes(t *testing.T, srv *webhooktest.Server, n int) []string {
	t.Helper()
	var found []string
	for _, entry := range srv.Log.WaitAll(t, webhooktest.Access("/hook"), n) {
		found = append(found, entry.Text("webhook_outcome"))
	}
	return found
}

// GitHub does not sign the id of a delivery. What it signs is remembered, so
// another id, or another event's name, makes nothing new of an old body, nor
// does an id that was used make an old thing of a new body.
func TestReplayOfWhatIsSigned(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "thanks")
	})
	srv := webhooktest.Start(t, remembering(t, up, "github test-secret"))
	signed := "X-Hub-Signature-256: sha256=" + webhooktest.HMAC(testSecret, `{"n":1}`)

	checkAnswer(t, srv.Post("/hook", `{"n":1}`, signed, "X-GitHub-Event: push", "X-GitHub-Delivery: a"), 202, "thanks")
	up.Only()
	for _, other := range []string{"X-GitHub-Delivery: a", "X-GitHub-Delivery: b", "X-GitHub-Event: ping", "Content-Type: text/plain"} {
		checkAnswer(t, srv.Post("/hook", `{"n":1}`, signed, other), 202, "")
	}
	checkAnswer(t, srv.Post("/hook?n=2", `{"n":1}`, signed), 202, "")
	up.None()
	checkAnswer(t, push(srv, `{"n":2}`, "X-GitHub-Delivery: a"), 202, "thanks")
	up.Only()

	// The last one has two delivery ids, so it has none.
	if got := fmt.Sprint(outcomes(t, srv, 6)); got != "[accepted duplicate duplicate duplicate duplicate unreadable]" {
		t.Errorf("outcomes in the access log are %s", got)
	}
	entry := srv.Log.Wait(t, webhooktest.Message("webhook is a duplicate; the app does not see it"))
	if entry.Text("id") != "a" || entry.Text("status") != "202" || entry.Text("provider") != "github" {
		t.Errorf("the log says %v", entry)
	}
}

// Stripe and Standard Webhooks sign id and body: the id alone says what is a
// duplicate, because some senders count attempts in the body.
func TestReplayOfSignedID(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, remembering(t, up, "stripe test-secret", "tolerance off"))
	send := func(body, time string) webhooktest.Response {
		return srv.Post("/hook", body, "X-Tell: yes",
			"Stripe-Signature: t="+time+",v1="+webhooktest.HMAC(testSecret, time, ".", body))
	}
	checkStatus(t, send(`{"id":"evt_1","type":"a","attempt":1}`, "1700000000"), 200)
	up.Only()
	checkAnswer(t, send(`{"id":"evt_1","type":"a","attempt":2}`, "1700000060"), 200, "")
	up.None()
	checkStatus(t, send(`{"id":"evt_2","type":"a","attempt":1}`, "1700000000"), 200)
	up.Only()
	// Without an id it is what is signed that counts.
	checkStatus(t, send(`{"type":"a"}`, "1700000000"), 200)
	checkStatus(t, send(`{"type":"a"}`, "1700000000"), 200)
	up.Only()
	checkStatus(t, send(`{"type":"a"}`, "1700000001"), 200)
	up.Only()
}

// Instaleap signs three fields. The first payload that comes with an id is the
// only one, also where the app has not taken it.
func TestReplayOfSignedFields(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, remembering(t, up, "instaleap test-secret"))
	send := func(id, more string) webhooktest.Response {
		body, signature := instaleap(id, `"2026-11-25T10:00:00Z"`, `"CREATED"`, more)
		return srv.Post("/hook", body, signature, "X-Tell: yes")
	}
	checkStatus(t, send(`"1"`, `,"job":{"price":10}`), 200)
	up.Only()
	checkStatus(t, send(`"1"`, `,"job":{"price":10}`), 200)
	checkReason(t, send(`"1"`, `,"job":{"price":99}`), 409, "replayed")
	checkReason(t, send(`"1"`, ` ,"job":{"price":10}`), 409, "replayed")
	up.None()

	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	checkStatus(t, send(`"2"`, `,"job":{"price":10}`), 500)
	up.Only()
	checkReason(t, send(`"2"`, `,"job":{"price":99}`), 409, "replayed")
	up.None()
	up.Answer(nil)
	checkStatus(t, send(`"2"`, `,"job":{"price":10}`), 200)
	up.Only()
	entry := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	if entry.Text("reason") != "replayed" || strings.Contains(entry.Text("detail"), "99") {
		t.Errorf("the log says %v", entry)
	}
}

// With a token nothing is signed: a duplicate is the same in all it says.
func TestReplayOfToken(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(fmt.Sprintf(`handle_webhook /hook* shippify {
		token test-token
		replay 1h token
		otherwise {
			reverse_proxy %s
		}
	}`, up.Addr())))
	send := func(method, path, body string) webhooktest.Response {
		return srv.Do(srv.NewRequest(method, path, strings.NewReader(body), "Authorization: Bearer "+testToken, "X-Tell: yes"))
	}
	tests := []struct {
		method, path, body string
		reached            bool
	}{
		{"POST", "/hook", `{"eventId":1}`, true},
		{"POST", "/hook", `{"eventId":1}`, false},
		{"POST", "/hook", `{"eventId":1} `, true},
		{"POST", "/hook", `{"eventId":2}`, true},
		{"PUT", "/hook", `{"eventId":1}`, true},
		{"POST", "/hook/other", `{"eventId":1}`, true},
		{"POST", "/hook?a=1", `{"eventId":1}`, true},
		{"POST", "/hook?a=1", `{"eventId":1}`, false},
		{"POST", "/hook", ``, true},
		{"POST", "/hook", ``, false},
	}
	for _, test := range tests {
		checkStatus(t, send(test.method, test.path, test.body), 200)
		if test.reached {
			up.Only()
		} else {
			up.None()
		}
	}
}

// What the app does not accept is not remembered.
func TestReplayAfterFailure(t *testing.T) {
	panicking := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100") // of which none comes
		w.WriteHeader(http.StatusOK)
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, remembering(t, up, "github test-secret"))
	send := func() (webhooktest.Response, error) {
		return webhooktest.Send(srv.NewRequest("POST", "/hook", strings.NewReader(validBody),
			webhooktest.GitHub(testSecret, "push", validBody)...))
	}
	for _, answer := range []http.HandlerFunc{status(500), status(400), status(302), status(404), status(503), panicking} {
		up.Answer(answer)
		if got, err := send(); err == nil && got.Status < 300 {
			t.Errorf("a failure is answered with %d", got.Status)
		}
		up.Only()
	}
	up.Answer(status(204))
	for range 3 {
		if got, err := send(); err != nil || got.Status != 204 || got.Body != "" {
			t.Errorf("answer is %+v (%v)", got, err)
		}
	}
	up.Only()
}

// A refused request leaves no trace: nobody can have a genuine event refused.
func TestReplayIsNotPoisoned(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, remembering(t, up, "instaleap test-secret"))
	body, signature := instaleap(`"1"`, `"2026-11-25T10:00:00Z"`, `"CREATED"`, "")
	checkStatus(t, srv.Post("/hook", strings.Replace(body, "CREATED", "CANCELLED", 1), signature), 401)
	checkStatus(t, srv.Post("/hook", body, "InstaLeap-Signature: "+strings.Repeat("0", 64)), 401)
	up.None()
	checkStatus(t, srv.Post("/hook", body, signature), 200)
	up.Only()
}

// held is an upstream that answers when it is told to.
type held struct {
	*webhooktest.Upstream
	reached chan struct{} // gets a value for each request
	answer  chan int      // the status for each of them
}

func hold(t *testing.T) held {
	h := held{webhooktest.NewUpstream(t), make(chan struct{}, 10), make(chan int, 10)}
	h.Answer(func(w http.ResponseWriter, r *http.Request) {
		h.reached <- struct{}{}
		select {
		case status := <-h.answer:
			w.WriteHeader(status)
		case <-r.Context().Done():
		}
	})
	return h
}

// wait waits for a request to come.
func (h held) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.reached:
	case <-time.After(15 * time.Second):
		t.Fatal("nothing has reached the upstream")
	}
}

// inBackground sends a push and returns where its answer will be.
func inBackground(srv *webhooktest.Server) <-chan webhooktest.Response {
	request := srv.NewRequest("POST", "/hook", strings.NewReader(validBody), webhooktest.GitHub(testSecret, "push", validBody)...)
	answer := make(chan webhooktest.Response, 1)
	go func() {
		got, _ := webhooktest.Send(request)
		answer <- got
	}()
	return answer
}

// A copy that comes while the app is at work waits for its answer.
func TestReplayWaitsForTheFirstAnswer(t *testing.T) {
	up := hold(t)
	srv := webhooktest.Start(t, remembering(t, up.Upstream, "github test-secret"))
	first := inBackground(srv)
	up.wait(t)
	second, third := inBackground(srv), inBackground(srv)
	up.answer <- 201
	for _, answer := range []<-chan webhooktest.Response{first, second, third} {
		checkStatus(t, <-answer, 201)
	}
	up.Only()
}

// If the first copy fails, one of those that wait takes its turn.
func TestReplayTakesOverAfterFailure(t *testing.T) {
	up := hold(t)
	srv := webhooktest.Start(t, remembering(t, up.Upstream, "github test-secret"))
	first := inBackground(srv)
	up.wait(t)
	second := inBackground(srv)
	up.answer <- 500
	checkStatus(t, <-first, 500)
	up.wait(t)
	up.answer <- 202
	checkStatus(t, <-second, 202)
}

// A copy does not wait for ever.
func TestReplayInFlight(t *testing.T) {
	up := hold(t)
	srv := webhooktest.Start(t, remembering(t, up.Upstream, "github test-secret"))
	first := inBackground(srv)
	up.wait(t)
	got := push(srv, validBody, "X-Tell: yes")
	checkReason(t, got, 409, "in_flight")
	if got.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
	}
	up.answer <- 200
	checkStatus(t, <-first, 200)
	checkStatus(t, push(srv, validBody), 200)
	up.Only()
}

// A sender that hangs up before the app has answered may send again.
func TestReplayAfterDisconnect(t *testing.T) {
	up := hold(t)
	srv := webhooktest.Start(t, remembering(t, up.Upstream, "github test-secret"))
	conn := srv.Dial()
	if _, err := conn.Write(rawPush()); err != nil {
		t.Fatal(err)
	}
	up.wait(t)
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	second := inBackground(srv)
	up.wait(t)
	up.answer <- 200
	checkStatus(t, <-second, 200)
}

// What is remembered survives a reload, also with a new secret, and also of a
// delivery that is being handled meanwhile.
func TestReplaySurvivesReload(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	config := func(secret string) string { return remembering(t, up, "github "+secret) }
	srv := webhooktest.Start(t, config("test-secret"))
	checkStatus(t, push(srv, validBody), 200)
	up.Only()
	srv.Reload(config("other-secret test-secret"))
	checkStatus(t, push(srv, validBody), 200)
	checkStatus(t, srv.Post("/hook", validBody, webhooktest.GitHub("other-secret", "push", validBody)...), 200)
	up.None()
	srv.Reload(strings.Replace(config("test-secret"), "1h ", "1h another-", 1))
	checkStatus(t, push(srv, validBody), 200)
	up.Only()
}

// Endpoints do not share what they remember, unless they are told to.
func TestReplayEndpointsAreApart(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	block := func(path, provider, replay string) string {
		return fmt.Sprintf("handle_webhook %s %s test-secret {\n replay %s\n otherwise {\n reverse_proxy %s\n }\n}\n", path, provider, replay, up.Addr())
	}
	srv := webhooktest.Start(t, site(block("/apart-a", "github", "1h")+block("/apart-b", "github", "1h")+block("/apart-c", "forgejo", "1h")))
	signature := webhooktest.HMAC(testSecret, validBody)
	for _, path := range []string{"/apart-a", "/apart-b", "/apart-c"} {
		for range 2 {
			checkStatus(t, srv.Post(path, validBody, "X-Hub-Signature-256: sha256="+signature, "X-Forgejo-Signature: "+signature), 200)
		}
		up.Only()
	}
}

func TestReplayEndpointsWithOneName(t *testing.T) {
	block := func(path, secret string) string {
		return "handle_webhook " + path + " github " + secret + " {\n replay 1h shared\n otherwise {\n respond 204\n }\n}\n"
	}
	err := webhooktest.Validate(t, site(block("/a", "first-secret")+block("/b", "second-secret")))
	if err == nil || !strings.Contains(err.Error(), "two endpoints are called shared") {
		t.Errorf("two configurations with one name: %v", err)
	}
	srv := webhooktest.Start(t, site(block("/a", testSecret)+block("/b", testSecret)))
	checkStatus(t, srv.Post("/a", validBody, webhooktest.GitHub(testSecret, "push", validBody)...), 204)
	checkStatus(t, srv.Post("/b", validBody, append(webhooktest.GitHub(testSecret, "push", validBody), "X-Tell: yes")...), 204)
	srv.Log.Wait(t, webhooktest.Message("webhook is a duplicate; the app does not see it"))
	srv.Log.Wait(t, func(e webhooktest.Entry) bool {
		return strings.HasPrefix(e.Text("msg"), "two endpoints with the same configuration share")
	})
}

// A handshake is answered each time.
func TestReplayIgnoresHandshakes(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, remembering(t, up, "zoom test-secret", "tolerance off"))
	body := `{"event":"endpoint.url_validation","payload":{"plainToken":"abc123"},"event_ts":1}`
	signature := "x-zm-signature: v0=" + webhooktest.HMAC(testSecret, "v0:1700000000:", body)
	for range 2 {
		got := srv.Post("/hook", body, signature, "x-zm-request-timestamp: 1700000000")
		if got.Status != 200 || !strings.Contains(got.Body, "encryptedToken") {
			t.Errorf("the handshake is answered with %d %q", got.Status, got.Body)
		}
	}
	up.None()
}

// What the operator answers counts as what an app does.
func TestReplayOfRespond(t *testing.T) {
	srv := webhooktest.Start(t, site("handle_webhook /hook github test-secret {\n replay 1h respond\n otherwise {\n respond taken 202\n }\n}"))
	checkAnswer(t, push(srv, validBody), 202, "taken")
	checkAnswer(t, push(srv, validBody), 202, "")
}

// What nobody answers is not remembered either.
func TestReplayOfUnrouted(t *testing.T) {
	srv := webhooktest.Start(t, site("handle_webhook /hook github test-secret {\n replay 1h unrouted\n otherwise pass\n}"))
	for range 2 {
		checkStatus(t, push(srv, validBody), 503)
	}
}

// A store that has no room refuses, and says when to come again.
func TestReplayStoreIsFull(t *testing.T) {
	up := hold(t)
	srv := webhooktest.Start(t, "{\n webhooks {\n replay memory {\n max_entries 1\n }\n }\n}\n"+remembering(t, up.Upstream, "github test-secret"))
	first := inBackground(srv)
	up.wait(t)
	got := push(srv, `{"n":2}`, "X-Tell: yes")
	checkReason(t, got, 503, "replay_store")
	if got.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	up.answer <- 200
	checkStatus(t, <-first, 200)
	up.answer <- 200
	checkStatus(t, push(srv, `{"n":2}`), 200)
}

// With a file deliveries are known after a restart.
func TestReplaySurvivesRestart(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	path := filepath.Join(t.TempDir(), "replay.db")
	config := "{\n webhooks {\n replay bolt " + path + "\n }\n}\n" + remembering(t, up, "github test-secret")
	srv := webhooktest.Start(t, config)
	checkStatus(t, push(srv, `{"n":1}`), 200)
	up.Only()
	srv.Stop()
	srv = webhooktest.Start(t, config)
	checkStatus(t, push(srv, `{"n":1}`), 200)
	up.None()
	srv.Reload(config + "# changed\n")
	checkStatus(t, push(srv, `{"n":1}`), 200)
	up.None()
	checkStatus(t, push(srv, `{"n":2}`), 200)
	up.Only()
	err := webhooktest.Validate(t, "{\n webhooks {\n replay bolt {\n max_entries many\n }\n }\n}\n")
	if err == nil || !strings.Contains(err.Error(), `"many" is not a number above 0, at Caddyfile:4`) {
		t.Errorf("a mistake: %v", err)
	}
}
