package hooksfile

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// endpoint is what a hook becomes: what lets a request through.
type endpoint struct {
	provider   string   // its name
	definition []string // lines of the global option; empty: a built-in provider
	credential []string // lines of the block that prove the sender
	variables  []string // of the environment, which the operator has to set
	sources    []string
	when       string // an expression; empty: always
	notes      []string
}

// converter makes an endpoint of a hook.
type converter struct {
	hook *Hook
	made endpoint
	rest []Rule // what is left for an expression
}

// convert returns what a hook becomes. The error is what of its rule has no equivalent:
// then nothing must be let through.
func convert(hook *Hook) (*endpoint, error) {
	c := &converter{hook: hook}
	var rules []Rule
	if hook.Rule != nil {
		rules = flatten(*hook.Rule, nil)
	}
	for i := range rules {
		if err := c.take(&rules[i]); err != nil {
			return nil, err
		}
	}
	if c.made.provider == "" {
		c.unverified()
	}
	if len(c.rest) == 0 {
		return &c.made, nil
	}
	when, err := c.all(c.rest)
	if err != nil {
		return nil, err
	}
	if _, err := route.CompileRule(when.holds); err != nil {
		return nil, fmt.Errorf("a rule that is too long, or cannot be an expression (%w)", err)
	}
	c.made.when = when.holds
	return &c.made, nil
}

// flatten lists the rules that must all be true.
func flatten(rule Rule, to []Rule) []Rule {
	if rule.And == nil {
		return append(to, rule)
	}
	for _, one := range *rule.And {
		to = flatten(one, to)
	}
	return to
}

// take makes a credential or a list of addresses of a rule that must be true, or leaves it
// for the expression.
func (c *converter) take(rule *Rule) error {
	if signatures := signaturesOf(rule); signatures != nil {
		return c.signature(signatures)
	}
	switch m := rule.Match; {
	case rule.Or != nil || rule.Not != nil || m == nil:
	case m.Type == "ip-whitelist":
		return c.addresses(m.Range)
	case m.Type == "value" && isSecretName(m.Parameter.Name):
		if taken, err := c.token(m); taken || err != nil {
			return err
		}
	}
	c.rest = append(c.rest, *rule)
	return nil
}

// hashes are the types of matches of a signature.
var hashes = map[string]string{
	"payload-hash-sha1": "sha1", "payload-hash-sha256": "sha256", "payload-hash-sha512": "sha512",
	"payload-hmac-sha1": "sha1", "payload-hmac-sha256": "sha256", "payload-hmac-sha512": "sha512",
}

// signaturesOf returns the signatures of a rule that is one, or several of which one must
// be right, as while a secret is rotated; nil for other rules.
func signaturesOf(rule *Rule) []*Match {
	if rule.Match != nil && rule.Or == nil && rule.Not == nil {
		if hashes[rule.Match.Type] == "" {
			return nil
		}
		return []*Match{rule.Match}
	}
	if rule.Or == nil {
		return nil
	}
	var all []*Match
	for i := range *rule.Or {
		one := &(*rule.Or)[i]
		if one.And != nil || one.Or != nil || one.Not != nil || one.Match == nil || hashes[one.Match.Type] == "" {
			return nil
		}
		all = append(all, one.Match)
	}
	return all
}

