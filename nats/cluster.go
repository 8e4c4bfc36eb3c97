package nats

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Cluster is how servers are reached.
type Cluster struct {
	// URLs of servers of the cluster, of which one is enough to find the others.
	// User and password may be in them.
	URLs []string

	// Credentials is a file with a user's JWT and key. Optional.
	Credentials string

	// CA is a file with the certificates by which the servers' are verified.
	// Optional.
	CA string

	// Certificate and Key are files with what the servers know this client by.
	// Optional.
	Certificate, Key string
}

// Place names the cluster without secrets.
func (c *Cluster) Place() string {
	hosts := make([]string, len(c.URLs))
	for i, text := range c.URLs {
		hosts[i] = "nats://" + hostOf(text)
	}
	slices.Sort(hosts)
	return strings.Join(slices.Compact(hosts), ",")
}

// placeKey makes what connection returns useless to whoever reads it.
var placeKey = rand.Text()

// connection names the cluster and how it is reached, without secrets. It is the
// same for the same settings, in this process.
func (c *Cluster) connection() string {
	mac := hmac.New(sha256.New, []byte(placeKey))
	fmt.Fprintf(mac, "%q", append([]string{c.Credentials, c.CA, c.Certificate, c.Key}, c.URLs...))
	return c.Place() + "#" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// hostOf returns the host and port of a URL, and nothing that may be a secret.
func hostOf(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" {
		return "invalid"
	}
	return parsed.Host
}

// check says what is wrong with the URLs.
func (c *Cluster) check() error {
	if len(c.URLs) == 0 {
		return errors.New("write the URL of a server, such as nats://localhost:4222")
	}
	for _, text := range c.URLs {
		parsed, err := url.Parse(text)
		if err != nil || parsed.Host == "" || parsed.Scheme != "nats" && parsed.Scheme != "tls" {
			return errors.New("a server's URL begins with nats:// or tls://, such as nats://localhost:4222")
		}
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errors.New("a client certificate needs its key, and the other way round")
	}
	return nil
}

// connect finds a server. A connection that breaks is made anew, for ever.
func (c *Cluster) connect() (*nats.Conn, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("caddy-webhooks"), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.Timeout(patience), nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Certificate != "" {
		options = append(options, nats.ClientCert(c.Certificate, c.Key))
	}
	conn, err := nats.Connect(strings.Join(c.URLs, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.Place(), c.redact(err))
	}
	return conn, nil
}

// redact keeps passwords in URLs out of an error.
func (c *Cluster) redact(err error) error {
	text := err.Error()
	for _, server := range c.URLs {
		if parsed, err := url.Parse(server); err == nil && parsed.User != nil {
			text = strings.ReplaceAll(text, server, hostOf(server))
			if password, ok := parsed.User.Password(); ok && password != "" {
				text = strings.ReplaceAll(text, password, "…")
			}
			text = strings.ReplaceAll(text, parsed.User.String(), "…")
		}
	}
	return errors.New(text)
}

// isUnanswered reports whether nobody has answered, as while a leader is chosen.
func isUnanswered(err error) bool {
	return slices.ContainsFunc([]error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		jetstream.ErrNoStreamResponse,
	}, func(silence error) bool { return errors.Is(err, silence) })
}

// explain makes an error of the servers one of package deliver, if it is one.
func explain(err error) error {
	refused, answered := errors.AsType[*jetstream.APIError](err)
	switch {
	case errors.Is(err, nats.ErrConnectionClosed):
		return deliver.ErrClosed
	case isUnanswered(err), answered && refused.Code >= 500: // such as that the cluster is not ready
		return fmt.Errorf("%w: %w", deliver.ErrUnavailable, err)
	}
	return err
}
