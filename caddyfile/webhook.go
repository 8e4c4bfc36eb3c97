package caddyfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Webhook is what a handle_webhook block says.
type Webhook struct {
	Endpoint  verify.Endpoint
	Branches  []Branch             // the on blocks, in their order
	Otherwise *caddyfile.Dispenser // the otherwise block; nil: pass
	pass      bool                 // otherwise pass

	// NamesPersonal reports whether the provider's description says where personal
	// data are.
	NamesPersonal bool

	// SignedOnly refuses to read what the provider does not sign, by its name;
	// nil where everything may be read.
	SignedOnly func(name string) error

	NamesEvents bool // it is said where the name of an event is

	paths *knownPaths // of the provider's payloads
}

// Branch is an on block.
type Branch struct {
	Line       int                  // where it stands
	Events     []string             // patterns of event names; empty: any event
	Categories []string             // of events, instead of names
	When       string               // expression that must be true; empty: none
	Block      *caddyfile.Dispenser // the directives, after a token that plays their directive

	at caddyfile.Dispenser // for messages
}

// ParseAuth reads a webhook_auth directive, of which d has consumed the name
// and the matcher. Operators' own providers are given by name. Syntax:
//
//	webhook_auth [<matcher>] <provider> [<secret...>] {
//	    <subdirectives>
//	}
//
// The subdirectives are those of credentials and options; the folder docs/directives
// documents them.
func ParseAuth(d *caddyfile.Dispenser, own map[string]*verify.Spec) (*verify.Endpoint, error) {
	p := parser{own: own}
	if err := p.parse(d); err != nil {
		return nil, err
	}
	return &p.webhook.Endpoint, nil
}

// ParseWebhook reads a handle_webhook directive: all that ParseAuth reads, and
// the routes. Syntax:
//
//	handle_webhook [<matcher>] <provider> [<secret...>] {
//	    <subdirectives of webhook_auth>
//	    on <event...> [when <expr>] {
//	        <directives...>
//	    }
//	    on category <name...> [when <expr>] {
//	        <directives...>
//	    }
//	    otherwise pass
//	    otherwise {
//	        <directives...>
//	    }
//	}
func ParseWebhook(d *caddyfile.Dispenser, own map[string]*verify.Spec) (*Webhook, error) {
	p := parser{own: own, routes: true}
	if err := p.parse(d); err != nil {
		return nil, err
	}
	w := &p.webhook
	if w.Otherwise == nil && !w.pass {
		return nil, d.Err("handle_webhook has no otherwise, so other events would be acknowledged and lost; " +
			"write an otherwise block (with respond 204 to drop them), or otherwise pass for the next directives")
	}
	w.NamesEvents = len(w.Endpoint.Effective(p.spec).Event) > 0
	return w, nil
}

// parser reads one webhook_auth or handle_webhook directive.
type parser struct {
	own     map[string]*verify.Spec
	routes  bool // on and otherwise are allowed
	webhook Webhook
	spec    *verify.Spec
	seen    map[string]bool
}

func (p *parser) parse(d *caddyfile.Dispenser) error {
	directive := d.Val()
	if !d.NextArg() {
		return d.Errf("%s needs the name of a provider", directive)
	}
	if err := p.provider(d, directive); err != nil {
		return err
	}
	start := *d
	p.webhook.Endpoint.Secrets = d.RemainingArgs()
	if err := p.checkSecrets(directive); err != nil {
		return start.WrapErr(err)
	}
	p.seen = make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := p.subdirective(d); err != nil {
			return err
		}
	}
	if err := p.checkEndpoint(&start); err != nil {
		return err
	}
	if err := p.webhook.Endpoint.Check(p.spec); err != nil {
		return start.WrapErr(err)
	}
	if err := compile(p.webhook.Endpoint.Effective(p.spec)); err != nil {
		return start.WrapErr(err)
	}
	if p.webhook.Endpoint.RequireSigned {
		if err := p.checkSigned(); err != nil {
			return err
		}
	}
	p.webhook.NamesPersonal = len(p.spec.Personal)+len(p.spec.Secrets) > 0
	if inspect := p.webhook.Endpoint.Inspect; inspect != nil && slices.Contains(inspect.Redact, verify.PersonalData) && !p.webhook.NamesPersonal {
		return start.Errf("redact personal: %s", noPersonal(p.spec.Name))
	}
	p.checkNames(&start)
	if !p.isOwn(p.spec.Origin()) {
		p.webhook.paths = newKnownPaths(p.spec)
	}
	p.webhook.paths.checkRules(p.webhook.Branches)
	if inspect := p.webhook.Endpoint.Inspect; inspect != nil {
		p.webhook.paths.checkRedactions(&start, inspect.Redact)
	}
	p.checkReachable(&start)
	return nil
}

// provider finds the description of the provider that d names.
func (p *parser) provider(d *caddyfile.Dispenser, directive string) error {
	p.webhook.Endpoint.Provider = d.Val()
	var err error
	if p.spec, err = verify.Resolve(d.Val(), p.own); err != nil {
		return d.WrapErr(p.misplaced(d, directive, err))
	}
	return nil
}

// isOwn reports whether one of the operator's own providers has a name.
func (p *parser) isOwn(name string) bool { return p.own[name] != nil }

