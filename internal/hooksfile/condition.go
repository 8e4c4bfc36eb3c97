package hooksfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// condition is a rule as an expression. A rule of webhook can also fail, where a value is
// absent: then nothing is triggered, not even by a not around it.
type condition struct {
	holds string // when the rule is true
	fails string // when it fails; empty: never
}

// never is the condition of a rule that nothing meets.
var never = condition{holds: "false"}

// conditionOf returns the condition of a rule over values of the request.
func (c *converter) conditionOf(rule *Rule) (condition, error) {
	switch {
	case rule.And != nil:
		return c.all(*rule.And)
	case rule.Or != nil:
		if len(*rule.Or) == 0 {
			return never, nil
		}
		var either []string
		for i := range *rule.Or {
			one, err := c.conditionOf(&(*rule.Or)[i])
			if err != nil {
				return never, err
			}
			either = append(either, one.holds)
		}
		return condition{holds: "(" + strings.Join(either, " || ") + ")"}, nil // an absent value is false there
	case rule.Not != nil:
		one, err := c.conditionOf(rule.Not)
		if err != nil {
			return never, err
		}
		not := condition{holds: "!(" + one.holds + ")", fails: one.fails}
		if one.fails != "" {
			not.holds = "(" + not.holds + " && !(" + one.fails + "))"
		}
		return not, nil
	case rule.Match != nil:
		return c.match(rule.Match)
	default:
		return never, nil
	}
}

// all joins rules that must all be true. They are looked at one after the other, and the
// first that is false or fails decides.
func (c *converter) all(rules []Rule) (condition, error) {
	var holds, fails []string
	for i := range rules {
		one, err := c.conditionOf(&rules[i])
		if err != nil {
			return never, err
		}
		if one.fails != "" {
			before := append(append([]string{}, holds...), "("+one.fails+")")
			fails = append(fails, "("+strings.Join(before, " && ")+")")
		}
		holds = append(holds, one.holds)
	}
	if len(holds) == 0 {
		return condition{holds: "true"}, nil
	}
	return condition{holds: "(" + strings.Join(holds, " && ") + ")", fails: strings.Join(fails, " || ")}, nil
}

// match returns the condition of one comparison.
func (c *converter) match(m *Match) (condition, error) {
	if m.Type != "value" && m.Type != "regex" {
		return never, fmt.Errorf("a match of the type %q at this place", m.Type)
	}
	value, present, err := c.read(&m.Parameter)
	if err != nil {
		return never, err
	}
	if isSecretName(m.Parameter.Name) {
		return never, fmt.Errorf("a secret (%s) that is compared in another way than by a value that must be right", m.Parameter.Name)
	}
	compared := value + " == " + quote(m.Value)
	if m.Type == "regex" {
		if _, err := regexp.Compile(m.Regex); err != nil {
			return never, fmt.Errorf("the regular expression %q: %w", m.Regex, err)
		}
		compared = value + " matches " + quote(m.Regex)
	}
	return condition{holds: "(" + present + " && " + compared + ")", fails: "!(" + present + ")"}, nil
}

// identifier is a name of the payload that can stand behind a dot.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// read returns an expression for the text at a place of the request, and one for whether it
// is there.
func (c *converter) read(p *Place) (value, present string, err error) {
	switch p.Source {
	case "header":
		value = "header(" + quote(p.Name) + ")"
		return value, value + ` != ""`, nil
	case "url", "query":
		value = "query(" + quote(p.Name) + ")"
		return value, value + ` != ""`, nil
	case "request":
		if strings.EqualFold(p.Name, "method") {
			return "method", "true", nil
		}
	case "payload":
		for _, parsed := range c.hook.AsJSON {
			if p.Name == parsed.Name || strings.HasPrefix(p.Name, parsed.Name+".") {
				return "", "", fmt.Errorf("the value %q, which parse-parameters-as-json makes", p.Name)
			}
		}
		var at strings.Builder
		at.WriteString("body")
		for step := range strings.SplitSeq(p.Name, ".") {
			switch _, err := strconv.ParseUint(step, 10, 31); {
			case err == nil:
				at.WriteString("?.[" + step + "]")
			case identifier.MatchString(step):
				at.WriteString("?." + step)
			default:
				at.WriteString("?.[" + quote(step) + "]")
			}
		}
		return "string(" + at.String() + ")", at.String() + " != nil", nil
	}
	return "", "", fmt.Errorf("the source %q (%s)", p.Source, p.Name)
}

// quote writes a text of an expression, which stands in backticks in a Caddyfile, where
// braces begin a placeholder.
func quote(text string) string {
	return strings.NewReplacer("`", `\u0060`, "{", `\u007b`, "}", `\u007d`).Replace(strconv.Quote(text))
}
