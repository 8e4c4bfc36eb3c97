package caddyfile

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/samples"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// knownPaths warns of paths that look like slips of paths that the provider's
// samples have. It is nil where there are no samples.
type knownPaths struct {
	provider string
	shape    *samples.Shape
	made     map[string]bool // paths that no sample has to have: rules agree on them, or a rewrite makes them
	told     map[string]bool
}

func newKnownPaths(spec *verify.Spec) *knownPaths {
	shape := samples.ShapeOf(spec.Origin(), spec.FormField)
	if shape == nil {
		return nil
	}
	return &knownPaths{provider: spec.Origin(), shape: shape, made: make(map[string]bool), told: make(map[string]bool)}
}

// checkRules warns of paths in the rules of on blocks, save those that several of
// them have.
func (k *knownPaths) checkRules(branches []Branch) {
	if k == nil {
		return
	}
	paths, count := make([][]payload.Path, len(branches)), make(map[string]int)
	for i := range branches {
		if rule, err := route.CompileRule(branches[i].When); err == nil {
			paths[i] = rule.Paths()
		}
		for _, path := range paths[i] {
			count[path.String()]++
		}
	}
	for name, n := range count {
		k.made[name] = n > 1
	}
	for i := range branches {
		k.check(&branches[i].at, paths[i])
	}
}

// checkRewrite warns of paths in the last line of a rewrite.
func (k *knownPaths) checkRewrite(line *caddyfile.Dispenser, rewrite *route.Rewrite) {
	if k == nil {
		return
	}
	if rewriter, err := route.NewRewriter(rewrite); err == nil {
		k.check(line, rewriter.Paths())
	}
}

// rewritten notes the paths of the payload that a rewrite makes, which later rules
// and rewrites may read.
func (k *knownPaths) rewritten(rewrite *route.Rewrite) {
	switch {
	case k == nil:
	case rewrite.Body != "" || rewrite.CloudEvents != nil:
		k.shape = nil
	default:
		for _, edit := range rewrite.Edits {
			k.made[edit.Set], k.made[edit.To] = true, true
		}
	}
}

// check warns of paths, each once.
func (k *knownPaths) check(line *caddyfile.Dispenser, paths []payload.Path) {
	for _, path := range paths {
		name := path.String()
		if k.told[name] || k.isMade(name) {
			continue
		}
		if meant := k.shape.Misspelt(path); meant != nil {
			k.told[name] = true
			warn(line, fmt.Sprintf("no sample of %s has body.%s; did you mean body.%s?", k.provider, name, meant))
		}
	}
}

// checkRedactions warns of redactions that leave nothing out of any sample. Unlike a
// rule, which does not match then, one that is mistaken shows what it should hide.
func (k *knownPaths) checkRedactions(line *caddyfile.Dispenser, redactions []string) {
	if k == nil {
		return
	}
	for _, text := range redactions {
		path, err := payload.ParsePath(text)
		switch {
		case err != nil || text == verify.PersonalData:
		case k.shape.Misspelt(path) != nil:
			warn(line, fmt.Sprintf("redact %s leaves nothing out: no sample of %s has it; did you mean %s?", text, k.provider, k.shape.Misspelt(path)))
		case k.shape.Lacks(path):
			warn(line, fmt.Sprintf("redact %s leaves nothing out of any sample of %s", text, k.provider))
		}
	}
}

// isMade reports whether a path is one that is made, or leads into one.
func (k *knownPaths) isMade(name string) bool {
	for ; name != ""; name = name[:max(strings.LastIndexByte(name, '.'), 0)] {
		if k.made[name] {
			return true
		}
	}
	return false
}
