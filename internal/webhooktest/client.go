package webhooktest

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// patience bounds how long a test waits for what never comes. Nothing is
// asserted about how long anything takes.
const patience = 15 * time.Second

// Response is an answer that was read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Close  bool // the server ends the connection
}

// Post sends a webhook to the first server. Headers are "Name: value".
func (s *Server) Post(path, body string, headerLines ...string) Response {
	s.t.Helper()
	return s.Do(s.NewRequest("POST", path, strings.NewReader(body), headerLines...))
}

// NewRequest makes a request to the first server. Headers are "Name: value";
// Host is taken as the request's host.
func (s *Server) NewRequest(method, path string, body io.Reader, headerLines ...string) *http.Request {
	s.t.Helper()
	request, err := http.NewRequest(method, s.URL(path), body)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header = headers(headerLines)
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	return request
}

// attempts is how often Do tries to reach a server that resets the connection.
// Caddy does so after a reload, with connections that wait in the queue of the
// listener it closes.
const attempts = 5

// Do sends a request and follows no redirect.
func (s *Server) Do(request *http.Request) Response {
	s.t.Helper()
	answer, err := Send(request)
	for i := 1; i < attempts && isReset(err) && request.GetBody != nil; i++ {
		request.Body, _ = request.GetBody()
		answer, err = Send(request)
	}
	if err != nil {
		s.t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	return answer
}

// isReset reports whether a connection ended without an answer.
func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) }

// Send sends a request over a connection of its own and follows no redirect.
// Unlike Do it may be called by any goroutine.
func Send(request *http.Request) (Response, error) {
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, ExpectContinueTimeout: patience}
	client := &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		return Response{}, err
	}
	return readResponse(answer)
}

// Dial opens a connection to the first server, which ends with the test.
func (s *Server) Dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// Raw sends bytes as they are and returns the first final answer.
func (s *Server) Raw(request []byte) Response {
	s.t.Helper()
	conn := s.Dial()
	if _, err := conn.Write(request); err != nil {
		s.t.Fatal(err)
	}
	answer, err := ReadResponse(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// ReadResponse reads the first final answer that arrives at a connection.
func ReadResponse(conn io.Reader) (Response, error) {
	reader := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return Response{}, err
		}
		if answer.StatusCode >= http.StatusOK {
			return readResponse(answer)
		}
		answer.Body.Close()
	}
}

func readResponse(answer *http.Response) (Response, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return Response{Status: answer.StatusCode, Header: answer.Header, Body: string(body), Close: answer.Close}, err
}

// Stream is a body whose length is not known to the client, which therefore
// sends it in chunks.
func Stream(body []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(body)} }

// HMAC returns the HMAC-SHA256 of the joined parts in lower-case hex.
func HMAC(secret string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, part := range parts {
		io.WriteString(mac, part)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// GitHub returns the headers of a webhook as GitHub sends it.
func GitHub(secret, event, body string) []string {
	return []string{
		"Content-Type: application/json",
		"X-GitHub-Event: " + event,
		"X-GitHub-Delivery: 6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911",
		"X-Hub-Signature-256: sha256=" + HMAC(secret, body),
	}
}