// subdirectives returns the names that a block may contain.
func subdirectives() []string {
	names := slices.Concat(slices.Collect(maps.Keys(credentials)), slices.Collect(maps.Keys(options)), []string{"on", "otherwise"})
	slices.Sort(names)
	return names
}

func (p *parser) subdirective(d *caddyfile.Dispenser) error {
	switch name := d.Val(); {
	case p.routes && name == "on":
		return p.on(d)
	case p.routes && name == "otherwise":
		return p.otherwise(d)
	case name == "on" || name == "otherwise":
		return d.Errf("%s belongs into handle_webhook; webhook_auth only verifies", name)
	case strings.HasPrefix(name, "@"):
		return d.Errf("the matcher %s cannot be defined here; define it in the site or inside an on block", name)
	case credentials[name] != nil:
		line := *d
		if err := credentials[name](d, &p.webhook.Endpoint); err != nil {
			return err
		}
		return wrap(&line, p.webhook.Endpoint.CheckWritten(p.isOwn))
	case options[name] != nil:
		if p.seen[name] {
			return d.Errf("%s is already specified", name)
		}
		p.seen[name] = true
		line := *d
		if err := options[name](d, &p.webhook.Endpoint); err != nil {
			return err
		}
		return wrap(&line, p.webhook.Endpoint.CheckWritten(p.isOwn)) // issued has keys
	default:
		return p.unrecognized(d)
	}
}

// IsCategory reports whether the next argument is the word category, after which
// names of categories stand. In quotes it is the name of an event.
func IsCategory(d *caddyfile.Dispenser) bool {
	ahead := *d
	return ahead.NextArg() && ahead.Val() == "category" && !ahead.Token().Quoted()
}

// on reads "on <event...> [when <expr>] {" or "on category <name...> ...".
func (p *parser) on(d *caddyfile.Dispenser) error {
	segment := d.NewFromNextSegment()
	segment.Next()
	branch := Branch{Line: segment.Line(), at: *segment}
	names := &branch.Events
	if IsCategory(segment) {
		segment.NextArg()
		names = &branch.Categories
	}
	for segment.NextArg() {
		if segment.Val() == "{" && !segment.Token().Quoted() {
			segment.Prev()
			break
		}
		if segment.Val() == "when" && !segment.Token().Quoted() {
			when, err := expression(segment)
			if err != nil {
				return err
			}
			if err := compileRule(when); err != nil {
				return segment.Errf("when: %v", err)
			}
			branch.When = when
			break
		}
		if err := CheckEvent(segment.Val(), !segment.Token().Quoted()); err != nil {
			return segment.WrapErr(err)
		}
		*names = append(*names, segment.Val())
	}
	if names == &branch.Categories && len(branch.Categories) == 0 {
		return segment.Err("on category needs the name of a category; write \"category\" in quotes for an event of that name")
	}
	if len(*names) == 0 && branch.When == "" {
		return segment.Err("on needs event names, or when with an expression; use otherwise for all the rest")
	}
	if p.webhook.Otherwise != nil || p.webhook.pass {
		return segment.Err("on must stand before otherwise, which takes all events that are left")
	}
	if branch.Block = block(segment); branch.Block == nil {
		return segment.Err("on needs a block of directives")
	}
	if err := checkClosed(fmt.Sprintf("the on in line %d", branch.Line), branch.Block); err != nil {
		return err
	}
	p.webhook.Branches = append(p.webhook.Branches, branch)
	return nil
}

// otherwise reads "otherwise pass" or "otherwise {".
func (p *parser) otherwise(d *caddyfile.Dispenser) error {
	if p.webhook.Otherwise != nil || p.webhook.pass {
		return d.Err("otherwise is already specified")
	}
	segment := d.NewFromNextSegment()
	segment.Next()
	switch args := segment.RemainingArgs(); {
	case len(args) == 1 && args[0] == "pass":
		p.webhook.pass = true
		if block(segment) != nil {
			return segment.Err("otherwise pass has no block: the directives after handle_webhook follow")
		}
		return nil
	case len(args) > 0:
		return segment.Errf("otherwise takes pass or a block, not %s", strings.Join(args, " "))
	}
	if p.webhook.Otherwise = block(segment); p.webhook.Otherwise == nil {
		return segment.Err("otherwise needs a block of directives, or pass")
	}
	return checkClosed(fmt.Sprintf("the otherwise in line %d", segment.Line()), p.webhook.Otherwise)
}

// block returns the block that follows the current token, with that token in
// front of it, as Caddy's parser of nested directives expects it. It is nil
// where there is no block, or an empty one, which would handle nothing.
func block(d *caddyfile.Dispenser) *caddyfile.Dispenser {
	ahead := *d
	if !ahead.Next() || ahead.Val() != "{" {
		return nil
	}
	if ahead.Next() && ahead.Val() == "}" {
		return nil
	}
	return d.NewFromNextSegment()
}

// expression reads the rest of the line as an expression, as Caddy's own
// expression matcher does: one token is unquoted, several are taken as written.
func expression(d *caddyfile.Dispenser) (string, error) {
	if d.CountRemainingArgs() == 0 {
		return "", d.Errf("%s needs an expression", d.Val())
	}
	if d.CountRemainingArgs() == 1 {
		d.NextArg()
		return d.Val(), nil
	}
	return strings.Join(d.RemainingArgsRaw(), " "), nil
}
