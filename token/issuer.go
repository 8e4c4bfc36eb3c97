package token

import (
	"context"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Answer is a token as its client gets it.
type Answer struct {
	Body   []byte // JSON
	Claims *Claims
}

// Issue makes a token for a client and puts it into an answer. Defaults must
// have been set.
func (c *Config) Issue(ctx context.Context, keys Keys, client *Client, now time.Time) (*Answer, error) {
	key, err := keys.Signing(ctx, now)
	if err != nil {
		return nil, err
	}
	audience := client.For
	if len(audience) == 0 {
		audience = []string{c.Issuer}
	}
	ttl := time.Duration(c.TTL)
	claims := &Claims{Issuer: c.Issuer, Subject: client.ID, Audience: audience, Issued: now, Expires: now.Add(ttl)}
	signed, err := Mint(key, claims)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"token_type": "Bearer", "expires_in": int(ttl.Seconds())}
	path, err := payload.ParsePath(c.Field)
	if err != nil {
		return nil, err
	}
	at := fields
	for _, name := range path[:len(path)-1] {
		inner := make(map[string]any)
		at[name] = inner
		at = inner
	}
	at[path[len(path)-1]] = signed
	body, err := payload.Encode(fields)
	return &Answer{Body: body, Claims: claims}, err
}
