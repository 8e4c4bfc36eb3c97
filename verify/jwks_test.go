package verify_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// server is an OAuth server's key set, as far as a Fetcher sees it.
type server struct {
	mu       sync.Mutex
	document string
	down     bool
	fetched  []string
	waits    chan struct{} // nil, or closed when fetches may go on
}

func serving(document string) *server { return &server{document: document} }

// Fetch implements verify.Fetcher.
func (s *server) Fetch(_ context.Context, url string) ([]byte, error) {
	s.mu.Lock()
	s.fetched = append(s.fetched, url)
	document, down, waits := s.document, s.down, s.waits
	s.mu.Unlock()
	if waits != nil {
		<-waits
	}
	if down {
		return nil, errors.New("no route to host")
	}
	return []byte(document), nil
}

func (s *server) urls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.fetched)
}

func (s *server) set(edit func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(s)
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// byKeySet is a Verifier that takes its keys from a server.
func byKeySet(t testing.TB, s *server) (*verify.Verifier, *clock, *verify.KeySet) {
	t.Helper()
	c := &clock{at: now}
	set := newKeySet(t, s, c.now)
	credential := oauth()
	credential.JWKSURL = "https://auth.example.com/jwks.json"
	return withJWT(t, "github", credential, verify.WithKeySet(set)), c, set
}

// expectFetches reports how often the key set was fetched, where it is wrong.
func expectFetches(t *testing.T, s *server, want int) {
	t.Helper()
	if got := len(s.urls()); got != want {
		t.Errorf("%d fetches; want %d", got, want)
	}
}

func TestKeySet(t *testing.T) {
	s := serving(keySet(t, "", "one"))
	v, c, _ := byKeySet(t, s)
	expectFetches(t, s, 0) // a configuration loads without a network
	byKey(t, "", "one").expect(t, v, "")
	byKey(t, "", "").expect(t, v, "")
	byKey(t, "stranger", "one").expect(t, v, verify.BadToken)
	expectFetches(t, s, 1)

	// The floor holds, whatever is sent.
	for i := range 50 {
		byKey(t, "stranger", "unknown-"+strconv.Itoa(i)).expect(t, v, verify.BadToken)
		byKey(t, "stranger", "").expect(t, v, verify.BadToken)
	}
	expectFetches(t, s, 1)

	// A key that was published since is found when the floor allows it.
	s.set(func(s *server) { s.document = keySet(t, "rotated", "two") })
	c.advance(59 * time.Second)
	expectDetail(t, byKey(t, "rotated", "two"), v, verify.BadToken, "less than a minute ago")
	expectFetches(t, s, 1)
	c.advance(time.Second)
	byKey(t, "rotated", "two").expect(t, v, "")
	expectFetches(t, s, 2)
	byKey(t, "", "one").expect(t, v, verify.BadToken) // no longer published
	expectFetches(t, s, 2)

	// A known key with a wrong signature is no reason to ask again.
	c.advance(10 * time.Minute)
	byKey(t, "stranger", "two").expect(t, v, verify.BadToken)
	expectFetches(t, s, 2)
	expectDetail(t, byKey(t, "stranger", "three"), v, verify.BadToken, "fetched just now")
	expectFetches(t, s, 3)
}

// Where no key was ever fetched, the sender is not to blame.
func TestKeySetUnavailable(t *testing.T) {
	s := serving(keySet(t, "", "one"))
	s.down = true
	v, c, set := byKeySet(t, s)
	var reported []error
	set.Report = func(err error) { reported = append(reported, err) }
	for range 5 {
		expectDetail(t, byKey(t, "", "one"), v, verify.KeysUnavailable, "could not be fetched: no route to host")
	}
	expectFetches(t, s, 1)
	if len(reported) != 1 {
		t.Errorf("%d errors reported; want 1", len(reported))
	}
	// What is no token is refused without keys.
	expectDetail(t, bearer("x"), v, verify.BadToken, "holds no token")
	s.set(func(s *server) { s.down = false })
	byKey(t, "", "one").expect(t, v, verify.KeysUnavailable)
	c.advance(time.Minute)
	byKey(t, "", "one").expect(t, v, "")
	expectFetches(t, s, 2)
}

// The last good set stays in use while the server is down.
func TestKeySetKept(t *testing.T) {
	s := serving(keySet(t, "", "one"))
	v, c, _ := byKeySet(t, s)
	byKey(t, "", "one").expect(t, v, "")
	for _, bad := range []func(*server){
		func(s *server) { s.down = true },
		func(s *server) { s.down, s.document = false, "<html>" },
		func(s *server) { s.document = `{"keys":[]}` },
		func(s *server) { s.document = `{}` },
	} {
		s.set(bad)
		c.advance(2 * time.Minute)
		expectDetail(t, byKey(t, "rotated", "two"), v, verify.KeysUnavailable, "could not be fetched")
		expectDetail(t, byKey(t, "rotated", "two"), v, verify.KeysUnavailable, "could not be fetched")
		byKey(t, "", "one").expect(t, v, "")
	}
	expectFetches(t, s, 5)
}

// After an hour the set is renewed in the background, so that revoked keys go.
func TestKeySetRenewed(t *testing.T) {
	s := serving(keySet(t, "", "one"))
	v, c, _ := byKeySet(t, s)
	byKey(t, "", "one").expect(t, v, "")
	waits := make(chan struct{})
	s.set(func(s *server) { s.document, s.waits = keySet(t, "rotated", "two"), waits })
	c.advance(time.Hour)
	for range 20 {
		byKey(t, "", "one").expect(t, v, "") // none of them waits
	}
	close(waits)
	byKey(t, "rotated", "two").expect(t, v, "") // joins the fetch, or comes after it
	byKey(t, "", "one").expect(t, v, verify.BadToken)
	expectFetches(t, s, 2)
}

// Many tokens at a time cause one fetch.
func TestKeySetTogether(t *testing.T) {
	s := serving(keySet(t, "", "one"))
	v, _, _ := byKeySet(t, s)
	good, unknown := byKey(t, "", "one"), byKey(t, "stranger", "two")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { good.expect(t, v, "") })
		all.Go(func() { unknown.expect(t, v, verify.BadToken) })
	}
	all.Wait()
	expectFetches(t, s, 1)
}

