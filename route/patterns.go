package route

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// pattern is a regular expression, with what it costs for each byte of a text.
type pattern struct {
	*regexp.Regexp
	steps int
}

// stepsPerInstruction is what a byte costs that is held against one instruction
// of a pattern, if all of them apply.
const stepsPerInstruction = 5

// Bounds of a pattern that is computed, such as out of a payload.
const (
	maxPattern      = 256 // bytes of its text
	maxInstructions = 1000
)

// pattern has a pattern compiled that is known.
func (c *counter) pattern(node *ast.Node, n *ast.BinaryNode) {
	parsed, err := parsePattern(n.Right.(*ast.StringNode).Value)
	if err != nil {
		return // the language says what is wrong with it
	}
	compiled, err := compilePattern(parsed)
	if err != nil {
		return
	}
	constant := &ast.ConstantNode{Value: compiled}
	constant.SetType(reflect.TypeOf(compiled))
	c.replace(node, n.Operator, n.Left, constant)
}

func matches(m *meter, args []any) (any, error) {
	if runtime.IsNil(args[0]) || runtime.IsNil(args[1]) {
		return false, nil
	}
	compiled, known := args[1].(*pattern)
	if !known {
		var err error
		if compiled, err = computedPattern(m, args[1].(string)); err != nil {
			return nil, err
		}
	}
	text := args[0].(string)
	m.step(50 + times(compiled.steps, len(text)))
	return compiled.MatchString(text), nil
}

// computedPattern compiles a pattern that was not known while the expression was
// loaded.
func computedPattern(m *meter, text string) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("a pattern that is computed can have %d bytes at most", maxPattern)
	}
	// Classes of Unicode and flags make much of few bytes.
	if strings.Contains(text, `\p`) || strings.Contains(text, `\P`) || strings.Contains(text, "(?") {
		return nil, errors.New("a pattern that is computed cannot have flags, named groups or classes of Unicode")
	}
	m.step(5000 + 50*len(text))
	parsed, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	count := instructions(parsed)
	if count > maxInstructions {
		return nil, errors.New("a pattern that is computed cannot repeat so much")
	}
	m.step(times(1000, count))
	m.make(times(500, count))
	return compilePattern(parsed)
}

// parsePattern reads a pattern. Nobody asks what its groups have matched, and
// without them it is faster.
func parsePattern(text string) (*syntax.Regexp, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return withoutGroups(parsed), nil
}

func withoutGroups(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	for i, sub := range re.Sub {
		re.Sub[i] = withoutGroups(sub)
	}
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		if re.Sub[0].Op == re.Op { // (a+)+ was written
			return re.Sub[0]
		}
	}
	return re
}

func compilePattern(parsed *syntax.Regexp) (*pattern, error) {
	compiled, err := regexp.Compile(parsed.String())
	if err != nil {
		return nil, err
	}
	simple, err := parsePattern(compiled.String())
	if err != nil {
		return nil, err
	}
	return &pattern{compiled, times(stepsPerInstruction, instructions(simple))}, nil
}

// instructions returns how many instructions a pattern has once its repetitions
// are written out.
func instructions(re *syntax.Regexp) int {
	count := len(re.Rune) / 2
	if re.Op != syntax.OpConcat {
		count++
	}
	for _, sub := range re.Sub {
		count += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		count = times(count, max(re.Min, re.Max, 1))
	}
	return count
}
