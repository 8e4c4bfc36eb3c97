package route

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// Bounds of what an operator may write: an expression is short, and what it
// costs grows no faster than the payload.
const (
	maxSource = 16 << 10 // bytes of an expression's text
	maxNodes  = 1000     // nodes of its syntax tree
)

// env is what an expression sees. Its fields are the names operators write.
type env struct {
	Provider  string                   `expr:"provider"`
	Event     string                   `expr:"event"`
	ID        string                   `expr:"id"`
	Timestamp time.Time                `expr:"timestamp"`
	Received  time.Time                `expr:"received"`
	Body      any                      `expr:"body"`
	Method    string                   `expr:"method"`
	Path      string                   `expr:"path"`
	Header    func(name string) string `expr:"header"`
	Query     func(name string) string `expr:"query"`
	Signed    func(path string) bool   `expr:"signed"`
}

// program is a compiled expression.
type program struct {
	source   string
	compiled *vm.Program
	usesBody bool
}

// Rule is an expression that is true or false for an event.
type Rule struct{ program }

// Value is an expression that computes something of an event.
type Value struct{ program }

// CompileRule compiles an expression whose result must be a boolean.
func CompileRule(source string) (*Rule, error) {
	p, err := compile(source, expr.AsBool(), expr.WarnOnAny())
	if err != nil && strings.Contains(err.Error(), "expected bool, but got unknown") {
		return nil, errors.New("the result is not known to be a boolean before a payload is there; " +
			"compare it, as in body.paid == true")
	}
	if err != nil {
		return nil, err
	}
	return &Rule{p}, nil
}

// CompileValue compiles an expression with a result of any type.
func CompileValue(source string) (*Value, error) {
	p, err := compile(source, expr.AsAny())
	if err != nil {
		return nil, err
	}
	return &Value{p}, nil
}

func compile(source string, options ...expr.Option) (program, error) {
	if strings.TrimSpace(source) == "" {
		return program{}, errors.New("the expression is empty")
	}
	if len(source) > maxSource {
		return program{}, fmt.Errorf("the expression is longer than %d bytes", maxSource)
	}
	check := new(inspector)
	options = append(options,
		expr.Env(env{}),
		// The tree is looked at as it was written: optimizing fuses predicates.
		expr.Patch(check),
		expr.MaxNodes(maxNodes),
		// These make results whose size has nothing to do with the payload's.
		expr.DisableBuiltin("repeat"),
		// Time comes with the event, so that a rule gives the same answer twice.
		expr.DisableBuiltin("now"),
	)
	options = append(options, functions...)
	compiled, err := expr.Compile(source, options...)
	if err != nil {
		return program{}, err
	}
	if check.err != nil {
		return program{}, check.err
	}
	return program{source: source, compiled: compiled, usesBody: check.usesBody}, nil
}

// inspector looks at what an expression uses, and refuses what could cost more
// than the payload's size allows.
type inspector struct {
	usesBody bool
	err      error
}

func (i *inspector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		i.usesBody = i.usesBody || n.Value == "body"
		if n.Value == "$env" {
			i.refuse("$env cannot be used; name what is wanted of it")
		}
	case *ast.BuiltinNode:
		if n.Name == "reduce" {
			i.refuse("reduce cannot be used: what it builds up has no bound")
		}
	case *ast.PredicateNode:
		var inner predicates
		ast.Walk(&n.Node, &inner)
		if len(inner.found) > 0 {
			i.refuse("a predicate such as any() or filter() inside another one is not allowed: " +
				"its cost is the square of the payload's size")
		}
	}
}

func (i *inspector) refuse(text string) {
	if i.err == nil {
		i.err = errors.New(text)
	}
}

// predicates collects the predicates of a tree.
type predicates struct{ found []*ast.PredicateNode }

func (p *predicates) Visit(n *ast.Node) {
	if predicate, ok := (*n).(*ast.PredicateNode); ok {
		p.found = append(p.found, predicate)
	}
}

// String returns the expression as it was written.
func (p *program) String() string { return p.source }

func (p *program) run(e *Event) (any, error) {
	if e.env == nil {
		e.env = &env{
			Provider:  e.Provider,
			Event:     e.Name,
			ID:        e.ID,
			Timestamp: e.Timestamp,
			Received:  e.Received,
			Method:    e.method,
			Path:      e.url.Path,
			Header:    e.header.Get,
			Query:     func(name string) string { return e.url.Query().Get(name) },
			Signed:    e.signs,
		}
	}
	if p.usesBody {
		// A body that cannot be read is nil to rules; verification has
		// already refused it where the provider's scheme needs it.
		e.env.Body, _ = e.Body.Value()
	}
	return expr.Run(p.compiled, e.env)
}

// Match evaluates the rule.
func (r *Rule) Match(e *Event) (bool, error) {
	result, err := r.run(e)
	if err != nil {
		return false, err
	}
	matched, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("the result is %T, not a boolean", result)
	}
	return matched, nil
}

// Compute evaluates the expression.
func (v *Value) Compute(e *Event) (any, error) { return v.run(e) }

// text evaluates an expression whose result is used as a name or a header.
func (v *Value) text(e *Event) (string, error) {
	result, err := v.run(e)
	if err != nil {
		return "", err
	}
	return Text(result)
}
