package route_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// reference returns the page of the reference about expressions.
func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/directives/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// code is what stands in backticks.
var code = regexp.MustCompile("`([^`]+)`")

// The reference's examples of expressions run.
func TestReferenceExamples(t *testing.T) {
	e := newEvent(t, `{"total":120,"currency":"EUR","items":[{"sku":"AL-1","price":12,"qty":2,"store":"a"}],"orders":[{"items":[{"sku":"AL-1"}]}],
		"s":"[1]","pattern":"^a","x-y":1,"notes":"{\"comment\":\"x\"}"}`)
	_, examples, _ := strings.Cut(reference(t), "| expression | |\n")
	examples, _, _ = strings.Cut(examples, "\n\n")
	tried := 0
	for row := range strings.Lines(examples) {
		cells := strings.SplitN(strings.ReplaceAll(row, " || ", " \x00 "), " | ", 2)
		for _, found := range code.FindAllStringSubmatch(cells[0], -1) {
			source := strings.ReplaceAll(strings.ReplaceAll(found[1], "\x00", "||"), "(s)", "(body.s)")
			value, err := route.CompileValue(source)
			if err == nil {
				_, err = value.Compute(e)
			}
			if err != nil {
				t.Errorf("%s: %v", source, err)
			}
			tried++
		}
	}
	if tried < 14 {
		t.Errorf("%d examples were tried; the reference is written in another way", tried)
	}
}

// What the table of functions says that they make of a value is what they make.
func TestReferenceFunctions(t *testing.T) {
	table, _, _ := strings.Cut(reference(t), "\n## Examples\n")
	becomes := regexp.MustCompile("`([^`]+)` becomes `([^`]+)`")
	tried := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		name, _, isFunction := strings.Cut(strings.Trim(cells[0], "|` "), "(")
		if !isFunction {
			continue
		}
		for _, said := range becomes.FindAllStringSubmatch(row, -1) {
			argument := said[1]
			if !strings.HasPrefix(argument, "{") {
				argument = `"` + argument + `"`
			}
			value, err := route.CompileValue(name + "(" + argument + ")")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, err := value.Compute(newEvent(t, "{}")); err != nil || got != said[2] {
				t.Errorf("%s(%s) is %v, %v; the reference says %s", name, argument, got, err, said[2])
			}
			tried++
		}
	}
	if tried < 2 {
		t.Errorf("%d functions were tried; the reference is written in another way", tried)
	}
	for _, name := range route.FunctionNames() {
		if !strings.Contains(table, "`"+name+"(") {
			t.Errorf("the reference lacks the function %s", name)
		}
	}
}
