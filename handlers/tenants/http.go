package tenants

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// HTTP is a source of tenants that asks a web service of the operator's: GET of the URL,
// a slash and the id. The service answers with the tenant's JSON, or with 404 or 410 if
// there is no such tenant; any other answer, and a redirect too, is a failure.
type HTTP struct {
	// Where the service is: https, or http on this very machine. Placeholders such as
	// {env.NAME} are replaced.
	URL string `json:"url,omitempty"`

	// Headers that each request has, such as Authorization. Placeholders such as
	// {env.NAME} and {file./path} are replaced anew for each request.
	Headers map[string]string `json:"headers,omitempty"`

	// How long a tenant is used without asking again. Default: 1m.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// How long an id stays unknown without asking again. Default: 10s.
	NegativeTTL caddy.Duration `json:"negative_ttl,omitempty"`

	// How long a request may take. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How long the last good answer is used while the service fails. Negative: not at
	// all. Default: 1h.
	Stale caddy.Duration `json:"stale,omitempty"`

	// How many requests run at a time for tenants that are known, and again for ids that
	// are not. Default: 16.
	AtOnce int `json:"at_once,omitempty"`

	*tenant.Remote `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (HTTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".http", New: func() caddy.Module { return new(HTTP) }}
}

// Provision checks the URL.
func (h *HTTP) Provision(caddy.Context) error {
	for name := range h.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
	}
	if h.TTL < 0 || h.NegativeTTL < 0 || h.Timeout < 0 || h.AtOnce < 0 {
		return errors.New("ttl, negative_ttl, timeout and at_once cannot be negative")
	}
	target, err := caddy.NewReplacer().ReplaceOrErr(h.URL, true, true)
	if err != nil {
		return fmt.Errorf("the URL of tenants: %w", err)
	}
	h.Remote, err = tenant.NewRemote(target, h.prepare)
	return err
}

// prepare puts the headers into a request. What their placeholders stand for may have
// changed since the last one.
func (h *HTTP) prepare(r *http.Request) error {
	repl := caddy.NewReplacer()
	for name, value := range h.Headers {
		expanded, err := repl.ReplaceOrErr(value, true, true)
		if err != nil || !httpguts.ValidHeaderFieldValue(expanded) {
			return fmt.Errorf("the header %s of the request cannot be made: a placeholder in it is empty or unknown", name)
		}
		r.Header.Set(name, expanded)
	}
	return nil
}

// Options say how answers are kept.
func (h *HTTP) Options() tenant.Options {
	or := func(given caddy.Duration, otherwise time.Duration) time.Duration {
		if given == 0 {
			return otherwise
		}
		return time.Duration(given)
	}
	return tenant.Options{
		TTL: or(h.TTL, defaultOptions.TTL), NegativeTTL: or(h.NegativeTTL, defaultOptions.NegativeTTL),
		Stale: or(h.Stale, defaultOptions.Stale), Timeout: time.Duration(h.Timeout), AtOnce: h.AtOnce,
	}
}

// Cleanup lets go of connections.
func (h *HTTP) Cleanup() error {
	if h.Remote == nil {
		return nil
	}
	return h.Close()
}

// UnmarshalCaddyfile reads the source's options. Syntax:
//
//	http <url> {
//	    header       <name> <value>
//	    ttl          <duration>
//	    negative_ttl <duration>
//	    timeout      <duration>
//	    stale        <duration>|off
//	    at_once      <number>
//	}
func (h *HTTP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if !d.AllArgs(&h.URL) {
		return d.Err("http takes the URL of a service")
	}
	durations := map[string]*caddy.Duration{"ttl": &h.TTL, "negative_ttl": &h.NegativeTTL, "timeout": &h.Timeout, "stale": &h.Stale}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option, args := d.Val(), d.RemainingArgs()
		switch {
		case option == "header" && len(args) == 2:
			if h.Headers == nil {
				h.Headers = make(map[string]string)
			}
			h.Headers[http.CanonicalHeaderKey(args[0])] = args[1]
		case option == "header":
			return d.Err("header takes a name and a value")
		case option != "at_once" && durations[option] == nil:
			return d.Errf("unrecognized option %s of the tenants' source http; it can be header, ttl, negative_ttl, timeout, stale or at_once", option)
		case len(args) != 1:
			return d.Errf("%s takes one value", option)
		case option == "stale" && args[0] == "off":
			h.Stale = -1
		case option == "at_once":
			var err error
			if h.AtOnce, err = strconv.Atoi(args[0]); err != nil || h.AtOnce < 1 {
				return d.Errf("at_once: %q is not a number above 0", args[0])
			}
		default:
			duration, err := caddy.ParseDuration(args[0])
			if err != nil || duration <= 0 {
				return d.Errf("%s: %q is not a duration above 0, such as 30s", option, args[0])
			}
			*durations[option] = caddy.Duration(duration)
		}
	}
	return nil
}

// Interface guards
var (
	_ tenant.Source         = (*HTTP)(nil)
	_ Cached                = (*HTTP)(nil)
	_ caddy.Provisioner     = (*HTTP)(nil)
	_ caddy.CleanerUpper    = (*HTTP)(nil)
	_ caddyfile.Unmarshaler = (*HTTP)(nil)
)
