package caddyfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// What stands here tells mistakes apart that everybody makes once, so that an
// error can say what to write instead.

// wrap is d.WrapErr for an error that may be nil.
func wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

// misplaced explains an unknown provider that is something else: a path, or a
// secret. It does not repeat what may be one.
func (p *parser) misplaced(d *caddyfile.Dispenser, directive string, unknown error) error {
	name, ahead := d.Val(), *d
	var later string
	for ahead.NextArg() {
		if _, err := verify.Resolve(ahead.Val(), p.own); err == nil {
			later = ahead.Val()
			break
		}
	}
	switch {
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "{"):
		return fmt.Errorf("unknown provider %s; a path begins with /: write %s /%s", name, directive, name)
	case later != "":
		return fmt.Errorf("a secret, or something else, stands before the provider %s; the order is matcher, provider, secrets: "+
			"write %s [<matcher>] %s <secret>", later, directive, later)
	case strings.ContainsAny(name, "{$"):
		return fmt.Errorf("a secret stands where the name of a provider has to; the order is matcher, provider, secrets: "+
			"write %s [<matcher>] <provider> <secret>", directive)
	default:
		return unknown
	}
}

// likeMatcher is text that is a matcher, if it is not a secret of no worth.
var likeMatcher = regexp.MustCompile(`^(?:\*|/[a-z0-9/_.*-]*|@[A-Za-z_][A-Za-z0-9_-]*)$`)

// checkSecrets looks at the secrets on a directive's own line.
func (p *parser) checkSecrets(directive string) error {
	secrets := p.webhook.Endpoint.Secrets
	for _, secret := range secrets {
		switch {
		case secret == "secret" && len(secrets) > 1:
			return errors.New("secrets on this line come without the word secret, which stands in the block")
		case secret != "secret" && slices.Contains(subdirectives(), secret):
			return fmt.Errorf("%s stands where a secret does, so it would be one; write it in the block of %s", secret, directive)
		case secret == "x" && len(secrets) > 1:
			return errors.New("x is the name of a provider, and stands where a secret does; an endpoint has one provider: write a block for each")
		case likeMatcher.MatchString(secret):
			return fmt.Errorf("%s is a matcher, and stands where a secret does; the order is matcher, provider, secrets: "+
				"write %s %s %s <secret> (a secret that does look so stands in the block)", secret, directive, secret, p.spec.Name)
		}
	}
	return p.webhook.Endpoint.CheckWritten(p.isOwn)
}

// directives are those of Caddy that do something with a request. Others are
// known by their modules.
var directives = strings.Fields("abort basic_auth basicauth copy_response copy_response_headers encode error file_server " +
	"forward_auth fs handle handle_errors handle_path header intercept invoke log_append log_name log_skip map method metrics " +
	"php_fastcgi push redir request_body request_header respond reverse_proxy rewrite root route skip_log templates tracing " +
	"try_files uri vars webhook_auth webhook_deliver webhook_proxy webhook_rewrite webhook_sign webhook_token handle_webhook")

// siteDirectives are those that stand in a site only.
var siteDirectives = strings.Fields("acme_server bind log tls")

func isDirective(name string) bool {
	if slices.Contains(directives, name) {
		return true
	}
	_, err := caddy.GetModule("http.handlers." + name)
	return err == nil
}

// unrecognized is the error for a word that begins no line of a block.
func (p *parser) unrecognized(d *caddyfile.Dispenser) error {
	name := d.Val()
	said := "unrecognized subdirective " + name
	switch {
	case slices.Contains(siteDirectives, name):
		return d.Errf("%s; it is a directive of the site: write it there", said)
	case isDirective(name) && p.routes:
		return d.Errf("%s; directives for webhooks stand in a block: put it into on <event...> { … }, or into otherwise { … }", said)
	case isDirective(name):
		return d.Errf("%s; webhook_auth only verifies: write the directive after it, in the site", said)
	case p.routes && slices.ContainsFunc(p.spec.Events, func(event string) bool { return event == name }):
		return d.Errf("%s; an event is written with on: on %s { … }", said, name)
	case p.routes && name == "when":
		return d.Errf("%s; a rule without an event is written with on: on when <expr> { … }", said)
	default:
		return d.Errf("%s%s", said, suggest.DidYouMean(name, subdirectives()))
	}
}

// conditions are words that begin a rule elsewhere, and join its parts.
var conditions = strings.Fields("if unless where with and or not else && || == != = < > <= >= !")

// likeRule is text that is a rule, and the name of no event.
var likeRule = regexp.MustCompile(`==|!=|<=|>=|&&|\|\||\s[<>]\s|^!|^not\s|^body\.|\bbody(?:\[|\?\.)|\b(?:header|query)\(`)

