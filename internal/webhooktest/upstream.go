package webhooktest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Upstream is an application behind Caddy that records what reaches it.
type Upstream struct {
	t        testing.TB
	server   *httptest.Server
	mu       sync.Mutex
	requests []Received
	answer   http.HandlerFunc
}

// Received is a request as it reached an upstream.
type Received struct {
	Method           string
	URI              string      // as on the request line
	Host             string      // the Host header
	Header           http.Header // names in canonical form; see Head for the bytes
	Head             string      // the request line and headers as they came over the wire
	Body             []byte      // without transfer encoding
	Trailer          http.Header
	ContentLength    int64 // -1 where it was not announced
	TransferEncoding []string
}

// NewUpstream starts an upstream that answers 200 and ends with the test.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	u := &Upstream{t: t}
	u.server = httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	u.server.Listener = recordingListener{u.server.Listener}
	u.server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	u.server.Start()
	t.Cleanup(u.server.Close)
	return u
}

// Addr returns the address in the form that reverse_proxy takes.
func (u *Upstream) Addr() string { return u.server.Listener.Addr().String() }

// Answer sets what the upstream answers from now on. The body of the request
// has been read when answer is called.
func (u *Upstream) Answer(answer http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// Requests returns what has reached the upstream, in the order of arrival.
func (u *Upstream) Requests() []Received {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Received(nil), u.requests...)
}

// Only returns the single request that has reached the upstream since it
// started or since the last call of None or Only, and fails the test if there
// is none or more.
func (u *Upstream) Only() Received {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	requests := u.requests
	u.requests = nil
	if len(requests) != 1 {
		u.t.Errorf("%d requests reached the upstream, want one", len(requests))
		return Received{Header: make(http.Header)}
	}
	return requests[0]
}

// None fails the test if something has reached the upstream since it started
// or since the last call of None or Only.
func (u *Upstream) None() {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	requests := u.requests
	u.requests = nil
	for _, request := range requests {
		u.t.Errorf("this reached the upstream: %s %s, %d bytes", request.Method, request.URI, len(request.Body))
	}
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		u.t.Errorf("upstream: reading the body: %v", err)
	}
	wire := r.Context().Value(connKey{}).(*recordingConn).take()
	head, _, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	received := Received{
		Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Head: string(head), Body: body,
		Trailer: r.Trailer.Clone(), ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding,
	}
	u.mu.Lock()
	u.requests = append(u.requests, received)
	answer := u.answer
	u.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// HeaderLines returns the headers whose names begin with a prefix, in whatever
// case, as they came over the wire.
func (r Received) HeaderLines(prefix string) []string {
	var lines []string
	for line := range strings.SplitSeq(r.Head, "\r\n") {
		if len(line) >= len(prefix) && strings.EqualFold(line[:len(prefix)], prefix) {
			lines = append(lines, line)
		}
	}
	return lines
}

type connKey struct{}

// recordingListener keeps what arrives at its connections, because net/http
// shows headers in canonical form only.
type recordingListener struct{ net.Listener }

func (l recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recordingConn{Conn: conn}, nil
}

type recordingConn struct {
	net.Conn
	mu   sync.Mutex
	wire []byte
}

func (c *recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = append(c.wire, p[:n]...)
	return n, err
}

// take returns the bytes of the request that has just been read: the next one
// arrives only after this one's answer.
func (c *recordingConn) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	wire := c.wire
	c.wire = nil
	return wire
}
