package route

import (
	"errors"
	"fmt"
	"math"
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
	Provider   string                   `expr:"provider"`
	Endpoint   string                   `expr:"endpoint"`
	Tenant     string                   `expr:"tenant"`
	Event      string                   `expr:"event"`
	ID         string                   `expr:"id"`
	Category   string                   `expr:"category"`
	Categories []string                 `expr:"categories"`
	Timestamp  time.Time                `expr:"timestamp"`
	Received   time.Time                `expr:"received"`
	Body       any                      `expr:"body"`
	Method     string                   `expr:"method"`
	Path       string                   `expr:"path"`
	Header     func(name string) string `expr:"header"`
	Query      func(name string) string `expr:"query"`
	Vars       func(name string) string `expr:"vars"`
	Signed     func(path string) bool   `expr:"signed"`
	Meter      *meter                   `expr:"the meter"`
}

// program is a compiled expression.
type program struct {
	source         string
	tree           ast.Node    // as it was written
	compiled       *vm.Program // with a meter
	usesBody       bool
	usesCategories bool
	slotted        *slotted // the same for most; nil if it needs the payload as a whole
	guard          *guard   // see Event.RequireSigned
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
	options = append(options, expr.MaxNodes(maxNodes))
	options = append(options, declared()...)
	// Operators are told what is wrong with what they wrote.
	written, err := expr.Compile(source, append(slices.Clone(options), expr.Env(environment), expr.Optimize(false))...)
	if err != nil && strings.Contains(err.Error(), `unexpected token Operator(":")`) {
		err = fmt.Errorf("an object as what a predicate gives has two braces, as in map(body.items, {{sku: .sku}}): %w", err)
	}
	if err != nil {
		return program{}, err
	}
	counter := new(counter)
	compiled, err := expr.Compile(source, slices.Concat(options, []expr.Option{expr.Env(environment)}, counter.options())...)
	if counter.err != nil {
		return program{}, counter.err
	}
	if err != nil {
		return program{}, err
	}
	p := program{source: source, tree: written.Node(), compiled: compiled, usesBody: uses(written.Node(), "body"), guard: newGuard(written)}
	p.usesCategories = uses(written.Node(), "category") || uses(written.Node(), "categories")
	if _, ok := environment.(env); ok {
		p.slotted = compileSlots(source, options)
	}
	return p, nil
}

// uses reports whether a name is in an expression.
func uses(tree ast.Node, name string) bool {
	used := &usedNames{names: make(map[string]bool)}
	ast.Walk(&tree, used)
	return used.names[name]
}

// UsesCategories reports whether the expression asks for the event's categories.
func (p *program) UsesCategories() bool { return p.usesCategories }

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
			Endpoint:  e.Endpoint,
			Tenant:    e.Tenant,
			Event:     e.Name,
			ID:        e.ID,
			Timestamp: e.Timestamp,
			Received:  e.Received,
			Method:    e.method,
			Path:      e.url.Path,
			Header:    e.header.Get,
			Query:     e.query,
			Vars:      e.variable,
			Signed:    e.signs,
			Meter:     new(meter),
		}
	}
	if p.usesCategories {
		e.env.Category, e.env.Categories = e.category(), e.Categories()
	}
	if p.usesBody {
		// A body that cannot be read is nil to rules; verification has
		// already refused it where the provider's scheme needs it.
		var err error
		if e.env.Body, err = read(); e.isAmbiguous(err) {
			return nil, fmt.Errorf("%w: %w", ErrAmbiguous, err)
		}
		defer func() { e.env.Body = nil }() // it is kept by the payload, which may drop it
	}
	return p.counted(e.env.Meter, len(e.Body.Document()), e.env)
}

// counted evaluates an expression for a payload of a size.
func (p *program) counted(m *meter, size int, environment any) (any, error) {
	m.fill(size)
	machine := vm.VM{MemoryBudget: math.MaxUint}
	result, err := machine.Run(p.compiled, environment)
	if err == nil {
		err = m.check(result)
	}
	return result, err
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
