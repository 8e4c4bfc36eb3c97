package caddyfile

import (
	"regexp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// writtenName is what an operator can call an endpoint. Those that are named by
// their matchers begin with other characters.
var writtenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$`)

// endpointName reads "name <endpoint>".
func endpointName(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	name, err := oneArg(d)
	if err != nil {
		return err
	}
	if !writtenName.MatchString(name) {
		return d.Errf("name: %q cannot be the name of an endpoint; use up to 64 letters, digits, dots, hyphens, "+
			"underscores, colons and slashes, of which the first is a letter or a digit", name)
	}
	return setEndpoint(d, c, name)
}

// setEndpoint gives an endpoint a name, unless it has another one.
func setEndpoint(d *caddyfile.Dispenser, c *verify.Endpoint, name string) error {
	if c.Name != "" && c.Name != name {
		return d.Errf("the endpoint has two names, %s and %s; write one, by name", c.Name, name)
	}
	c.Name = name
	return nil
}

// checkEndpoint refuses a name that means all endpoints of another provider.
func (p *parser) checkEndpoint(d *caddyfile.Dispenser) error {
	name := p.webhook.Endpoint.Name
	if name == "" || name == p.webhook.Endpoint.Provider {
		return nil
	}
	if _, err := verify.Resolve(name, p.own); err == nil {
		return d.Errf("the endpoint's name %s is that of a provider; write another one", name)
	}
	return nil
}
