package route

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// slotted is an expression whose ways into the payload, such as
// body.job?.items[0].id, were replaced by names of their own. It gets those few
// values instead of a decoded payload.
type slotted struct {
	compiled *vm.Program
	counts   bool  // it asks the meter
	loops    bool  // the machine keeps values of the payload
	facts    []int // what it uses besides the payload, as indexes of facts
	names    []string
	chains   []*payload.Chain // the values of names
	machines sync.Pool
}

// machine is what an evaluation needs, used again and again.
type machine struct {
	vm    vm.VM
	env   map[string]any
	meter meter
}

// facts are the names in expressions of what is known besides the payload, with
// values of their types.
var (
	facts = [...]string{"provider", "endpoint", "tenant", "event", "id", "timestamp", "received", "method", "path", "header", "query", "vars", "signed", "category", "categories"}

	factTypes = map[string]any{
		"provider": "", "endpoint": "", "tenant": "", "event": "", "id": "", "method": "", "path": "", "category": "", "categories": []string(nil),
		"timestamp": time.Time{}, "received": time.Time{},
		"header": (func(string) string)(nil), "query": (func(string) string)(nil), "vars": (func(string) string)(nil), "signed": (func(string) bool)(nil),
	}
)

// Facts names what expressions know of an event.
func Facts() []string { return append(facts[:len(facts):len(facts)], "body") }

// compileSlots compiles an expression that is known to be right. It is nil for
// those that use the payload in other ways than by constant members.
func compileSlots(source string, options []expr.Option) *slotted {
	find := &chainFinder{
		names: make(map[string]string), found: make(map[string]*payload.Chain),
		steps: make(map[*ast.IdentifierNode][]payload.Step),
	}
	counter := new(counter)
	options = append(slices.Clone(options), expr.Env(factTypes), expr.AllowUndefinedVariables(), expr.Patch(find))
	compiled, err := expr.Compile(source, append(options, counter.options()...)...)
	if err != nil || counter.err != nil {
		return nil
	}
	used := &usedNames{names: make(map[string]bool)}
	root := compiled.Node()
	ast.Walk(&root, used)
	if used.names["body"] || used.calls(find.found) {
		return nil
	}
	s := &slotted{compiled: compiled, counts: used.names[meterName], loops: len(counter.loops) > 0}
	s.machines.New = func() any {
		return &machine{vm: vm.VM{MemoryBudget: math.MaxUint}, env: make(map[string]any)}
	}
	for _, name := range slices.Sorted(maps.Keys(used.names)) {
		if i := slices.Index(facts[:], name); i >= 0 {
			s.facts = append(s.facts, i)
		} else if chain := find.found[name]; chain != nil {
			s.names, s.chains = append(s.names, name), append(s.chains, chain)
		}
	}
	return s
}

// run evaluates the expression. ran is false if it has to be evaluated on the
// decoded payload; reading then says what stands in the way.
func (s *slotted) run(e *Event) (result any, ran bool, err error) {
	m := s.machines.Get().(*machine)
	defer s.release(m)
	for i, chain := range s.chains {
		if m.env[s.names[i]], err = e.Body.Follow(e.finder, chain); err != nil {
			return nil, false, err
		}
	}
	for _, fact := range s.facts {
		m.env[facts[fact]] = e.fact(fact)
	}
	m.meter.fill(len(e.Body.Document()))
	if s.counts {
		m.env[meterName] = &m.meter
	}
	if result, err = m.vm.Run(s.compiled, m.env); err == nil {
		err = m.meter.check(result)
	}
	return result, true, err
}

// project decodes as much of the payload as the expression looks at, so that it
// fails, or does not, as it would on the whole.
func (s *slotted) project(e *Event) (any, error) {
	value, err := e.Body.Project(e.finder, s.chains)
	if err != nil {
		return e.Body.Value()
	}
	return value, nil
}

// release gives a machine back without the values of the event.
func (s *slotted) release(m *machine) {
	clear(m.env)
	if s.loops {
		m.vm = vm.VM{MemoryBudget: math.MaxUint}
	}
	clear(m.vm.Stack[:cap(m.vm.Stack)])
	clear(m.vm.Variables)
	s.machines.Put(m)
}

// fact returns what is known of an event under a name of facts.
func (e *Event) fact(i int) any {
	if e.facts[i] == nil {
		e.facts[i] = e.namedFact(facts[i])
	}
	return e.facts[i]
}

func (e *Event) namedFact(name string) any {
	switch name {
	case "provider":
		return e.Provider
	case "endpoint":
		return e.Endpoint
	case "tenant":
		return e.Tenant
	case "event":
		return e.Name
	case "id":
		return e.ID
	case "timestamp":
		return e.Timestamp
	case "received":
		return e.Received
	case "method":
		return e.method
	case "path":
		return e.url.Path
	case "header":
		return e.header.Get
	case "query":
		return e.query
	case "vars":
		return e.variable
	case "category":
		return e.category()
	case "categories":
		return e.Categories()
	default: // signed
		return e.signs
	}
}

// chainFinder replaces ways into the payload by names. Nodes are visited from
// the leaves up, so a longer way replaces the beginning that already has a name.
type chainFinder struct {
	names map[string]string                      // by the ways they stand for
	found map[string]*payload.Chain              // by their names
	steps map[*ast.IdentifierNode][]payload.Step // what a name stands for
}

func (f *chainFinder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		base, ok := n.Node.(*ast.IdentifierNode)
		if !ok {
			return
		}
		steps, known := f.steps[base]
		step := payload.Step{Optional: n.Optional}
		switch property := n.Property.(type) {
		case *ast.StringNode:
			step.Name = property.Value
		case *ast.IntegerNode:
			step.Index, step.IsIndex = property.Value, true
			ok = property.Value >= 0
		default:
			ok = false
		}
		if ok && (known || base.Value == "body") {
			f.replace(node, append(slices.Clone(steps), step), false)
		}
	case *ast.ChainNode:
		if base, ok := n.Node.(*ast.IdentifierNode); ok && f.steps[base] != nil {
			f.replace(&n.Node, f.steps[base], true)
		}
	}
}

// replace puts a name in the place of a way into the payload. Where an optional
// step leads to nil, the rest of its chain is skipped: unless the way is the
// whole chain, that cannot be done by a value.
func (f *chainFinder) replace(node *ast.Node, steps []payload.Step, whole bool) {
	taken := slices.Clone(steps)
	for i := range taken {
		taken[i].Optional = taken[i].Optional && whole
	}
	way := fmt.Sprintf("%+v", taken)
	name, known := f.names[way]
	if !known { // a short one: it is looked up each time
		name = fmt.Sprintf("body %d", len(f.names))
		f.names[way], f.found[name] = name, payload.NewChain(taken)
	}
	replacement := &ast.IdentifierNode{Value: name}
	ast.Patch(node, replacement)
	f.steps[replacement] = steps
}

// usedNames collects the names in an expression.
type usedNames struct {
	names   map[string]bool
	callees []string
}

func (u *usedNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		u.names[n.Value] = true
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			u.callees = append(u.callees, callee.Value)
		}
	}
}

// calls reports whether a value of the payload is called as a function.
func (u *usedNames) calls(chains map[string]*payload.Chain) bool {
	return slices.ContainsFunc(u.callees, func(name string) bool { return chains[name] != nil })
}
