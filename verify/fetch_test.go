package verify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// trusting is the fetcher as it is, save that it trusts a test server and
// connects to it although its address is private.
func trusting(t *testing.T, server *httptest.Server) Fetcher {
	t.Helper()
	f := NewFetcher().(*httpsFetcher)
	f.client.Transport = server.Client().Transport
	return f
}

// requests are those that have reached a server.
type requests struct {
	mu    sync.Mutex
	lines []string
}

func (r *requests) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// take returns what has arrived since the last call.
func (r *requests) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := strings.Join(r.lines, " ")
	r.lines = nil
	return lines
}

// documents is a server whose paths show what a fetcher may meet.
func documents(t *testing.T) (*httptest.Server, *requests) {
	t.Helper()
	asked := new(requests)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.add(r.Method + " " + r.URL.Path)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/largest":
			_, _ = w.Write(make([]byte, maxFetched))
		case "/too-large":
			_, _ = w.Write(make([]byte, maxFetched+1))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("less"))
		case "/gone":
			http.Error(w, "good", http.StatusGone)
		case "/created":
			w.WriteHeader(http.StatusCreated)
		default:
			_, _ = w.Write([]byte("good"))
		}
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func TestFetch(t *testing.T) {
	server, asked := documents(t)
	f := trusting(t, server)
	content, err := f.Fetch(t.Context(), server.URL+"/good?a=b")
	if err != nil || string(content) != "good" {
		t.Errorf("%q, %v", content, err)
	}
	if content, err := f.Fetch(t.Context(), server.URL+"/largest"); err != nil || len(content) != maxFetched {
		t.Errorf("%d bytes, %v; want %d", len(content), err, maxFetched)
	}
	asked.take()
	for _, path := range []string{"/redirect", "/too-large", "/endless", "/short", "/gone", "/created"} {
		if content, err := f.Fetch(t.Context(), server.URL+path); err == nil {
			t.Errorf("%s gives %q", path, content)
		}
	}
	if got := asked.take(); got != "GET /redirect GET /too-large GET /endless GET /short GET /gone GET /created" {
		t.Errorf("it asked for %s", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ended, server.URL+"/good"); err == nil {
		t.Error("it fetches although nobody waits any more")
	}
}

// Only HTTPS is spoken, and only to whom the URL names alone.
func TestFetchRefusesURLs(t *testing.T) {
	server, asked := documents(t)
	f := trusting(t, server)
	address := strings.TrimPrefix(server.URL, "https://")
	plain := httptest.NewServer(server.Config.Handler)
	t.Cleanup(plain.Close)
	for _, target := range []string{
		"", plain.URL + "/good", "http://" + address + "/good", "ftp://" + address + "/good", "//" + address + "/good", address + "/good", "file:///etc/passwd",
		"https://user@" + address + "/good", "https://user:pass@" + address + "/good", "https://", "https://%zz/", "https:" + address,
	} {
		if content, err := f.Fetch(t.Context(), target); err == nil {
			t.Errorf("%q gives %q", target, content)
		}
	}
	if got := asked.take(); got != "" {
		t.Errorf("it asked for %s", got)
	}
}

// A name that resolves to a private address is not connected to.
func TestFetchRefusesPrivateServers(t *testing.T) {
	server, asked := documents(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		if _, err := NewFetcher().Fetch(t.Context(), "https://"+host+":"+target.Port()+"/good"); err == nil {
			t.Errorf("it connects to %s", host)
		}
	}
	if got := asked.take(); got != "" {
		t.Errorf("it asked for %s", got)
	}
	if _, err := NewFetcher().Fetch(t.Context(), server.URL); err == nil || !strings.Contains(err.Error(), "not a public address") {
		t.Errorf("the error is %v; want one that says why", err)
	}
}

func TestRefusePrivate(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:443", "10.0.0.1:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443", "169.254.169.254:80",
		"0.0.0.0:443", "255.255.255.255:443", "224.0.0.1:443", "[::1]:443", "[::]:443", "[fe80::1]:443", "[fe80::1%eth0]:443", "[fc00::1]:443",
		"[fd00:ec2::254]:80", "[ff02::1]:443", "[::ffff:10.0.0.1]:443", "[::ffff:169.254.169.254]:80", "", "localhost:443", "10.0.0.1",
	} {
		if refusePrivate("tcp", address, nil) == nil {
			t.Errorf("%s is taken for a public address", address)
		}
	}
	for _, address := range []string{"203.0.113.9:443", "54.239.28.85:443", "[2600:1f18::1]:443", "[::ffff:54.239.28.85]:443", "172.32.0.1:443"} {
		if err := refusePrivate("tcp", address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