// CheckEvent refuses what cannot be the name of anybody's event, or a pattern of
// it. Unquoted tells that a word stands there as it is.
func CheckEvent(text string, unquoted bool) error {
	switch {
	case unquoted && (slices.Contains(conditions, strings.ToLower(text)) || strings.EqualFold(text, "when")):
		return fmt.Errorf("%s is no event; a rule comes after the word when: on <event...> when <expr> "+
			"(a matcher has webhook_expr <expr> for it; an event of this name is written in quotes)", text)
	case likeRule.MatchString(text):
		return fmt.Errorf("%q is a rule, not an event; write the word when before it: on <event...> when `%s` "+
			"(a matcher has webhook_expr <expr> for it)", text, text)
	case unquoted && strings.HasPrefix(text, "@"):
		return fmt.Errorf("%s is no event, and a matcher cannot stand here; write it before a directive inside the block", text)
	case unquoted && strings.Contains(text, ","):
		return fmt.Errorf("%s is no event; several are written with spaces, without commas", text)
	}
	return nil
}

// unclosed returns where on or otherwise begins a line inside a block of
// directives, where neither has a meaning: a brace before it is missing.
func unclosed(block *caddyfile.Dispenser) *caddyfile.Dispenser {
	d, inside := *block, 0
	d.Next() // what stands before the block
	last := d.Line()
	for depth := 0; d.Next(); {
		switch text := d.Val(); {
		case text == "{":
			depth++
		case text == "}":
			if depth--; depth < inside {
				inside = 0
			}
		case d.Line() == last:
		case text == "handle_webhook" && inside == 0:
			inside = depth + 1 // where they have one
		case (text == "on" || text == "otherwise") && inside == 0:
			return &d
		}
		last = d.Line()
	}
	return nil
}

// checkClosed refuses a block that holds the lines after it.
func checkClosed(of string, block *caddyfile.Dispenser) error {
	at := unclosed(block)
	if at == nil {
		return nil
	}
	return at.Errf("%s stands inside the block of %s; a closing brace } is missing before it", at.Val(), of)
}

// plainText is a word, a path or several words, as nobody writes an expression.
var plainText = regexp.MustCompile(`^/?[A-Za-z0-9_-]+(?:[/.:-][A-Za-z0-9_-]*)*$|^/$|^[A-Za-z0-9_.-]+(?: [A-Za-z0-9_.-]+)+$`)

// compileRule tries a rule.
func compileRule(source string) error {
	_, err := route.CompileRule(source)
	return hinted(err, source)
}

// compileValue tries an expression for a value.
func compileValue(source string) error {
	_, err := route.CompileValue(source)
	if err != nil && plainText.MatchString(source) && (strings.Contains(source, "/") || suggest.Nearest(source, route.Facts()) == "") {
		return fmt.Errorf("text is written in quotes inside backticks, as in `\"%s\"`; without them: %w", source, err)
	}
	return hinted(err, source)
}

// hinted says how an expression is written, where quotes were put around it.
func hinted(err error, source string) error {
	if err != nil && (strings.HasPrefix(source, `"`) || strings.HasPrefix(source, "'")) {
		return fmt.Errorf("put the rule in backticks instead of quotes, as in `body.ref == \"refs/heads/main\"`; in quotes: %w", err)
	}
	return err
}

// withPath is the address of an upstream with a path, which it cannot have.
var withPath = regexp.MustCompile(`^(?:https?|h2c)://[^/]*/.+|^[A-Za-z0-9._-]+:[0-9]+/.*`)

// CheckUpstreams refuses paths in the upstreams of a webhook_proxy, of which d has
// consumed the name.
func CheckUpstreams(d caddyfile.Dispenser) error {
	subdirective, depth := "to", 0
	for d.Next() {
		switch address := d.Val(); {
		case address == "{":
			depth++
		case address == "}":
			depth--
		case depth > 0 && !isSameLine(&d):
			if subdirective = address; depth > 1 {
				subdirective = "" // of a block inside
			}
		case subdirective == "to" && withPath.MatchString(address):
			scheme, rest, found := strings.Cut(address, "://")
			if scheme += "://"; !found {
				scheme, rest = "", address
			}
			host, path, _ := strings.Cut(rest, "/")
			return d.Errf("the upstream %s has a path; write webhook_proxy %s, and the path by rewrite /%s, "+
				"or by uri of webhook_rewrite", address, scheme+host, path)
		}
	}
	return nil
}

// isSameLine reports whether the token before the current one is on its line.
func isSameLine(d *caddyfile.Dispenser) bool {
	before := *d
	return before.Prev() && before.Line() == d.Line() && before.File() == d.File()
}
