package caddyfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// checkReachable warns of blocks that never get an event, because one before
// them takes all that they could.
func (p *parser) checkReachable(d *caddyfile.Dispenser) {
	branches := p.webhook.Branches
	for i := range branches {
		for j := range branches[:i] {
			if p.takesAllOf(&branches[j], &branches[i]) {
				warn(&branches[i].at, fmt.Sprintf("this on gets no event: the one in line %d takes all that it could", branches[j].Line))
				break
			}
		}
	}
	for i := range branches {
		if branches[i].When == "" && p.patterns(&branches[i], false).Cover(route.Patterns{"*"}) {
			warn(d, fmt.Sprintf("otherwise gets no event: the on in line %d takes all", branches[i].Line))
			return
		}
	}
}

// takesAllOf reports whether nothing is left for a later block.
func (p *parser) takesAllOf(b, later *Branch) bool {
	wanted := p.patterns(later, true)
	if len(later.Events) == 0 && len(later.Categories) == 0 {
		wanted = route.Patterns{"*"}
	}
	return b.When == "" && len(wanted) > 0 && p.patterns(b, false).Cover(wanted)
}

// patterns are the names that a block asks for: those that it may take, or those
// of which it takes every event, since a category may need more than a name.
func (p *parser) patterns(b *Branch, may bool) route.Patterns {
	patterns := slices.Clone(b.Events)
	for _, category := range p.spec.Categories {
		switch {
		case !slices.Contains(b.Categories, category.Name) || category.When != "" && !may:
		case len(category.Events) == 0:
			patterns = append(patterns, "*")
		default:
			patterns = append(patterns, category.Events...)
		}
	}
	return patterns
}

// signedOnly returns what refuses to read what the provider does not sign.
func (p *parser) signedOnly() (func(name string) error, error) {
	config := &p.webhook.Endpoint.Config
	provider, err := verify.Compile(config.Effective(p.spec))
	if err != nil {
		return nil, err
	}
	signed := len(config.Secrets) > 0 || config.Tenant != nil && provider.Coverage() != verify.SignedNothing || config.JWT != nil && p.spec.PublishesKeys()
	return func(name string) error {
		if signed && provider.Signs(name) {
			return nil
		}
		return fmt.Errorf("reads %s, which %s does not sign%s", name, p.spec.Name, signedList(provider, signed))
	}, nil
}

// checkSigned refuses rules that read what the provider does not sign.
func (p *parser) checkSigned() error {
	check, err := p.signedOnly()
	if err != nil {
		return err
	}
	p.webhook.SignedOnly = check
	for i := range p.webhook.Branches {
		branch := &p.webhook.Branches[i]
		var read []string
		if len(branch.Events) > 0 || len(branch.Categories) > 0 {
			read = append(read, "event")
		}
		if branch.When != "" {
			rule, err := route.CompileRule(branch.When)
			if err != nil {
				return err
			}
			read = append(read, rule.Reads()...)
		}
		for _, name := range read {
			if err := check(name); err != nil {
				return branch.at.Errf("require_signed: this on %v", err)
			}
		}
	}
	return nil
}

// signedList tells what may be read instead.
func signedList(provider *verify.Provider, signed bool) string {
	if names := provider.SignedFields(); signed && len(names) > 0 {
		return "; it signs " + strings.Join(names, ", ")
	}
	return "; without a secret nothing is signed"
}

// warn tells the operator of something that is allowed but hardly meant.
func warn(d *caddyfile.Dispenser, message string) {
	caddy.Log().Named("config.adapter.caddyfile").Warn(message, zap.String("file", d.File()), zap.Int("line", d.Line()))
}
