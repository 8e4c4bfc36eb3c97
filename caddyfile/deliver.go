package caddyfile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Deliver is what a webhook_deliver directive says. What is not said is zero.
type Deliver struct {
	Name    string
	Mode    string
	Wait    time.Duration
	Timeout time.Duration
	Ack     int
	Retry   []time.Duration
	Success []int // a status, or its first digit
	RetryOn []int // likewise

	Order       string // an expression
	Concurrency int
	RateCount   int
	RatePer     time.Duration
	Breaker     *Breaker
	Delay       string // a duration, or an expression
	To          []DeliverTo
}

// Breaker is after how many failures an app is spared, and how long. No failures:
// never.
type Breaker struct {
	Failures int
	Pause    time.Duration
}

// DeliverTo is one destination: upstreams, or a block of directives.
type DeliverTo struct {
	Name      string               // empty if it is the only one, whose directives stand in webhook_deliver itself
	Upstreams []string             // to proxy to
	Block     *caddyfile.Dispenser // the directives, after a token that plays their directive
}

// deliverOptions are the names that a webhook_deliver block gives a meaning.
// Others are directives.
var deliverOptions = map[string]func(d *caddyfile.Dispenser, config *Deliver) error{
	"mode": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		if config.Mode, err = oneArg(d); err == nil && config.Mode != "spool" && config.Mode != "queue" {
			err = d.Errf("mode is spool (ask the app first) or queue (store first), not %s", config.Mode)
		}
		return err
	},
	"wait": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		config.Wait, err = positiveDuration(d)
		return err
	},
	"timeout": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		config.Timeout, err = positiveDuration(d)
		return err
	},
	"ack": func(d *caddyfile.Dispenser, config *Deliver) error {
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if config.Ack, err = strconv.Atoi(text); err != nil || config.Ack < 200 || config.Ack > 299 {
			return d.Errf("ack is a status from 200 to 299, not %s: only those acknowledge", text)
		}
		return nil
	},
	"retry": func(d *caddyfile.Dispenser, config *Deliver) error {
		args := d.RemainingArgs()
		for _, arg := range args {
			delay, err := caddy.ParseDuration(arg)
			if err != nil || delay <= 0 {
				return d.Errf("retry: %s is not a delay; write delays such as 10s 5m 24h", arg)
			}
			config.Retry = append(config.Retry, delay)
		}
		if len(args) == 0 {
			return d.Err("retry needs the delays after each failed attempt, such as 10s 1m 1h")
		}
		return noBlock(d, "retry")
	},
	"success": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		config.Success, err = statuses(d, "what counts as delivered, such as 2xx or 200 202")
		return err
	},
	"retry_on": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		config.RetryOn, err = statuses(d, "the refusals that are tried again, such as 404")
		return err
	},
	"order": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		config.Order, err = compiled(d)
		return err
	},
	"delay": func(d *caddyfile.Dispenser, config *Deliver) (err error) {
		ahead := *d
		if ahead.NextArg() {
			if delay, err := caddy.ParseDuration(ahead.Val()); err == nil && delay > 0 {
				config.Delay, err = oneArg(d)
				return err
			}
		}
		config.Delay, err = compiled(d)
		return err
	},
	"concurrency": func(d *caddyfile.Dispenser, config *Deliver) error {
		text, err := oneArg(d)
		if err != nil {
			return err
		}
		if config.Concurrency, err = strconv.Atoi(text); err != nil || config.Concurrency < 1 {
			return d.Errf("concurrency is how many attempts are made at once, 1 or more, not %s", text)
		}
		return nil
	},
	"rate":    parseRate,
	"breaker": parseBreaker,
}

// statuses reads statuses and classes of them.
func statuses(d *caddyfile.Dispenser, what string) (all []int, err error) {
	name, args := d.Val(), d.RemainingArgs()
	for _, arg := range args {
		status, err := strconv.Atoi(strings.TrimSuffix(arg, "xx"))
		class := strings.HasSuffix(arg, "xx")
		if err != nil || class && (status < 2 || status > 5) || !class && (status < 200 || status > 599) {
			return nil, d.Errf("%s: %s is not a status such as 200, or a class such as 2xx", name, arg)
		}
		all = append(all, status)
	}
	if len(args) == 0 {
		return nil, d.Errf("%s needs %s", name, what)
	}
	return all, noBlock(d, name)
}

// parseRate reads "rate <n>/<s|m|h>".
func parseRate(d *caddyfile.Dispenser, config *Deliver) error {
	text, err := oneArg(d)
	if err != nil {
		return err
	}
	count, unit, _ := strings.Cut(text, "/")
	config.RatePer = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if config.RateCount, err = strconv.Atoi(count); err != nil || config.RateCount < 1 || config.RatePer == 0 {
		return d.Errf("rate is so many attempts a second, minute or hour, such as 10/s or 600/h, not %s", text)
	}
	return nil
}

// parseBreaker reads "breaker <failures> <pause>" or "breaker off".
func parseBreaker(d *caddyfile.Dispenser, config *Deliver) error {
	args := d.RemainingArgs()
	config.Breaker = new(Breaker)
	if len(args) == 1 && args[0] == "off" {
		return noBlock(d, "breaker")
	}
	if len(args) != 2 {
		return d.Err("breaker needs a number of failures and a pause, such as 10 30s, or off")
	}
	failures, err := strconv.Atoi(args[0])
	if err != nil || failures < 1 {
		return d.Errf("breaker: %s is not a number of failures; write something like 10 30s", args[0])
	}
	pause, err := caddy.ParseDuration(args[1])
	if err != nil || pause <= 0 {
		return d.Errf("breaker: %s is not a pause; write something like 10 30s", args[1])
	}
	config.Breaker.Failures, config.Breaker.Pause = failures, pause
	return noBlock(d, "breaker")
}

