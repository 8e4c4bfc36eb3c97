package route

import (
	"fmt"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// category is a group of events ready for use.
type category struct {
	name   string
	events Patterns // empty: all
	when   *Rule    // nil: whatever the payload
}

// compileCategories prepares the groups of a provider, in their order.
func compileCategories(described []verify.Category) ([]category, error) {
	var all []category
	for _, c := range described {
		compiled := category{name: c.Name, events: c.Events}
		if c.When != "" {
			var err error
			if compiled.when, err = CompileRule(c.When); err != nil {
				return nil, fmt.Errorf("categories: %s: %w", c.Name, err)
			}
		}
		all = append(all, compiled)
	}
	return all, nil
}

// has reports whether an event is in the category. A rule that fails is not true.
func (c *category) has(e *Event) bool {
	if len(c.events) > 0 && !c.events.Match(e.Name) {
		return false
	}
	if c.when == nil {
		return true
	}
	matched, err := c.when.Match(e)
	return err == nil && matched
}

// Categories returns the names of the groups that the provider counts the event
// among, in the order of its description. They are those of the payload as it
// came.
func (e *Event) Categories() []string {
	if !e.categorized {
		e.categorized = true
		arrived := e
		if e.arrived != nil {
			before := *e
			before.Body, before.finder, before.env, before.vouched = e.arrived, e.provider.Finder(), nil, vouchedFields
			clear(before.facts[:])
			arrived = &before
		}
		for i := range e.identity.groups {
			if group := &e.identity.groups[i]; group.has(arrived) {
				e.categories = append(e.categories, group.name)
			}
		}
	}
	return e.categories
}

// category returns the first of the event's categories.
func (e *Event) category() string {
	if all := e.Categories(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// InCategory reports whether the event is in one of the categories.
func (e *Event) InCategory(names []string) bool {
	return len(names) > 0 && slices.ContainsFunc(e.Categories(), func(name string) bool { return slices.Contains(names, name) })
}
