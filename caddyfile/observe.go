package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// expectEvery reads "expect_every <duration>".
func expectEvery(d *caddyfile.Dispenser, c *verify.Endpoint) error {
	text, err := oneArg(d)
	if err != nil {
		return err
	}
	if c.ExpectEvery, err = verify.ParseDuration(text); err != nil || c.ExpectEvery == verify.Off {
		return d.Errf("expect_every: %q is not a duration; write something like 10m", text)
	}
	return nil
}

// inspectOptions are the names that an inspect block may contain.
var inspectOptions = []string{"bodies", "redact"}

// ParseInspect reads the subdirective or the option inspect. Syntax:
//
//	inspect [<keep>|off] {
//	    bodies [personal]
//	    redact <path...>|personal
//	}
func ParseInspect(d *caddyfile.Dispenser) (*verify.Inspect, error) {
	start := *d
	inspect := new(verify.Inspect)
	switch args := d.RemainingArgs(); {
	case len(args) > 1:
		return nil, d.Err("inspect takes a number or off")
	case len(args) == 1 && args[0] == "off":
		inspect.Off = true
	case len(args) == 1:
		keep, err := strconv.Atoi(args[0])
		if err != nil || keep <= 0 {
			return nil, d.Errf("inspect: %q is not how many requests are kept; write a number such as 50, or off", args[0])
		}
		inspect.Keep = keep
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "bodies":
			inspect.Bodies = true
			switch args := d.RemainingArgs(); {
			case len(args) == 1 && args[0] == verify.PersonalData:
				inspect.Personal = true
			case len(args) > 0:
				return nil, d.Errf("bodies takes nothing, or personal to keep personal data, too, not %s", args[0])
			}
			if err := noBlock(d, "bodies"); err != nil {
				return nil, err
			}
		case "redact":
			if err := appendArgs(d, &inspect.Redact); err != nil {
				return nil, err
			}
		default:
			return nil, d.Errf("unrecognized option %s in inspect%s", d.Val(), suggest.DidYouMean(d.Val(), inspectOptions))
		}
	}
	if err := inspect.Check(); err != nil {
		return nil, start.WrapErr(err)
	}
	return inspect, nil
}
