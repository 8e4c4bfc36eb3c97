package e2e_test

import (
	"fmt"
	"io"
	"net/http"
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