// Only public keys for signatures count, and each only for its algorithm.
func TestKeySetKinds(t *testing.T) {
	good := keySet(t, "", "one")
	for name, test := range map[string]struct {
		document string
		want     verify.Reason
	}{
		"unknown kinds beside it": {strings.Replace(good, `{"keys":[`, `{"keys":[{"kty":"NEW"},{"kty":"oct","k":"AAAA"},7,null,{},`, 1), ""},
		"for encryption":          {strings.Replace(good, `"use":"sig"`, `"use":"enc"`, 1), verify.BadToken},
		"for another algorithm":   {strings.Replace(good, `"alg":"ES256"`, `"alg":"ES512"`, 1), verify.BadToken},
		"shared secret alone":     {`{"keys":[{"kty":"oct","k":"AAAA","kid":"one"}]}`, verify.KeysUnavailable},
		"not an object":           {`[]`, verify.KeysUnavailable},
		"cut":                     {good[:len(good)/2], verify.KeysUnavailable},
	} {
		v, _, _ := byKeySet(t, serving(test.document))
		if _, got := byKey(t, "", "one").send(t, v); got != test.want {
			t.Errorf("%s: refused for %q; want %q", name, got, test.want)
		}
	}
}

// The fetcher follows no redirect and reads no more than it should.
func TestKeyFetcher(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("keys")) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 256<<10+1)) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	fetcher := verify.NewKeyFetcher()
	if document, err := fetcher.Fetch(t.Context(), srv.URL+"/keys"); err != nil || string(document) != "keys" {
		t.Errorf("%q, %v", document, err)
	}
	for path, want := range map[string]string{"/moved": "302", "/large": "more than 262144 bytes", "/error": "500"} {
		if _, err := fetcher.Fetch(t.Context(), srv.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
	for _, url := range []string{"http://auth.example.com/", "file:///etc/passwd", "https://u:p@auth.example.com/", "://"} {
		if _, err := fetcher.Fetch(t.Context(), url); err == nil || !strings.Contains(err.Error(), "not an https URL") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := verify.NewFetcher().Fetch(t.Context(), srv.URL+"/keys"); err == nil {
		t.Error("the fetcher for URLs of senders reaches this machine")
	}
}
