package caddyfile

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// ParseSign reads a webhook_sign directive, of which d has consumed the name
// and the matcher. Secrets on its own line must show that they are meant as
// such: they begin with whsec_, whsk_ or a placeholder's brace. Syntax:
//
//	webhook_sign [<matcher>] [<secret...>] {
//	    secret <value...>
//	}
func ParseSign(d *caddyfile.Dispenser) ([]string, error) {
	var secrets []string
	for _, arg := range d.RemainingArgs() {
		if !strings.HasPrefix(arg, "whsec_") && !strings.HasPrefix(arg, "whsk_") && !strings.HasPrefix(arg, "{") {
			return nil, d.Errf("webhook_sign: a secret on this line begins with whsec_, whsk_ or a placeholder such as {env.NAME}")
		}
		if err := verify.CheckWritten(arg, nil); err != nil {
			return nil, d.Errf("webhook_sign: a secret %v", err)
		}
		secrets = append(secrets, arg)
	}
	start := *d
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "secret" {
			return nil, d.Errf("unrecognized subdirective %s; it can be secret", d.Val())
		}
		if err := secretArgs(d, &secrets); err != nil {
			return nil, err
		}
	}
	if len(secrets) == 0 {
		return nil, start.Err("webhook_sign needs a secret")
	}
	return secrets, nil
}
