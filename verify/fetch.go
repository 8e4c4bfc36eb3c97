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

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/caddy-webhooks/caddy-webhooks/internal/version"
)

// Bounds of what is fetched from a provider.
const (
	fetchTimeout  = 10 * time.Second
	maxFetched    = 64 << 10
	fetchedFor    = 24 * time.Hour
	retryAfter    = time.Minute
	maxFetchCache = 100
	fetchEvery    = 10 * time.Second // on average, for what is not known
	fetchBurst    = 20
)

// Fetcher gets a document by its URL, which the caller has checked.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// httpsFetcher fetches by HTTPS and follows no redirect.
type httpsFetcher struct {
	client   *http.Client
	loopback bool // this machine itself may be asked by HTTP
	limit    int  // the largest document in bytes
}

// NewFetcher returns the Fetcher for URLs that senders choose: it connects to
// no private address whatever a name resolves to.
func NewFetcher() Fetcher {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: refusePrivate}
	return &httpsFetcher{
		client: &http.Client{
			Timeout:       fetchTimeout,
			Transport:     &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		limit: maxFetched,
	}
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
	if err != nil || parsed.User != nil || parsed.Scheme != "https" && (!f.loopback || !isLoopbackHTTP(parsed)) {
		return nil, errors.New("not an https URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", version.UserAgent())
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", parsed.Host, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(f.limit)+1))
	if err == nil && len(body) > f.limit {
		err = fmt.Errorf("%s sent more than %d bytes", parsed.Host, f.limit)
	}
	return body, err
}

// fetchCache remembers what was fetched for a day. Senders choose what is asked
// for, so misses are limited, failures are remembered for a while, and neither
// pushes out what was fetched well.
type fetchCache struct {
	fetcher Fetcher
	flight  singleflight.Group
	limit   *rate.Limiter

	mu     sync.Mutex
	good   map[string]fetched
	failed map[string]fetched
}

type fetched struct {
	content []byte
	err     error
	until   time.Time
}

func newFetchCache(fetcher Fetcher) *fetchCache {
	return &fetchCache{
		fetcher: fetcher,
		limit:   rate.NewLimiter(rate.Every(fetchEvery), fetchBurst),
		good:    make(map[string]fetched),
		failed:  make(map[string]fetched),
	}
}

// get returns a document. Documents that are known do not wait for others.
func (c *fetchCache) get(target string, now time.Time) ([]byte, error) {
	if entry, ok := c.known(target, now); ok {
		return entry.content, entry.err
	}
	content, err, _ := c.flight.Do(target, func() (any, error) {
		if entry, ok := c.known(target, now); ok {
			return entry.content, entry.err
		}
		content, err := c.fetch(target, now)
		if err != nil {
			// What was good yesterday is better than nothing: a certificate
			// has an end of its own, and senders can use the limit up.
			if old, ok := c.expired(target); ok {
				return old, nil
			}
		}
		return content, err
	})
	return content.([]byte), err
}

// fetch gets a document unless too many were asked for.
func (c *fetchCache) fetch(target string, now time.Time) ([]byte, error) {
	if !c.limit.AllowN(now, 1) {
		return nil, errors.New("too many different documents were asked for")
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	content, err := c.fetcher.Fetch(ctx, target)
	c.remember(target, content, err, now)
	return content, err
}

// expired returns a document whose day is over.
func (c *fetchCache) expired(target string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.good[target]
	return entry.content, ok
}

func (c *fetchCache) known(target string, now time.Time) (fetched, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	good, isGood := c.good[target]
	if isGood && now.Before(good.until) {
		return good, true
	}
	failed, ok := c.failed[target]
	if !ok || !now.Before(failed.until) {
		return fetched{}, false
	}
	if isGood { // its day is over, but there is no other
		return good, true
	}
	return failed, true
}

func (c *fetchCache) remember(target string, content []byte, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, until := c.good, now.Add(fetchedFor)
	if err != nil {
		entries, until = c.failed, now.Add(retryAfter)
	}
	if len(entries) >= maxFetchCache {
		clear(entries)
	}
	entries[target] = fetched{content, err, until}
}
