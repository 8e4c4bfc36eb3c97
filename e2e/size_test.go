package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// oversize is a body of 5 MB, of which 1 MiB is allowed.
var oversize = bytes.Repeat([]byte("x"), 5_000_000)

func oversizeMAC() string { return emptyMAC + webhooktest.HMAC(testSecret, string(oversize)) }

// A body that is too large is answered with 413, which the sender must really
// get although it has not sent everything.
func TestTooLargeIsDelivered(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	for name, body := range map[string]io.Reader{
		"declared": bytes.NewReader(oversize),
		"chunked":  webhooktest.Stream(oversize),
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := webhooktest.Send(srv.NewRequest("POST", "/hook", body, oversizeMAC(), "X-Tell: yes"))
			if err != nil {
				t.Fatalf("the sender got no answer: %v", err)
			}
			checkReason(t, answer, 413, "too_large")
			if !answer.Close {
				t.Error("the connection stays open, although the body was not read")
			}
		})
	}
	up.None()
}

// rawHead is the head of a request by hand.
func rawHead(lines ...string) string {
	return "POST /hook HTTP/1.1\r\nHost: hooks.example.com\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func chunk(body []byte) []byte {
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(body), body)
}

// A sender that writes on without looking for an answer gets it all the same.
func TestTooLargeIsDeliveredToBlindWriters(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	declared := append([]byte(rawHead(oversizeMAC(), "X-Tell: yes", "Content-Length: 5000000")), oversize...)
	chunked := []byte(rawHead(oversizeMAC(), "X-Tell: yes", "Transfer-Encoding: chunked"))
	for part := range slices.Chunk(oversize, 16<<10) {
		chunked = append(chunked, chunk(part)...)
	}
	chunked = append(chunked, "0\r\n\r\n"...)

	for name, request := range map[string][]byte{"declared": declared, "chunked": chunked} {
		t.Run(name+" and reads meanwhile", func(t *testing.T) {
			conn := srv.Dial()
			written := make(chan error, 1)
			go func() {
				_, err := conn.Write(request)
				written <- err
			}()
			answer, err := webhooktest.ReadResponse(conn)
			if err != nil {
				t.Fatalf("the sender got no answer: %v", err)
			}
			checkReason(t, answer, 413, "too_large")
			conn.Close()
			<-written
		})
		t.Run(name+" and reads afterwards", func(t *testing.T) {
			conn := srv.Dial()
			_, _ = conn.Write(request) // fails when the server has closed
			answer, err := webhooktest.ReadResponse(conn)
			if err != nil {
				t.Fatalf("the sender got no answer: %v", err)
			}
			checkReason(t, answer, 413, "too_large")
		})
	}
	up.None()
}

// The length is looked at before the body is read, but after the token: who has
// none learns nothing of the limit. No answer waits for the body.
func TestDeclaredLength(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "jelp", "token test-token", "max_size 1KiB"))
	const length = "Content-Length: 1000000000000"
	answer := srv.Raw([]byte(rawHead("Authorization: Bearer test-token", "X-Tell: yes", length)))
	checkReason(t, answer, 413, "too_large")
	answer = srv.Raw([]byte(rawHead("Authorization: Bearer wrong", "X-Tell: yes", length)))
	checkReason(t, answer, 401, "bad_token")
	answer = srv.Raw([]byte(rawHead("Authorization: Bearer test-token", "X-Tell: yes", length, "Expect: 100-continue")))
	checkReason(t, answer, 413, "too_large")
	up.None()
}

// A body must arrive as a whole within read_body, which a Caddyfile leaves at
// its default.
func TestSlowBody(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"), webhooktest.Set("webhook_auth", "read_body", "50ms"))
	for name, request := range map[string]string{
		"declared": rawHead(validMAC(), "X-Tell: yes", "Content-Length: 7") + `{"a`,
		"chunked":  rawHead(validMAC(), "X-Tell: yes", "Transfer-Encoding: chunked") + string(chunk([]byte(`{"a`))),
		"nothing":  rawHead(validMAC(), "X-Tell: yes", "Content-Length: 7"),
	} {
		t.Run(name, func(t *testing.T) {
			answer := srv.Raw([]byte(request))
			checkReason(t, answer, 408, "slow_body")
		})
	}
	up.None()
}

// The limit is for the body, not for the connection or the answer.
func TestReadLimitEndsWithTheBody(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	conn := srv.Dial()
	reader := bufio.NewReader(conn)
	for range 3 {
		if _, err := io.WriteString(conn, rawHead(validMAC(), "Content-Length: 7")+validBody); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Errorf("status %d, want 200", answer.StatusCode)
		}
		up.Only()
	}
}

// An incomplete body is refused, and what was signed of it is not forwarded.
func TestBrokenBody(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	for name, request := range map[string]string{
		"cut off": rawHead(validMAC(), "Content-Length: 8") + validBody,
		"chunk":   rawHead(validMAC(), "Transfer-Encoding: chunked") + "7\r\n" + validBody + "\r\nzz\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := srv.Dial()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer, err := webhooktest.ReadResponse(conn)
			if err != nil {
				t.Fatal(err)
			}
			checkStatus(t, answer, 400)
		})
	}
	up.None()
}

