package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/version"
)

// Remote is a Source that asks a web service: GET of a URL and the tenant's id. 200
// answers with the tenant's JSON, 404 and 410 say that there is none, all else is a
// failure. Redirects are not followed, and no proxy is used.
type Remote struct {
	base    string
	prepare func(*http.Request) error
	client  *http.Client
}

// NewRemote returns the Source of the tenants below a URL: https, or http of this very
// machine. The function, if it is not nil, prepares each request: it sets what the
// service knows Caddy by.
func NewRemote(base string, prepare func(*http.Request) error) (*Remote, error) {
	parsed, err := url.Parse(base)
	switch {
	case err != nil || parsed.Host == "" || parsed.Opaque != "":
		return nil, errors.New("the URL of tenants is none; write https://host/path")
	case parsed.User != nil:
		return nil, errors.New("the URL of tenants has a password in it; send it in a header")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return nil, errors.New("the URL of tenants cannot have a query or a fragment: the id is its last part")
	}
	dialer := &net.Dialer{Timeout: defaultTimeout}
	switch {
	case parsed.Scheme == "https":
	case parsed.Scheme == "http" && isLoopback(parsed.Hostname()):
		dialer.Control = refuseElsewhere
	default:
		return nil, errors.New("the URL of tenants must begin with https://; http:// is for localhost only")
	}
	return &Remote{
		base:    strings.TrimRight(base, "/"),
		prepare: prepare,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
				MaxIdleConnsPerHost: 2 * defaultAtOnce, IdleConnTimeout: time.Minute,
				TLSHandshakeTimeout: defaultTimeout, MaxResponseHeaderBytes: maxDocument,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// refuseElsewhere looks at the address itself, after the name was resolved.
func refuseElsewhere(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return errors.New("not an address of this machine")
	}
	return nil
}

// Tenant implements Source.
func (r *Remote) Tenant(ctx context.Context, id string) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/"+id, nil)
	if err != nil {
		return nil, errors.New("no request can be made of the URL of tenants")
	}
	request.Header.Set("Accept", "application/json")
	if r.prepare != nil {
		if err := r.prepare(request); err != nil {
			return nil, err
		}
	}
	request.Header.Set("User-Agent", version.UserAgent())
	response, err := r.client.Do(request)
	if err != nil {
		return nil, plainURLError(err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, ErrUnknown
	default:
		return nil, fmt.Errorf("the service of tenants answered %d", response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, errors.New("the answer of the service of tenants broke off")
	}
	return Parse(id, document)
}

// Close lets go of idle connections.
func (r *Remote) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// plainURLError leaves the URL out of an error, which has the id in it.
func plainURLError(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the service of tenants: %w", failed.Err)
	}
	return err
}
