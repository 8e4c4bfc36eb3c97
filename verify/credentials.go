package verify

import (
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Credentials says where in a request its credentials are, so that whoever
// shows requests can leave them out.
type Credentials struct {
	// Headers are canonical names. One that ends in # stands for that name
	// with any number after it.
	Headers []string

	// Query are the names of parameters in the URL's query.
	Query []string

	// Paths lead to values in the body.
	Paths []payload.Path
}

// snsCredentials are the values in the bodies of Amazon SNS with which somebody
// could confirm or end a subscription, and the signature.
var snsCredentials = []string{"Signature", "Token", "SubscribeURL", "UnsubscribeURL"}

// Credentials returns all places where this endpoint or its provider has
// credentials.
func (v *Verifier) Credentials() Credentials {
	c := v.Tokens()
	p := v.provider
	for _, way := range p.ways {
		if way.signature == nil {
			continue
		}
		for i := range way.signature.from {
			c.add(way, &way.signature.from[i])
		}
	}
	for _, check := range v.checks {
		if _, ok := check.(*snsScheme); ok {
			for _, name := range snsCredentials {
				c.Paths = append(c.Paths, payload.Path{name})
			}
		}
	}
	return c
}

// Tokens returns the places of those credentials that whoever reads them can use
// again for any webhook: tokens, and the secret that a provider makes up and
// sends in a handshake. A signature is good for one webhook, and is none.
func (v *Verifier) Tokens() Credentials {
	c := Credentials{Headers: []string{"Authorization", "Proxy-Authorization", "Cookie"}}
	p := v.provider
	c.add(p, &p.token)
	for i := range p.handshakes {
		if shown := p.handshakes[i].show; shown != nil {
			c.add(p, shown)
		}
	}
	for _, check := range v.checks {
		if a, ok := check.(*anyOf); ok {
			for i := range a.ways {
				c.addToken(p, a.ways[i].check)
			}
			continue
		}
		c.addToken(p, check)
	}
	return c
}

// addToken adds the place of the token that a check looks for, if it does.
func (c *Credentials) addToken(p *Provider, of check) {
	switch of := of.(type) {
	case *tokenScheme:
		c.add(p, &of.from)
	case *jwtScheme:
		c.add(p, &of.from)
	case *issuedScheme:
		c.add(p, &of.from)
	}
}

func (c *Credentials) add(p *Provider, f *field) {
	switch f.kind {
	case headerField:
		c.Headers = append(c.Headers, f.name)
	case numberedHeader:
		c.Headers = append(c.Headers, f.name+"#")
	case queryField:
		c.Query = append(c.Query, f.name)
	case bodyPath:
		c.Paths = append(c.Paths, f.path)
	case itemPath:
		path := append(payload.Path{}, p.forEach.path...)
		c.Paths = append(c.Paths, append(append(path, payload.Every), f.path...))
	}
}

// HoldHeader reports whether a header, by its canonical name, holds credentials.
func (c *Credentials) HoldHeader(name string) bool {
	for _, held := range c.Headers {
		if prefix, numbered := strings.CutSuffix(held, "#"); numbered {
			if rest, ok := strings.CutPrefix(name, prefix); ok && strings.Trim(rest, "0123456789") == "" {
				return true
			}
		} else if name == held {
			return true
		}
	}
	return false
}
