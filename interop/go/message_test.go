package interop

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// message is a request as it goes over the wire.
type message struct {
	method string
	uri    string // path and query
	header http.Header
	body   []byte
}

// with returns a changed copy.
func (m message) with(change func(*message)) message {
	m.header = m.header.Clone()
	m.body = slices.Clone(m.body)
	change(&m)
	return m
}

// request is the message as a server's handler would see it. The spaces around
// header values are no part of them (RFC 9110, section 5.5).
func (m message) request() *http.Request {
	r, err := http.NewRequest(m.method, "http://"+address+m.uri, bytes.NewReader(m.body))
	if err != nil {
		panic(err)
	}
	for name, values := range m.header {
		for _, value := range values {
			r.Header.Add(name, strings.TrimSpace(value))
		}
	}
	return r
}

// answer is what Caddy answers, and what the app got meanwhile.
type answer struct {
	status int
	text   string
	app    []message
}

var sender = &http.Client{
	Transport:     &http.Transport{DisableCompression: true},
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (m message) send(t *testing.T) answer {
	t.Helper()
	response, err := sender.Do(m.request())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, string(text), app.take()}
}

// requireRefused checks that the answer is a refusal and that the app got
// nothing.
func (a answer) requireRefused(t *testing.T, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("Caddy answered %d %q; want %d", a.status, a.text, status)
	}
	for _, got := range a.app {
		t.Errorf("the app got %s %s with %q", got.method, got.uri, got.body)
	}
}

// requirePassed checks that the app got the message as it was sent, and
// returns what it got.
func (a answer) requirePassed(t *testing.T, sent message) message {
	t.Helper()
	if a.status != answered {
		t.Fatalf("Caddy answered %d %q; want the app's %d", a.status, a.text, answered)
	}
	if len(a.app) != 1 {
		t.Fatalf("the app got %d requests; want one", len(a.app))
	}
	got := a.app[0]
	if got.method != sent.method || got.uri != sent.uri {
		t.Errorf("the app got %s %s; want %s %s", got.method, got.uri, sent.method, sent.uri)
	}
	if !bytes.Equal(got.body, sent.body) {
		t.Errorf("the app got the body %q; want %q", got.body, sent.body)
	}
	for name, values := range sent.request().Header {
		if !slices.Equal(got.header[name], values) {
			t.Errorf("the app got %s: %q; want %q", name, got.header[name], values)
		}
	}
	return got
}
