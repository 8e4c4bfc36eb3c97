package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
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
	slotted  *slotted // the same for most; nil if it needs the payload as a whole
	guard    *guard   // see Event.RequireSigned
}

// Rule is an expression that is true or false for an event.
type Rule struct{ program }

// Value is an expression that computes something of an event.
type Value struct{ program }

// CompileRule compiles an expression whose result must be a boolean.
func CompileRule(source string) (*Rule, error) {
	p, err := compileBool(source, env{})
	if errors.Is(err, errAny) {
		return nil, errors.New("the result is not known to be a boolean before a payload is there; " +
			"compare it, as in body.paid == true")
	}
	if err != nil {
		return nil, err
	}
	return &Rule{p}, nil
}

// errAny is the error for a result that could be of any type.
var errAny = errors.New("the result is not known to be a boolean")

// compileBool compiles an expression whose result must be a boolean, for what
// it sees.
func compileBool(source string, environment any) (program, error) {
	p, err := compile(source, environment, expr.AsBool(), expr.WarnOnAny())
	if err != nil && (strings.Contains(err.Error(), "expected bool, but got unknown") ||
		strings.Contains(err.Error(), "expected bool, but got interface {}")) {
		err = errAny
	}
	return p, err
}

// CompileValue compiles an expression with a result of any type.
func CompileValue(source string) (*Value, error) {
	p, err := compile(source, env{}, expr.AsAny())
	if err != nil {
		return nil, err
	}
	return &Value{p}, nil
}

func compile(source string, environment any, options ...expr.Option) (program, error) {
	if strings.TrimSpace(source) == "" {
		return program{}, errors.New("the expression is empty")
	}
	if len(source) > maxSource {
		return program{}, fmt.Errorf("the expression is longer than %d bytes", maxSource)
	}
	check := new(inspector)
	options = append(options,
		expr.MaxNodes(maxNodes),
		// These make results whose size has nothing to do with the payload's.
		expr.DisableBuiltin("repeat"),
		// Time comes with the event, so that a rule gives the same answer twice.
		expr.DisableBuiltin("now"),
	)
	options = append(options, functions...)
	// The tree is looked at as it was written: optimizing fuses predicates.
	compiled, err := expr.Compile(source, append(slices.Clone(options), expr.Env(environment), expr.Patch(check))...)
	if err != nil {
		return program{}, err
	}
	if check.err != nil {
		return program{}, check.err
	}
	p := program{source: source, compiled: compiled, usesBody: check.usesBody, guard: newGuard(compiled)}
	if _, ok := environment.(env); ok {
		p.slotted = compileSlots(source, options)
	}
	return p, nil
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
		switch n.Name {
		case "reduce", "uniq":
			i.refuse(n.Name + " cannot be used: its cost has no bound in the payload's size")
		case "replace":
			if len(n.Arguments) > 2 && mentionsBody(n.Arguments[2]) {
				i.refuse("replace: what is put in cannot come out of the payload, because the result could be its square")
			}
		}
	}
	if n, ok := (*node).(*ast.BuiltinNode); ok {
		i.predicates(n)
	}
}

// predicates looks at what is done for each element of a list.
func (i *inspector) predicates(n *ast.BuiltinNode) {
	for _, argument := range n.Arguments {
		predicate, ok := argument.(*ast.PredicateNode)
		if !ok {
			continue
		}
		var inner predicates
		ast.Walk(&predicate.Node, &inner)
		if len(inner.found) > 0 {
			i.refuse("a predicate such as any() or filter() inside another one is not allowed: " +
				"its cost is the square of the payload's size")
		}
		if inner.walks && !isConstant(n.Arguments[0]) {
			i.refuse("a predicate cannot search the payload anew for each element: " +
				"its cost would be the square of the payload's size")
		}
	}
}

// isConstant reports whether a list is written out in the expression.
func isConstant(node ast.Node) bool {
	if _, ok := node.(*ast.ConstantNode); ok {
		return true
	}
	_, ok := node.(*ast.ArrayNode)
	return ok && !mentionsBody(node)
}

func (i *inspector) refuse(text string) {
	if i.err == nil {
		i.err = errors.New(text)
	}
}

// predicates looks at what stands inside a predicate.
type predicates struct {
	found []*ast.PredicateNode
	walks bool // something is searched for in the payload
}

func (p *predicates) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		p.found = append(p.found, n)
	case *ast.BuiltinNode, *ast.CallNode:
		p.walks = p.walks || mentionsBody(n)
	case *ast.BinaryNode:
		switch n.Operator {
		case "in", "matches", "contains":
			p.walks = p.walks || mentionsBody(n)
		}
	}
}

// mentionsBody reports whether an expression reads the payload, perhaps through
// a variable.
func mentionsBody(node ast.Node) bool {
	var m bodyMention
	ast.Walk(&node, &m)
	return bool(m)
}

type bodyMention bool

// small are the names of what has no size, and of functions.
var small = []string{
	"provider", "event", "id", "timestamp", "received", "method", "path",
	"header", "query", "signed", "json", "unix", "b64decode", "sha256", "escape",
}

func (m *bodyMention) Visit(node *ast.Node) {
	if identifier, ok := (*node).(*ast.IdentifierNode); ok && !slices.Contains(small, identifier.Value) {
		*m = true
	}
}

// String returns the expression as it was written.
func (p *program) String() string { return p.source }

// run evaluates an expression on an event: by the values it needs if they are
// enough, else on the payload, or on as much of it as the expression looks at.
func (p *program) run(e *Event) (any, error) {
	if err := p.guard.check(e); err != nil {
		return nil, err
	}
	if p.slotted == nil {
		return p.runOn(e, e.Body.Value)
	}
	result, ran, err := p.slotted.run(e)
	switch {
	case ran:
		return result, err
	case errors.Is(err, payload.ErrBroken):
		return p.runOn(e, func() (any, error) { return p.slotted.project(e) })
	default:
		return p.runOn(e, e.Body.Value)
	}
}

// runOn evaluates an expression on a payload.
func (p *program) runOn(e *Event, read func() (any, error)) (any, error) {
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
			Query:     e.query,
			Signed:    e.signs,
		}
	}
	if p.usesBody {
		// A body that cannot be read is nil to rules; verification has
		// already refused it where the provider's scheme needs it.
		var err error
		if e.env.Body, err = read(); e.isAmbiguous(err) {
			return nil, fmt.Errorf("%w: %w", ErrAmbiguous, err)
		}
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
		return false, payload.Faultf("the result is %T, not a boolean", result)
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