// headerName is one that can stand in a Caddyfile as it is.
var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// signature makes a provider of signatures over the body.
func (c *converter) signature(signatures []*Match) error {
	first := signatures[0]
	for _, m := range signatures {
		p := &m.Parameter
		switch {
		case c.made.provider != "":
			return errors.New("a signature beside another one, or beside a token of the query or the payload")
		case p.Source != "header" || !headerName.MatchString(p.Name):
			return fmt.Errorf("a signature in the source %q (%s)", p.Source, p.Name)
		case len(p.SignedHeaders) > 0:
			return errors.New("a signature with headers-to-add-to-signature-payload")
		case m.Secret == "":
			return errors.New("a signature without a secret, which nothing passes")
		case hashes[m.Type] != hashes[first.Type] || !strings.EqualFold(p.Name, first.Parameter.Name):
			return errors.New("signatures in several headers, or of several hashes")
		}
	}
	hash, header := hashes[first.Type], first.Parameter.Name
	c.made.provider = "github"
	if hash != "sha256" || !strings.EqualFold(header, "X-Hub-Signature-256") {
		c.made.provider = "hook-" + c.hook.ID
		c.made.definition = []string{
			"provider " + c.made.provider + " hmac {", "\thash " + hash, "\tsignature header." + header + " {", "\t\tprefix " + hash + "=", "\t}",
			"\tcontent {body}", "\tor {", "\t\tsignature header." + header, "\t}", "}",
		}
	}
	for i := range signatures {
		c.made.credential = append(c.made.credential, "secret "+c.variable("SECRET", i))
	}
	return nil
}

// secretName is the last step of the names that secrets have.
var secretName = regexp.MustCompile(`(?i)(token|secret|passw(or)?d|api[-_]?key|authorization|signature|\bpass|auth)$`)

// isSecretName reports whether a value of a name is likely to be a secret.
func isSecretName(name string) bool { return secretName.MatchString(name) }

// token makes a credential of a value that is a secret; taken is false where it is none.
func (c *converter) token(m *Match) (taken bool, err error) {
	p := &m.Parameter
	if m.Value == "" {
		return false, nil
	}
	switch p.Source {
	case "header":
		if !headerName.MatchString(p.Name) {
			return false, nil
		}
		c.made.credential = append(c.made.credential, "token_header "+p.Name+" "+c.variable("TOKEN", len(c.made.variables)))
		return true, nil
	case "url", "query", "payload":
		if c.made.provider != "" {
			return false, errors.New("a token of the query or the payload beside a signature or another one")
		}
		place := map[string]string{"url": "query.", "query": "query.", "payload": "body."}[p.Source] + p.Name
		if !regexp.MustCompile(`^[a-z]+(\.[A-Za-z0-9_-]+)+$`).MatchString(place) {
			return false, nil
		}
		c.made.provider = "hook-" + c.hook.ID
		c.made.definition = []string{"provider " + c.made.provider + " token {", "\ttoken " + place, "}"}
		c.made.credential = append(c.made.credential, "token "+c.variable("TOKEN", len(c.made.variables)))
		return true, nil
	}
	return false, nil
}

// unverified makes a provider for a hook whose rule has no signature.
func (c *converter) unverified() {
	c.made.provider = "hook-" + c.hook.ID
	c.made.definition = []string{"provider " + c.made.provider + " none"}
	if len(c.made.credential) == 0 {
		c.made.credential = []string{"unverified"}
		c.made.notes = append(c.made.notes, "No secret proves who sends this: webhook has asked for none, either.")
	}
}

// addresses makes a list of those that may send.
func (c *converter) addresses(ranges string) error {
	if len(c.made.sources) > 0 {
		return errors.New("a second ip-whitelist that must be true, too")
	}
	for text := range strings.FieldsSeq(ranges) {
		if _, err := netip.ParseAddr(text); err == nil {
			c.made.sources = append(c.made.sources, text)
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("the address %q", text)
		}
		c.made.sources = append(c.made.sources, prefix.Masked().String())
	}
	if len(c.made.sources) == 0 {
		return errors.New("an ip-whitelist without an address, which nothing passes")
	}
	c.made.notes = append(c.made.notes, "Take ip-whitelist out of the rules of webhook: it sees the address of Caddy.")
	return nil
}

// variable returns the placeholder of a secret. What stands in the file is not copied.
func (c *converter) variable(kind string, number int) string {
	upper := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(c.hook.ID))
	name := "HOOK_" + strings.ToUpper(upper) + "_" + kind
	if number > 0 {
		name += fmt.Sprintf("_%d", number+1)
	}
	c.made.variables = append(c.made.variables, name)
	return "{env." + name + "}"
}
