package caddyfile

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// setter reads the arguments of one subdirective into a configuration.
type setter func(d *caddyfile.Dispenser, c *verify.Endpoint) error

// credentials may be repeated: values of one kind are alternatives.
var credentials = map[string]setter{
	"secret": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		return appendArgs(d, &c.Secrets)
	},
	"token": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		return appendArgs(d, &c.Tokens)
	},
	"token_header": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		args := d.RemainingArgs()
		if len(args) < 2 {
			return d.Err("token_header needs the name of a header and at least one value")
		}
		if strings.ContainsAny(args[0], "_.") {
			warn(d, "Caddy removes headers with an underscore or a dot in their name, such as "+args[0]+
				", unless the global option servers allows them with expected_underscore_headers or expected_dot_headers")
		}
		for i := range c.TokenHeaders {
			if strings.EqualFold(c.TokenHeaders[i].Name, args[0]) {
				c.TokenHeaders[i].Values = append(c.TokenHeaders[i].Values, args[1:]...)
				return noBlock(d, "token_header")
			}
		}
		c.TokenHeaders = append(c.TokenHeaders, verify.TokenHeader{Name: args[0], Values: args[1:]})
		return noBlock(d, "token_header")
	},
	"basic": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		args := d.RemainingArgs()
		if len(args) != 2 {
			return d.Err("basic needs a user name and a password")
		}
		c.Basic = append(c.Basic, verify.Account{Username: args[0], Password: args[1]})
		return noBlock(d, "basic")
	},
	"jwt": parseJWT,
}

// options may be given once.
var options = map[string]setter{
	"issued": issued,
	"unverified": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.Unverified = true
		return noArgs(d)
	},
	"tenant": tenant,
	"require_signed": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.RequireSigned = true
		return noArgs(d)
	},
	"synchronous": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.Synchronous = true
		return noArgs(d)
	},
	"log_accepted": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.LogAccepted = true
		return noArgs(d)
	},
	"diagnose": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.Diagnose = true
		return noArgs(d)
	},
	"observe": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.Observe = true
		return noArgs(d)
	},
	"confirm_subscription": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		c.ConfirmSubscription = true
		return noArgs(d)
	},
	"sources": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		if c.Sources = d.RemainingArgs(); len(c.Sources) == 0 {
			c.Sources = []string{verify.Published}
		}
		return noBlock(d, "sources")
	},
	"methods": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		err := appendArgs(d, &c.Methods)
		for i, method := range c.Methods {
			c.Methods[i] = strings.ToUpper(method)
		}
		return err
	},
	"content": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		segment, err := contentSegment(d)
		c.Content = verify.Content{segment}
		return err
	},
	"event": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		return appendArgs(d, &c.Event)
	},
	"id": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		return appendArgs(d, &c.ID)
	},
	"tolerance": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if c.Tolerance, err = verify.ParseDuration(text); err != nil {
			return d.Errf("tolerance: %v", err)
		}
		return nil
	},
	"payload": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		var err error
		c.Payload, err = oneArg(d)
		return err
	},
	"name":         endpointName,
	"replay":       replay,
	"map_status":   mapStatus,
	"expect_every": expectEvery,
	"inspect": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		var err error
		c.Inspect, err = ParseInspect(d)
		return err
	},
	"public_url": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		var err error
		c.PublicURL, err = oneArg(d)
		return err
	},
	"max_size": func(d *caddyfile.Dispenser, c *verify.Endpoint) error {
		var err error
		c.MaxSize, err = sizeArg(d)
		return err
	},
}

// sizeArg reads the one argument of a line, a number of bytes.
func sizeArg(d *caddyfile.Dispenser) (int64, error) {
	name := d.Val()
	text, err := oneArg(d)
	if err != nil {
		return 0, err
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > 1<<40 {
		return 0, d.Errf("%s: %q is not a size; write something like 5MiB", name, text)
	}
	return int64(size), nil
}

// appendArgs adds all arguments of a line, of which there must be one at least.
func appendArgs(d *caddyfile.Dispenser, to *[]string) error {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s needs at least one value; is a placeholder of the form {$NAME} empty?", name)
	}
	*to = append(*to, args...)
	return noBlock(d, name)
}

// secretArgs is appendArgs for values that are secrets.
func secretArgs(d *caddyfile.Dispenser, to *[]string) error {
	line, name := *d, d.Val()
	if err := appendArgs(d, to); err != nil {
		return err
	}
	for i, value := range *to {
		if err := verify.CheckWritten(value, nil); err != nil {
			return line.Errf("%s %d %v", name, i+1, err)
		}
	}
	return nil
}

// oneArg returns the single argument of a line.
func oneArg(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 {
		return "", d.Errf("%s takes one value", name)
	}
	return args[0], noBlock(d, name)
}

func noArgs(d *caddyfile.Dispenser) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("%s takes no value, not %s", name, d.Val())
	}
	return noBlock(d, name)
}

// noBlock refuses a block where a subdirective has none.
func noBlock(d *caddyfile.Dispenser, name string) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s has no block", name)
	}
	return nil
}

// contentSegment reads "<template> [refuse|empty|drop] [lower] [ambiguous]".
func contentSegment(d *caddyfile.Dispenser) (verify.Segment, error) {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return verify.Segment{}, d.Errf("%s needs a template, such as {timestamp}.{body}", name)
	}
	segment := verify.Segment{Text: args[0]}
	for _, arg := range args[1:] {
		switch arg {
		case "refuse", "empty", "drop":
			segment.Absent = arg
		case "lower":
			segment.Lower = true
		case "ambiguous":
			segment.Ambiguous = true
		default:
			return segment, d.Errf("%s: unknown word %s after the template; it can be refuse, empty, drop, lower or ambiguous", name, arg)
		}
	}
	return segment, noBlock(d, name)
}
