package caddyfile

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/token"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// ParseToken reads a webhook_token directive, of which d has consumed the name
// and the matcher. Syntax:
//
//	webhook_token [<matcher>] [<issuer>] {
//	    client   <id> <secret> [for <provider or endpoint...>]
//	    field    <id-name> <secret-name>
//	    header   <id-name> <secret-name>
//	    ttl      <duration>
//	    response <field> [<status>]
//	    key      <value...>
//	}
func ParseToken(d *caddyfile.Dispenser) (*token.Config, error) {
	start := *d
	config := new(token.Config)
	switch args := d.RemainingArgs(); {
	case len(args) == 1:
		config.Issuer = args[0]
	case len(args) > 1:
		return nil, d.Errf("webhook_token takes the name of an issuer, and no more than that; clients stand in its block")
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		set, ok := tokenOptions[name]
		if !ok {
			return nil, d.Errf("unrecognized subdirective %s%s", name, suggest.DidYouMean(name, tokenSubdirectives))
		}
		if seen[name] && name != "client" && name != "key" {
			return nil, d.Errf("%s is already specified", name)
		}
		seen[name] = true
		if err := set(d, config); err != nil {
			return nil, err
		}
	}
	if err := config.Check(); err != nil {
		return nil, start.WrapErr(err)
	}
	return config, nil
}

// tokenSubdirectives are the names that a webhook_token block may contain.
var tokenSubdirectives = []string{"client", "field", "header", "ttl", "response", "key"}

var tokenOptions = map[string]func(*caddyfile.Dispenser, *token.Config) error{
	"client": func(d *caddyfile.Dispenser, c *token.Config) error {
		args := d.RemainingArgs()
		switch {
		case len(args) < 2:
			return d.Err("client needs an id and a secret")
		case len(args) == 2:
		case args[2] != "for" || len(args) == 3:
			return d.Err("client takes an id, a secret and, after the word for, names of providers or endpoints")
		}
		if err := verify.CheckWritten(args[1], nil); err != nil {
			return d.Errf("client: the secret %v", err)
		}
		client := token.Client{ID: args[0], Secret: args[1]}
		if len(args) > 3 {
			client.For = args[3:]
		}
		c.Clients = append(c.Clients, client)
		return noBlock(d, "client")
	},
	"field": func(d *caddyfile.Dispenser, c *token.Config) (err error) {
		c.Fields, err = tokenNames(d)
		return err
	},
	"header": func(d *caddyfile.Dispenser, c *token.Config) (err error) {
		c.Headers, err = tokenNames(d)
		return err
	},
	"ttl": func(d *caddyfile.Dispenser, c *token.Config) error {
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if c.TTL, err = verify.ParseDuration(text); err != nil || c.TTL == verify.Off {
			return d.Errf("ttl: %q is not a duration; write something like 1h", text)
		}
		return nil
	},
	"response": func(d *caddyfile.Dispenser, c *token.Config) error {
		args := d.RemainingArgs()
		if len(args) < 1 || len(args) > 2 {
			return d.Err("response takes the field of the token and, if you like, a status")
		}
		c.Field = args[0]
		if len(args) == 2 {
			var err error
			if c.Status, err = strconv.Atoi(args[1]); err != nil || c.Status == 0 {
				return d.Errf("response: %q is not a status; write something like 200", args[1])
			}
		}
		return noBlock(d, "response")
	},
	"key": func(d *caddyfile.Dispenser, c *token.Config) error {
		return secretArgs(d, &c.Keys)
	},
}

func tokenNames(d *caddyfile.Dispenser) (*token.Names, error) {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) != 2 {
		return nil, d.Errf("%s takes two names, of the id and of the secret", name)
	}
	return &token.Names{ID: args[0], Secret: args[1]}, noBlock(d, name)
}

// issued reads "issued [<issuer>] [{ header <name> [<prefix>]; key <value...> }]".
func issued(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	c.Issued = new(verify.Issued)
	switch args := d.RemainingArgs(); {
	case len(args) == 1:
		c.Issued.Issuer = args[0]
	case len(args) > 1:
		return d.Err("issued takes the name of an issuer, which webhook_token has, and no more than that")
	}
	if err := token.CheckIssuer(c.Issued.Issuer); err != nil {
		return d.Errf("issued: %v", err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch name := d.Val(); name {
		case "header":
			args := d.RemainingArgs()
			if len(args) < 1 || len(args) > 2 {
				return d.Err("header takes the name of a header and, if you like, what stands before the token")
			}
			c.Issued.Header = args[0]
			if len(args) == 2 {
				prefix := spaced(args[1])
				c.Issued.Prefix = &prefix
			}
			if err := noBlock(d, name); err != nil {
				return err
			}
		case "key":
			if err := secretArgs(d, &c.Issued.Keys); err != nil {
				return err
			}
		default:
			return d.Errf("unrecognized subdirective %s of issued%s", name, suggest.DidYouMean(name, []string{"header", "key"}))
		}
	}
	return nil
}

// spaced puts a space after a prefix that is a word, such as Bearer.
func spaced(prefix string) string {
	if last, _ := utf8.DecodeLastRuneInString(prefix); unicode.IsLetter(last) || unicode.IsDigit(last) {
		return prefix + " "
	}
	return prefix
}
