package caddywebhooks_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Reloads while requests run cost none of them its answer.
func TestReloadDropsNoAnswer(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	const senders, each = 4, 50
	var group sync.WaitGroup
	failures := make(chan string, senders*each)
	half := make(chan struct{}, senders)
	requests := make([]*http.Request, 0, senders*each)
	for range senders * each {
		requests = append(requests, srv.NewRequest("POST", "/hook", strings.NewReader(validBody),
			webhooktest.GitHub(testSecret, "push", validBody)...))
	}
	for sender := range senders {
		group.Go(func() {
			for i, request := range requests[sender*each : (sender+1)*each] {
				if i == each/4 {
					half <- struct{}{}
				}
				answer, err := sendUntilAnswered(request)
				if err != nil || answer.Status != 200 {
					failures <- fmt.Sprintf("%d %q (%v)", answer.Status, answer.Body, err)
				}
			}
		})
	}
	for i := range senders {
		<-half
		srv.Reload(endpoint(up, "github test-secret") + fmt.Sprintf("# reload %d\n", i))
	}
	group.Wait()
	close(failures)
	for failure := range failures {
		t.Errorf("a request was answered with %s", failure)
	}
	if got := len(up.Requests()); got < senders*each {
		t.Errorf("%d requests reached the upstream, want %d", got, senders*each)
	}
}

// sendUntilAnswered sends a request again when its connection ends without an
// answer: replacing listeners resets connections that nobody has accepted yet,
// in plain Caddy too, and providers try again.
func sendUntilAnswered(request *http.Request) (webhooktest.Response, error) {
	var answer webhooktest.Response
	var err error
	for range 20 {
		body, bodyErr := request.GetBody()
		if bodyErr != nil {
			return answer, bodyErr
		}
		request.Body = body
		if answer, err = webhooktest.Send(request); err == nil {
			return answer, nil
		}
	}
	return answer, err
}

// A request that is at the application while the configuration is replaced gets
// the application's answer.
func TestReloadWaitsForAnswers(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	reached, released := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	var later atomic.Bool
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		if !later.Swap(true) {
			close(reached)
			<-released
			io.WriteString(w, "done")
		}
	})
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	newRequest := func() *http.Request {
		return srv.NewRequest("POST", "/hook", strings.NewReader(validBody), webhooktest.GitHub(testSecret, "push", validBody)...)
	}
	request, answered := newRequest(), make(chan webhooktest.Response, 1)
	go func() {
		answer, _ := webhooktest.Send(request)
		answered <- answer
	}()
	<-reached
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		srv.Reload(routes("otherwise {\n respond new 202\n }"))
	}()
	for status := 0; status != 202; { // until the new configuration answers
		answer, err := sendUntilAnswered(newRequest())
		if err != nil {
			t.Fatal(err)
		}
		status = answer.Status
	}
	release()
	checkAnswer(t, <-answered, 200, "done")
	<-reloaded
}

// Secrets that are given as placeholders are seen nowhere: not in the log down
// to DEBUG, not in the configuration that the admin endpoint shows, not in an
// answer.
func TestSecretsAreNotShown(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const inEnv, inFile, token, password = "secret-in-env", "secret-in-file", "token-in-env", "password-in-env"
	t.Setenv("WEBHOOK_SECRET", inEnv)
	t.Setenv("WEBHOOK_TOKEN", token)
	t.Setenv("WEBHOOK_PASSWORD", password)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(inFile), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, "{\n admin "+admin+"\n debug\n}\n"+site(`handle_webhook /hook github {env.WEBHOOK_SECRET} {file.`+file+`} {
		on push {
			webhook_rewrite {
				body body.a.b
			}
			reverse_proxy `+up.Addr()+`
		}
		otherwise {
			@m webhook_expr body.a.b == 1
			respond @m 204
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /basic detrack {
		basic user {env.WEBHOOK_PASSWORD}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /token jelp {
		token {env.WEBHOOK_TOKEN}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))

	var answers strings.Builder
	add := func(answer webhooktest.Response) { fmt.Fprintln(&answers, answer) }
	for _, body := range []string{`{"a":{"b":1}}`, `{}`, `not JSON`} {
		for _, event := range []string{"push", "ping"} {
			for _, secret := range []string{inEnv, inFile, "wrong"} {
				add(srv.Post("/hook", body, append(webhooktest.GitHub(secret, event, body), "X-Tell: yes")...))
			}
		}
		for _, path := range []string{"/basic", "/token"} {
			for _, pair := range []string{"user:" + password, "user:wrong"} {
				request := srv.NewRequest("POST", path, strings.NewReader(body))
				user, pass, _ := strings.Cut(pair, ":")
				request.SetBasicAuth(user, pass)
				add(srv.Do(request))
			}
			add(srv.Post(path, body, "Authorization: Bearer "+token))
			add(srv.Post(path, body, "Authorization: "+token))
		}
	}
	config := get(t, "http://"+admin+"/config/")
	if !strings.Contains(config, "{env.WEBHOOK_SECRET}") {
		t.Errorf("this is not the configuration: %s", config)
	}
	srv.Stop()
	for _, secret := range []string{inEnv, inFile, token, password} {
		for name, text := range map[string]string{"log": srv.Log.String(), "configuration": config, "answers": answers.String()} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s is in the %s: …%s…", secret, name, text[max(0, at-200):at])
			}
		}
	}
}

// get reads a page. It tries again when a reload has reset its connection.
func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequest("GET", url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := sendUntilAnswered(request)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Body
}