func positiveDuration(d *caddyfile.Dispenser) (time.Duration, error) {
	name := d.Val()
	text, err := oneArg(d)
	if err != nil {
		return 0, err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return 0, d.Errf("%s: %s is not a duration; write something like 5s", name, text)
	}
	return duration, nil
}

// deliverName is what deliveries and destinations may be called: the names
// stand in paths, metrics and the store.
var deliverName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// likeUpstream is the address of an app: with a port, or a URL.
var likeUpstream = regexp.MustCompile(`^(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):[0-9]+(?:-[0-9]+)?(?:/.*)?$|^[a-z][a-z0-9+.]*://.|^unix/|^\{`)

// IsDeliverName reports whether deliveries and destinations may be called so:
// up to 64 letters, digits, dots, hyphens and underscores, of which the first is
// a letter or a digit.
func IsDeliverName(name string) bool { return deliverName.MatchString(name) }

// ParseDeliver reads a webhook_deliver directive, of which d has consumed the
// name and the matcher. Syntax:
//
//	webhook_deliver [<matcher>] [<name>] {
//	    mode    spool|queue
//	    wait    <duration>
//	    timeout <duration>
//	    ack     <status>
//	    retry   <delay...>
//	    success <status|class...>
//	    retry_on <status|class...>
//	    order   <expr>
//	    concurrency <number>
//	    rate    <number>/<s|m|h>
//	    breaker <failures> <pause>|off
//	    delay   <duration|expr>
//	    to <name> <upstream...>
//	    to <name> {
//	        <directives...>
//	    }
//	    <directives...>
//	}
//
// The directives of a single destination stand in the block itself, instead of
// in a block of to.
func ParseDeliver(d *caddyfile.Dispenser) (*Deliver, error) {
	config := new(Deliver)
	start := *d
	if d.NextArg() {
		if config.Name = d.Val(); !IsDeliverName(config.Name) {
			if likeUpstream.MatchString(config.Name) {
				return nil, d.Errf("%q cannot be a name; upstreams stand in the block: to app %s", config.Name,
					strings.Join(append([]string{config.Name}, d.RemainingArgs()...), " "))
			}
			return nil, d.Errf("%q cannot be a name; use letters, digits, dots, hyphens and underscores", config.Name)
		}
	}
	if d.NextArg() {
		return nil, d.Errf("webhook_deliver takes a single name; write upstreams in its block: to <name> <upstream...>")
	}
	var directives []caddyfile.Token
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		option, known := deliverOptions[name]
		switch {
		case name == "to":
			if err := parseTo(d, config); err != nil {
				return nil, err
			}
		case !known:
			directives = append(directives, d.NextSegment()...)
		case seen[name]:
			return nil, d.Errf("%s is already specified", name)
		default:
			seen[name] = true
			if err := option(d, config); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case config.Delay != "" && config.Mode != "queue":
		return nil, start.Err("delay needs mode queue: in the mode spool the app is asked at once")
	case len(directives) > 0 && len(config.To) > 0:
		return nil, start.Errf("webhook_deliver has directives of its own and destinations; put %s into a to block", directives[0].Text)
	case len(directives) > 0:
		config.To = []DeliverTo{{Block: enclose(start.Token(), directives)}}
	case len(config.To) == 0:
		return nil, start.Err("webhook_deliver needs a destination: to <name> <upstream...>, or directives such as webhook_proxy app:8080")
	}
	return config, nil
}

// parseTo reads "to <name> <upstream...>" or "to <name> {".
func parseTo(d *caddyfile.Dispenser, config *Deliver) error {
	segment := d.NewFromNextSegment()
	segment.Next()
	args := segment.RemainingArgs()
	if len(args) == 0 {
		return segment.Err("to needs a name, and upstreams or a block of directives")
	}
	to := DeliverTo{Name: args[0], Upstreams: args[1:]}
	if !IsDeliverName(to.Name) {
		if likeUpstream.MatchString(to.Name) {
			return segment.Errf("%q cannot be the name of a destination, which comes before its upstreams: to <name> <upstream...>, such as to app %s",
				to.Name, strings.Join(args, " "))
		}
		return segment.Errf("%q cannot be the name of a destination, which comes before its upstreams: to <name> <upstream...>", to.Name)
	}
	if slices.ContainsFunc(config.To, func(other DeliverTo) bool { return other.Name == to.Name }) {
		return segment.Errf("the destination %s is already specified", to.Name)
	}
	to.Block = block(segment)
	switch {
	case to.Block == nil && len(to.Upstreams) == 0:
		return segment.Errf("the destination %s needs upstreams or a block of directives", to.Name)
	case to.Block != nil && len(to.Upstreams) > 0:
		return segment.Errf("the destination %s has upstreams and a block; write webhook_proxy %s in the block",
			to.Name, strings.Join(to.Upstreams, " "))
	}
	config.To = append(config.To, to)
	return nil
}

// enclose makes a block of tokens, after a token that plays their directive.
func enclose(directive caddyfile.Token, tokens []caddyfile.Token) *caddyfile.Dispenser {
	opening, closing := directive, tokens[len(tokens)-1]
	directive.Text, opening.Text, closing.Text = "to", "{", "}"
	closing.Line++
	return caddyfile.NewDispenser(slices.Concat([]caddyfile.Token{directive, opening}, tokens, []caddyfile.Token{closing}))
}
