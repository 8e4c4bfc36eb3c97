package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Bounds of what is fetched from a provider.
const (
	fetchTimeout  = 10 * time.Second
	maxFetched    = 64 << 10
	fetchedFor    = 24 * time.Hour
	retryAfter    = time.Minute
	maxFetchCache = 100
)

// Fetcher gets a document by its URL, which the caller has checked.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// httpsFetcher fetches by HTTPS, follows no redirect, and connects to no
// private address whatever a name resolves to.
type httpsFetcher struct{ client *http.Client }

// NewFetcher returns the Fetcher that is used where none is given.
func NewFetcher() Fetcher {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: refusePrivate}
	return &httpsFetcher{client: &http.Client{
		Timeout:       fetchTimeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// refusePrivate looks at the address itself, after the name was resolved.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return fmt.Errorf("%s is not a public address", ip)
	}
	return nil
}

// Fetch implements Fetcher.
func (f *httpsFetcher) Fetch(ctx context.Context, target string) ([]byte, error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Scheme != "https" || parsed.User != nil {
		return nil, errors.New("not an https URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", parsed.Host, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFetched+1))
	if err == nil && len(body) > maxFetched {
		err = fmt.Errorf("%s sent more than %d bytes", parsed.Host, maxFetched)
	}
	return body, err
}

// fetchCache remembers what was fetched, and failures for a while, so that a
// flood of requests makes no flood of fetches.
type fetchCache struct {
	fetcher Fetcher
	mu      sync.Mutex
	entries map[string]fetched
}

type fetched struct {
	content []byte
	err     error
	until   time.Time
}

func (c *fetchCache) get(target string, now time.Time) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.entries[target]; ok && now.Before(entry.until) {
		return entry.content, entry.err
	}
	if c.entries == nil || len(c.entries) >= maxFetchCache {
		c.entries = make(map[string]fetched)
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	content, err := c.fetcher.Fetch(ctx, target)
	until := now.Add(fetchedFor)
	if err != nil {
		until = now.Add(retryAfter)
	}
	c.entries[target] = fetched{content, err, until}
	return content, err
}
