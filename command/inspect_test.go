package command

import (
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
	handler := relay(strings.TrimPrefix(admin.URL, "http://"), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2020})
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
		handler(answer, request)
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
