package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// Bounds of fetching a key set. Somebody waits for it, and whoever sends a
// token chooses the key that is missing.
const (
	keySetTimeout = 5 * time.Second
	maxKeySet     = 256 << 10
	keySetFresh   = time.Hour   // after this it is fetched again, so that revoked keys go
	keySetFloor   = time.Minute // between two fetches, whatever is asked for
)

// KeySet is a JSON Web Key Set (RFC 7517) at a URL. It is fetched when a key is
// needed, and again when a token names an unknown one, but at most once a
// minute. When the server is down, the last good set stays in use. A KeySet is
// safe for concurrent use.
type KeySet struct {
	// Report is called with the error of each fetch that fails, if it is set.
	Report func(error)

	url     string
	fetcher Fetcher
	now     func() time.Time
	flight  singleflight.Group

	mu       sync.Mutex
	current  *fetchedKeys // nil until a fetch has succeeded
	tried    time.Time    // when the last fetch began; zero before the first
	err      error        // of the last fetch
	renewing bool
}

// fetchedKeys are the keys of one fetch, which do not change.
type fetchedKeys struct {
	keys []publicKey
	at   time.Time
}

// NewKeySet returns the key set at a URL. Nothing is fetched yet. The clock is
// only used to tell how much time has passed.
func NewKeySet(target string, fetcher Fetcher, now func() time.Time) (*KeySet, error) {
	if err := checkKeySetURL(target); err != nil {
		return nil, err
	}
	return &KeySet{url: target, fetcher: fetcher, now: now}, nil
}

// NewKeyFetcher returns the Fetcher for key sets, whose URLs operators choose:
// it connects to private addresses, too, and by HTTP to this machine itself.
// It follows no redirect.
func NewKeyFetcher() Fetcher {
	return &httpsFetcher{
		client: &http.Client{
			Timeout:       keySetTimeout,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		loopback: true,
		limit:    maxKeySet,
	}
}

// checkKeySetURL refuses URLs over which keys could be exchanged on their way.
func checkKeySetURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("jwks_url %q is not a URL such as https://auth.example.com/jwks.json", text)
	case u.User != nil:
		return errors.New("jwks_url holds a user name or password; key sets are public")
	case u.Scheme != "https" && !isLoopbackHTTP(u):
		return fmt.Errorf("jwks_url %q must begin with https://, or anybody on the way could put in a key", text)
	}
	return nil
}

// isLoopbackHTTP reports whether a URL is one of this machine.
func isLoopbackHTTP(u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// known returns the set that is in use, which is fetched if there is none. An
// old one is renewed in the background.
func (k *KeySet) known() (*fetchedKeys, error) {
	k.mu.Lock()
	current, now := k.current, k.now()
	if current != nil && !k.renewing && now.Sub(current.at) >= keySetFresh && now.Sub(k.tried) >= keySetFloor {
		k.renewing = true
		go k.renew(current)
	}
	k.mu.Unlock()
	if current != nil {
		return current, nil
	}
	return k.newer(nil)
}

func (k *KeySet) renew(current *fetchedKeys) {
	_, _ = k.newer(current) // it has been reported, and the old set stays
	k.mu.Lock()
	k.renewing = false
	k.mu.Unlock()
}

// newer returns a set that was fetched after the given one, or that one if it
// was fetched less than a minute ago. The error is that of the last fetch, also
// if it was too recent to be repeated.
func (k *KeySet) newer(than *fetchedKeys) (*fetchedKeys, error) {
	set, err, _ := k.flight.Do("", func() (any, error) {
		k.mu.Lock()
		current, began, err := k.current, k.now(), k.err
		if current != than {
			k.mu.Unlock()
			return current, nil // somebody else has fetched it
		}
		if !k.tried.IsZero() && began.Sub(k.tried) < keySetFloor {
			k.mu.Unlock()
			return current, err
		}
		k.tried = began
		k.mu.Unlock()

		keys, err := k.fetch()
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.err = err; err == nil {
			k.current = &fetchedKeys{keys, began}
		}
		return k.current, err
	})
	return set.(*fetchedKeys), err
}

func (k *KeySet) fetch() ([]publicKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), keySetTimeout)
	defer cancel()
	document, err := k.fetcher.Fetch(ctx, k.url)
	var keys []publicKey
	if err == nil {
		keys, err = parseKeySet(document)
	}
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the URL
		}
		err = fmt.Errorf("the keys could not be fetched: %w", err)
		if k.Report != nil {
			k.Report(err)
		}
	}
	return keys, err
}

// parseKeySet reads the keys of a JSON Web Key Set that can check signatures.
// Others are left out, as RFC 7517 section 5 demands.
func parseKeySet(document []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	var keys []publicKey
	for _, entry := range set.Keys {
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON(entry); err != nil || !jwk.Valid() || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		if public := jwk.Public(); public.Key != nil {
			keys = append(keys, publicKey{id: jwk.KeyID, algorithm: jwk.Algorithm, key: public.Key})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set holds no public key for signatures")
	}
	return keys, nil
}