// A large body, which is hashed while it arrives, is accepted or refused as a
// small one.
func TestLargeBody(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github old-secret "+testSecret, "max_size 8MiB"))
	wrong := slices.Concat(oversize[1:], []byte("y"))
	for name, test := range map[string]struct {
		body   io.Reader
		status int
	}{
		"declared":        {bytes.NewReader(oversize), 200},
		"chunked":         {webhooktest.Stream(oversize), 200},
		"wrong, declared": {bytes.NewReader(wrong), 401},
		"wrong, chunked":  {webhooktest.Stream(wrong), 401},
	} {
		t.Run(name, func(t *testing.T) {
			checkStatus(t, srv.Do(srv.NewRequest("POST", "/hook", test.body, oversizeMAC())), test.status)
			if test.status != 200 {
				up.None()
			} else if got := up.Only(); !bytes.Equal(got.Body, oversize) {
				t.Errorf("the upstream got %d bytes, want %d", len(got.Body), len(oversize))
			}
		})
	}
}

// A sender that waits for 100 Continue is asked for the body only when all that
// can be checked without it is right.
func TestContinue(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "jelp", "token test-token"))
	head := func(token string) string {
		return rawHead("Authorization: Bearer "+token, "X-Tell: yes", "Content-Length: 7", "Expect: 100-continue")
	}

	refused := srv.Dial()
	if _, err := io.WriteString(refused, head("wrong")); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(refused).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 401") {
		t.Errorf("the first line is %q (%v), want 401 at once", first, err)
	}
	up.None()

	accepted := srv.Dial()
	if _, err := io.WriteString(accepted, head(testToken)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(accepted)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != 100 {
		t.Fatalf("answer is %v (%v), want 100", answer, err)
	}
	answer.Body.Close()
	if _, err := io.WriteString(accepted, validBody); err != nil {
		t.Fatal(err)
	}
	final, err := webhooktest.ReadResponse(reader)
	if err != nil {
		t.Fatal(err)
	}
	checkStatus(t, final, 200)
	if got := up.Only(); string(got.Body) != validBody || got.Header.Get("Expect") != "" {
		t.Errorf("the upstream got %q with Expect %q", got.Body, got.Header.Get("Expect"))
	}
}

// Who was asked for the body and writes all of it gets the answer, too, when it is
// refused on the way.
func TestRefusedAfterContinue(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	large := bytes.Repeat([]byte("x"), 20_000_000)
	chunked := append(chunk(large), "0\r\n\r\n"...)
	for name, test := range map[string]struct {
		length string
		body   []byte
		option string // that the body does not fit
		status int
		reason string
	}{
		"too large":         {"Transfer-Encoding: chunked", chunked, "max_size 1MiB", 413, "too_large"},
		"no memory is left": {"Content-Length: 20000000", large, "max_size 32MiB", 503, "overloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, "{\n\twebhooks {\n\t\tmax_buffered 8MiB\n\t}\n}\n"+endpoint(up, "jelp", "token test-token", test.option))
			conn := srv.Dial()
			head := rawHead("Authorization: Bearer "+testToken, "X-Tell: yes", test.length, "Expect: 100-continue")
			if _, err := io.WriteString(conn, head); err != nil {
				t.Fatal(err)
			}
			asked, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || asked.StatusCode != http.StatusContinue {
				t.Fatalf("answer is %v (%v), want 100", asked, err)
			}
			asked.Body.Close()
			if _, err := conn.Write(test.body); err != nil {
				t.Fatal(err)
			}
			answer, err := webhooktest.ReadResponse(conn)
			if err != nil {
				t.Fatalf("the sender got no answer: %v", err)
			}
			checkReason(t, answer, test.status, test.reason)
		})
	}
	up.None()
}

func TestOldAndEmptyRequests(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))

	old := "POST /hook HTTP/1.0\r\n" + validMAC() + "\r\nX-GitHub-Event: push\r\nContent-Length: 7\r\n\r\n" + validBody
	checkStatus(t, srv.Raw([]byte(old)), 200)
	if got := up.Only(); string(got.Body) != validBody || got.Header.Get("Webhook-Event") != "push" {
		t.Errorf("from HTTP/1.0 the upstream got %q, event %q", got.Body, got.Header.Get("Webhook-Event"))
	}

	checkStatus(t, push(srv, ""), 200)
	got := up.Only()
	if len(got.Body) != 0 || got.ContentLength != 0 || got.Header.Get("Webhook-Event") != "push" {
		t.Errorf("of an empty body the upstream got %q, length %d", got.Body, got.ContentLength)
	}
	chunked := rawHead(emptyMAC+webhooktest.HMAC(testSecret, ""), "Transfer-Encoding: chunked") + "0\r\n\r\n"
	checkStatus(t, srv.Raw([]byte(chunked)), 200)
	if got := up.Only(); len(got.Body) != 0 || got.ContentLength != 0 {
		t.Errorf("of an empty chunked body the upstream got %q, length %d", got.Body, got.ContentLength)
	}
}

// Another directive's limit keeps its own answer, and is told of like ours.
func TestRequestBodyDirective(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`request_body {
		max_size 3B
	}
	handle_webhook /hook github test-secret {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	body := webhooktest.Stream([]byte(validBody)) // with a length, the directive would answer itself
	checkReason(t, srv.Do(srv.NewRequest("POST", "/hook", body, validMAC(), "X-Tell: yes")), 413, "too_large")
	refused := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	if refused["reason"] != "too_large" || !strings.Contains(refused.Text("detail"), "a handler before this one") {
		t.Errorf("the log says %v", refused)
	}
	up.None()
}
