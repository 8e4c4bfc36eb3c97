package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// jwtOptions are the lines of a jwt block. Only key may be repeated.
var jwtOptions = []string{"key", "jwks_url", "algorithms", "issuer", "audience", "header", "require"}

// parseJWT reads a jwt block.
func parseJWT(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	if c.JWT != nil {
		return d.Err("jwt is already specified; a key that replaces another one is a further key in the same block")
	}
	if d.NextArg() {
		return d.Errf("jwt takes no value, not %s; what a token must say stands in its block", d.Val())
	}
	c.JWT = new(verify.JWTCredential)
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "key" {
			return d.Errf("%s is already specified", name)
		}
		seen[name] = true
		if err := jwtLine(d, c.JWT); err != nil {
			return err
		}
	}
	return nil
}

// jwtLine reads a line of a jwt block.
func jwtLine(d *caddyfile.Dispenser, c *verify.JWTCredential) error {
	var err error
	switch name := d.Val(); name {
	case "key":
		return secretArgs(d, &c.Keys)
	case "algorithms":
		return appendArgs(d, &c.Algorithms)
	case "jwks_url":
		c.JWKSURL, err = oneArg(d)
	case "issuer":
		c.Issuer, err = oneArg(d)
	case "audience":
		c.Audience, err = oneArg(d)
	case "header":
		args := d.RemainingArgs()
		if len(args) == 0 || len(args) > 2 {
			return d.Err("header takes the name of a header, and the text before the token if there is one")
		}
		c.Header = args[0]
		if len(args) == 2 {
			prefix := spaced(args[1])
			c.Prefix = &prefix
		}
		return noBlock(d, name)
	case "require":
		if c.Require, err = expression(d); err != nil {
			return err
		}
		if _, err := route.CompileClaims(c.Require); err != nil {
			return d.Errf("require: %v", err)
		}
		return noBlock(d, name)
	default:
		return d.Errf("unrecognized line %s in jwt%s", name, suggest.DidYouMean(name, jwtOptions))
	}
	return err
}
