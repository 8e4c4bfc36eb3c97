package interop

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// answered is the status of the app's answers, which is none that Caddy gives
// by itself.
const answered = http.StatusAccepted

// upstream is the app behind Caddy. It records what it gets.
type upstream struct {
	server *httptest.Server
	mu     sync.Mutex
	got    []message
}

func newUpstream() *upstream {
	u := new(upstream)
	u.server = httptest.NewServer(http.HandlerFunc(u.serve))
	return u
}

func (u *upstream) address() string { return u.server.Listener.Addr().String() }

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	u.mu.Lock()
	u.got = append(u.got, message{r.Method, r.RequestURI, r.Header.Clone(), body})
	u.mu.Unlock()
	w.WriteHeader(answered)
}

// take returns what has arrived since the last call.
func (u *upstream) take() []message {
	u.mu.Lock()
	defer u.mu.Unlock()
	got := u.got
	u.got = nil
	return got
}

// rand256 returns a text that nobody else has.
func rand256() string { return rand.Text() + rand.Text() }
