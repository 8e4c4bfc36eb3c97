package caddyfile

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// eventNames are the names that an endpoint's events can have, as far as its
// provider's description says.
type eventNames struct {
	spec    *verify.Spec
	sources []string // the event's, of which the first that is present counts
	fixed   string   // the name of all events, if they have one
	open    bool     // the operator reads the name where the description knows no names of
}

// checkNames warns of events and categories that no webhook of the endpoint can
// have. They are no errors: catalogues grow.
func (p *parser) checkNames(start *caddyfile.Dispenser) {
	names := newEventNames(p.spec, &p.webhook.Endpoint.Config)
	if own := p.webhook.Endpoint.Event; len(own) > 0 && names.fixed != "" {
		names.warnUnknown(start, names.fixed)
	}
	for i := range p.webhook.Branches {
		branch := &p.webhook.Branches[i]
		for _, pattern := range branch.Events {
			warnIf(&branch.at, names.problem(pattern))
		}
		for _, category := range branch.Categories {
			warnIf(&branch.at, names.noCategory(category))
		}
		if branch.When == "" {
			continue
		}
		if rule, err := route.CompileRule(branch.When); err == nil {
			for _, name := range rule.Compared("event") {
				warnIf(&branch.at, names.problem(name))
			}
			for _, name := range append(rule.Compared("category"), rule.Compared("categories")...) {
				warnIf(&branch.at, names.noCategory(name))
			}
		}
	}
}

// noCategory says what is wrong with the name of a category; it is empty if the
// provider has it.
func (n *eventNames) noCategory(name string) string {
	var known []string
	for _, category := range n.spec.Categories {
		if category.Name == name {
			return ""
		}
		known = append(known, category.Name)
	}
	if len(known) == 0 {
		return fmt.Sprintf("unknown category %s: %s has no categories; write the names of events", name, n.spec.Name)
	}
	if near := suggest.DidYouMean(name, known); near != "" {
		return fmt.Sprintf("unknown category %s for %s%s", name, n.spec.Name, near)
	}
	return fmt.Sprintf("unknown category %s for %s; it has %s", name, n.spec.Name, strings.Join(known, ", "))
}

func warnIf(d *caddyfile.Dispenser, problem string) {
	if problem != "" {
		told.Store(problem, true)
		warn(d, problem)
	}
}

func newEventNames(spec *verify.Spec, config *verify.Config) *eventNames {
	names := &eventNames{spec: spec, sources: config.Effective(spec).Event}
	if provider, err := verify.Compile(config.Effective(spec)); err == nil {
		names.fixed, _ = provider.FixedEvent()
	}
	for _, source := range config.Event {
		_, documented := spec.EventSources[source]
		names.open = names.open || !documented && !slices.Contains(spec.Event, source)
	}
	return names
}

// warnUnknown warns of a fixed name that the provider does not document.
func (n *eventNames) warnUnknown(d *caddyfile.Dispenser, name string) {
	if len(n.spec.Events) > 0 && !slices.Contains(n.spec.Events, name) {
		warn(d, n.unknown(name))
	}
}

// problem says why no event has a name that pattern matches; it is empty if one
// may.
func (n *eventNames) problem(pattern string) string {
	switch {
	case len(n.sources) == 0:
		return fmt.Sprintf("no event is named %s: %s does not say where an event's name is; write it with event", pattern, n.spec.Name)
	case n.fixed != "" && (n.open || len(n.sources) == 1):
		if !(route.Patterns{pattern}).Match(n.fixed) {
			return fmt.Sprintf("no event is named %s: all events of this endpoint are named %s", pattern, n.fixed)
		}
		return ""
	case n.open || len(n.spec.Events) == 0:
		return ""
	}
	problem := n.unknown(pattern)
	for _, name := range n.spec.Events {
		if (route.Patterns{pattern}).Match(name) {
			if problem = n.absent(name); problem == "" {
				return ""
			}
		}
	}
	return problem
}

// absent says why no event has a name that the provider documents.
func (n *eventNames) absent(name string) string {
	var source string
	for from, names := range n.spec.EventSources {
		if !slices.Contains(names, name) {
			continue
		}
		at := slices.Index(n.sources, from)
		if at == 0 {
			return ""
		}
		if source = from; at > 0 {
			return fmt.Sprintf("%s names an event %s only where %s is absent; write event %s to have that name it always",
				n.spec.Name, name, n.sources[0], from)
		}
	}
	if source == "" {
		return ""
	}
	return fmt.Sprintf("no event is named %s: %s gives it only where \"event %s\" says so", name, n.spec.Name, source)
}

// unknown says what may be meant by a name that the provider does not document.
func (n *eventNames) unknown(name string) string {
	text := "unknown event " + name + " for " + n.spec.Name
	if right, ok := n.spec.Synonyms[name]; ok {
		text += ", which calls it " + right
	} else {
		text += suggest.DidYouMean(name, n.spec.Events)
	}
	if sibling := n.sibling(name); sibling != "" {
		text += "; the provider " + sibling + " has it"
	}
	return text
}

// sibling names another provider of the same vendor that documents a name.
func (n *eventNames) sibling(name string) string {
	vendor, _, _ := strings.Cut(n.spec.Name, "-")
	for _, other := range verify.BuiltinNames() {
		family, _, _ := strings.Cut(other, "-")
		if spec, _ := verify.Builtin(other); family == vendor && other != n.spec.Name && slices.Contains(spec.Events, name) {
			return other
		}
	}
	return ""
}

// told are warnings about events that were given while adapting, with file and
// line. Who loads what was adapted need not repeat them.
var told sync.Map

// EventProblem says why no event of an endpoint has a name that pattern matches.
// It is empty if one may, or if that was told while adapting.
func EventProblem(spec *verify.Spec, config *verify.Config, pattern string) string {
	problem := newEventNames(spec, config).problem(pattern)
	if _, was := told.LoadAndDelete(problem); was {
		return ""
	}
	return problem
}

// noPersonal says that a provider's description does not say where personal data
// are, and what to do about it.
func noPersonal(provider string) string {
	return "the description of " + provider + " does not say where personal data are; write the paths instead"
}

// CheckPersonal refuses a rewrite that leaves out the personal data of a provider
// whose description does not say where they are.
func (w *Webhook) CheckPersonal(rewrite *route.Rewrite) error {
	deletes := func(edit route.Edit) bool { return edit.Delete == verify.PersonalData }
	if !w.NamesPersonal && slices.ContainsFunc(rewrite.Edits, deletes) {
		return fmt.Errorf("delete personal: %s", noPersonal(w.Endpoint.Provider))
	}
	return nil
}
