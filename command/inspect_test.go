package command

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The relay hands on what this machine's browser reads below /webhooks/, and
// nothing else: the rest of the administration endpoint can change Caddy.
func TestRelay(t *testing.T) {
	var asked []string
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI)
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
	}))
	defer admin.Close()
	handler := newRelay(strings.TrimPrefix(admin.URL, "http://"), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2020}, false)
	tests := []struct {
		method, target, host, site string
		status                     int
	}{
		{"GET", "/webhooks/deliveries?after=1", "localhost:2020", "same-origin", 200},
		{"GET", "/webhooks/", "127.0.0.1:2020", "none", 200},
		{"GET", "/webhooks/", "evil.example:2020", "none", 403},
		{"GET", "/webhooks/deliveries", "localhost:2020", "cross-site", 403},
		{"GET", "/webhooks/deliveries", "localhost:2020", "same-site", 403},
		{"POST", "/webhooks/deliveries", "localhost:2020", "", 405},
		{"GET", "/config/", "localhost:2020", "", 404},
		{"GET", "/webhooks/../config/", "localhost:2020", "", 404},
		{"GET", "/webhooks/%2e%2e/config/", "localhost:2020", "", 404},
	}
	for _, test := range tests {
		request := httptest.NewRequest(test.method, test.target, nil)
		request.Host = test.host
		request.Header.Set("Sec-Fetch-Site", test.site)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != test.status {
			t.Errorf("%s %s at %s from %q is answered with %d, want %d", test.method, test.target, test.host, test.site, answer.Code, test.status)
		}
		if test.status == 200 && answer.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s has lost its policy", test.target)
		}
	}
	if got := strings.Join(asked, ", "); got != "GET /webhooks/deliveries?after=1, GET /webhooks/" {
		t.Errorf("the endpoint was asked %s", got)
	}
}

// Only the page itself changes something, if it was started with --write: not another
// site, nor one without the token, and nothing but what stands in the list.
func TestRelayChanges(t *testing.T) {
	var asked []string
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI)
		if strings.HasPrefix(r.URL.Path, "/webhooks/events") && r.Method == http.MethodGet {
			http.Error(w, `{"error":"no archive"}`, http.StatusNotFound)
		}
	}))
	defer admin.Close()
	own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2020}
	writes := newRelay(strings.TrimPrefix(admin.URL, "http://"), own, true)
	reads := newRelay(strings.TrimPrefix(admin.URL, "http://"), own, false)
	do := func(handler *relay, method, target, origin, token string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(method, target, strings.NewReader("{}"))
		request.Host = "localhost:2020"
		request.Header.Set("Origin", origin)
		request.Header.Set("X-Inspector-Token", token)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	var session struct {
		Token          string
		Archive, Queue bool
	}
	if err := json.Unmarshal(do(writes, "GET", "/webhooks/session", "", "").Body.Bytes(), &session); err != nil ||
		len(session.Token) < 20 || session.Archive || !session.Queue {
		t.Fatalf("the session is %+v, %v", session, err)
	}
	asked = nil
	const page = "http://localhost:2020"
	for _, test := range []struct {
		handler               *relay
		target, origin, token string
		status                int
	}{
		{writes, "/webhooks/events/resend?ref=1", page, session.Token, 200},
		{writes, "/webhooks/queue/requeue?ref=1.1", page, session.Token, 200},
		{writes, "/webhooks/queue/retry?ref=1.1", page, session.Token, 200},
		{writes, "/webhooks/events/resend?ref=1", page, "", 403},
		{writes, "/webhooks/events/resend?ref=1", page, "other", 403},
		{writes, "/webhooks/events/resend?ref=1", "", session.Token, 403},
		{writes, "/webhooks/events/resend?ref=1", "null", session.Token, 403},
		{writes, "/webhooks/events/resend?ref=1", "http://evil.example", session.Token, 403},
		{writes, "/webhooks/events/resend?ref=1", "https://localhost:2020", session.Token, 403},
		{writes, "/webhooks/events/purge?all=true", page, session.Token, 404},
		{writes, "/webhooks/queue/drop?ref=1.1", page, session.Token, 404},
		{writes, "/webhooks/queue/requeue?all=true", page, session.Token, 404},
		{writes, "/webhooks/queue/requeue?ref=1.1&all=true", page, session.Token, 404},
		{writes, "/webhooks/queue/requeue?ref=", page, session.Token, 404},
		{writes, "/load", page, session.Token, 404},
		{reads, "/webhooks/events/resend?ref=1", page, session.Token, 405},
		{reads, "/webhooks/events/resend?ref=1", page, "", 405},
	} {
		if got := do(test.handler, "POST", test.target, test.origin, test.token).Code; got != test.status {
			t.Errorf("POST %s from %q is answered with %d, want %d", test.target, test.origin, got, test.status)
		}
	}
	if len(asked) != 3 {
		t.Errorf("the endpoint was asked %q", asked)
	}
}
