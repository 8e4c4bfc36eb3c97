package verify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// sources is an ordered list of places where a value may be.
type sources struct {
	templates  []template
	expression string // the last resort, left to the caller
}

// parseSources reads the entries of Spec.Event or Spec.ID.
func parseSources(entries []string) (sources, error) {
	var s sources
	for i, entry := range entries {
		if expression, ok := strings.CutPrefix(entry, "="); ok {
			if i != len(entries)-1 {
				return s, errors.New("an expression must be the last entry")
			}
			if s.expression = strings.TrimSpace(expression); s.expression == "" {
				return s, errors.New("the expression is empty")
			}
			continue
		}
		parsed, err := parseSource(entry)
		if err != nil {
			return s, err
		}
		for _, f := range parsed {
			if f.kind == statedTimestamp || f.kind == deliveryID || f.kind == secretKey || f.kind == itemPath {
				return s, fmt.Errorf("%s cannot be used here", &f)
			}
		}
		s.templates = append(s.templates, parsed)
	}
	return s, nil
}

func parseSource(entry string) (template, error) {
	switch {
	case entry == "":
		return nil, errors.New("an entry is empty")
	case strings.Contains(entry, "{"):
		return parseTemplate(entry)
	case isField(entry):
		f, err := parseField(entry)
		return template{f}, err
	default:
		return template{{kind: literalText, name: entry}}, nil
	}
}

func (s sources) prepare(finder *payload.Finder) {
	for _, t := range s.templates {
		t.prepare(finder, false)
	}
}

// text returns the first value that is present and not empty.
func (s sources) text(m *message) (string, error) {
	for _, t := range s.templates {
		value, present, err := t.text(m)
		if err != nil {
			return "", err
		}
		if present && value != "" {
			return value, nil
		}
	}
	return "", nil
}

// fixed returns the value that does not depend on the request, if there is one.
func (s sources) fixed() (string, bool) {
	if len(s.templates) == 1 && len(s.templates[0]) == 1 && s.templates[0][0].kind == literalText {
		return s.templates[0][0].name, true
	}
	return "", false
}

// only returns the only place where the value may be.
func (s sources) only() (*field, bool) {
	if len(s.templates) == 1 && len(s.templates[0]) == 1 && s.templates[0][0].kind != literalText && s.expression == "" {
		return &s.templates[0][0], true
	}
	return nil, false
}

// inHead reports whether all places are before the body.
func (s sources) inHead() bool {
	for _, t := range s.templates {
		for i := range t {
			if !t[i].inHead() {
				return false
			}
		}
	}
	return true
}
