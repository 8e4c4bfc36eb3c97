package route

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// counter rewrites an expression so that a meter counts what it does: in the place
// of what costs more for larger values comes a call that counts first. What is not
// known to it is refused.
type counter struct {
	loops []loopCost // what a turn of each loop costs, by the loop's number
	err   error
}

// loopCost is what the evaluation of a predicate costs, without what the calls in
// it count themselves.
type loopCost struct {
	steps, made int
	lookups     int // in the element, which cost more in one that has members
	sorts       bool
}

// options are what an expression is compiled with that this counter rewrites.
func (c *counter) options() []expr.Option {
	// What the language optimizes would be counted once where it is done twice.
	return []expr.Option{expr.Optimize(false), expr.Patch(c), func(config *conf.Config) {
		add := func(name string, call func(m *meter, args []any) (any, error)) {
			config.Functions[countedName(name)] = &builtin.Function{
				Name: countedName(name),
				Func: func(args ...any) (any, error) { return call(args[0].(*meter), args[1:]) },
				// The types were checked before; see replace.
				Validate: func([]reflect.Type) (reflect.Type, error) { return reflect.TypeFor[any](), nil },
			}
		}
		for name, f := range operators {
			add(name, f.call)
		}
		for name, f := range builtins {
			if !f.isFree && !f.isLoop && f.refuse == "" {
				add(name, f.counted(name))
			}
		}
		for name, f := range functions {
			if !f.isFree {
				add(name, f.call)
			}
		}
		add(turnsName, c.turns)
		add(textName, text)
		add(groupName, grouped)
		add(lastIndexName, lastIndex)
		add(nameName, func(m *meter, args []any) (any, error) { return memberName(m, args[0]) })
	}}
}

// The names of calls that have none in the language.
const (
	turnsName = "turns of a loop"
	textName  = "use of a text"
	groupName = "groups"
	nameName  = "name of a group"

	lastIndexName = "last index"
)

// countedName is the name under which a counted function is called. No operator
// can write it.
func countedName(name string) string { return "counted " + name }

// turns counts all turns of a loop before the first.
func (c *counter) turns(m *meter, args []any) (any, error) {
	cost, n := c.loops[args[1].(int)], length(args[0])
	m.step(150 + times(cost.steps, n))
	m.make(madeLoop + times(cost.made, n))
	if cost.lookups > 0 {
		m.step(times(lookup*cost.lookups, n-empty(args[0])))
	}
	if cost.sorts {
		m.step(times(20*log2(n), n))
	}
	return args[0], nil
}

// lookup is what a member costs of an object that has some: it is seldom in the
// processor's cache.
const lookup = 24

// empty returns how many elements of a list have nothing in them.
func empty(list any) (n int) {
	of, _ := list.([]any)
	for _, element := range of {
		if object, ok := element.(map[string]any); ok && len(object) == 0 {
			n++
		}
	}
	return n
}

// madeLoop is what the machine keeps of a loop, as long as the expression runs.
const madeLoop = 320

// text counts that a text is read once, at so many steps for sixteen bytes.
func text(m *meter, args []any) (any, error) {
	m.step(times(args[1].(int), textLength(args[0])/16+1))
	return args[0], nil
}

// Visit rewrites a node, whose parts are rewritten already.
func (c *counter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode,
		*ast.ChainNode, *ast.PredicateNode, *ast.PointerNode, *ast.VariableDeclaratorNode, *ast.SequenceNode,
		*ast.ConditionalNode, *ast.ArrayNode, *ast.MapNode, *ast.SliceNode:
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			c.refuse("$env cannot be used; name what is wanted of it")
		}
		if _, isFunction := builtins[n.Value]; isFunction {
			c.refuse(n.Value + " is a function: call it, as in " + n.Value + "(…)")
		}
	case *ast.UnaryNode:
		if !slices.Contains([]string{"!", "not", "-", "+"}, n.Operator) {
			c.refuse(n.Operator + " cannot be used: nobody has said what it costs")
		}
		if number, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			*node = withPlace(&ast.IntegerNode{Value: -number.Value}, n)
		}
	case *ast.PairNode:
		c.weigh(&n.Key, 1)
	case *ast.MemberNode:
		c.weigh(&n.Property, 1)
	case *ast.BinaryNode:
		c.binary(node, n)
	case *ast.CallNode:
		c.called(node, n)
	case *ast.BuiltinNode:
		c.builtin(node, n)
	default:
		c.refuse(fmt.Sprintf("%s cannot be used: nobody has said what it costs", n))
	}
}

func (c *counter) refuse(text string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s", text)
	}
}

// binary rewrites an operator.
func (c *counter) binary(node *ast.Node, n *ast.BinaryNode) {
	_, counts := operators[n.Operator]
	switch {
	case !counts && !freeOperators[n.Operator]:
		c.refuse(n.Operator + " cannot be used: nobody has said what it costs")
	case n.Operator == "!=" && !isSmall(n.Left) && !isSmall(n.Right):
		equal := ast.Node(n)
		c.replace(&equal, "==", n.Left, n.Right)
		*node = withPlace(&ast.UnaryNode{Operator: "not", Node: equal}, n)
	case !counts:
	case n.Operator == "matches" && isText(n.Right):
		c.pattern(node, n)
	case n.Operator == "in" && isTexts(n.Right):
		c.replace(node, n.Operator, n.Left, setOfTexts(n.Right.(*ast.ArrayNode)))
	case n.Operator == "+" && (isNumber(n.Left) || isNumber(n.Right) || isText(n.Left) && isText(n.Right)):
	case isGrowing[n.Operator], !isSmall(n.Left) && !isSmall(n.Right):
		c.replace(node, n.Operator, n.Left, n.Right)
	}
}

// isGrowing are the operators that cost something even where one operand is small.
var isGrowing = setOf("in", "contains", "matches", "..", "+")

// called rewrites the call of a function or a method.
func (c *counter) called(node *ast.Node, n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		switch f, known := functions[callee.Value]; {
		case known && !f.isFree:
			c.replace(node, callee.Value, n.Arguments...)
		case known, isOfEvent[callee.Type()]: // such as a variable that is header
			c.weighAll(n.Arguments, 16)
		default:
			c.refuse(callee.Value + " cannot be called: it is not a function")
		}
	case *ast.MemberNode:
		if name, ok := callee.Property.(*ast.StringNode); !ok || !methods[name.Value] {
			c.refuse(fmt.Sprintf("%s cannot be called", callee))
		}
		c.weighAll(n.Arguments, 100)
	default:
		c.refuse(fmt.Sprintf("%s cannot be called; call a function by its name", callee))
	}
}

// isOfEvent are the types of the functions of an event; see env.
var isOfEvent = map[reflect.Type]bool{
	reflect.TypeFor[func(string) string](): true,
	reflect.TypeFor[func(string) bool]():   true,
}

// builtin rewrites the call of a function of the language.
func (c *counter) builtin(node *ast.Node, n *ast.BuiltinNode) {
	f, known := builtins[n.Name]
	switch {
	case !known:
		c.refuse(n.Name + " cannot be used: nobody has said what it costs")
	case f.refuse != "":
		c.refuse(n.Name + " cannot be used: " + f.refuse)
	case f.isLoop:
		c.loop(node, n)
	case !f.isFree:
		c.replace(node, n.Name, n.Arguments...)
		if n.Name == "fromPairs" {
			(*node).SetType(reflect.TypeFor[map[string]any]())
		}
	}
}

// loop has the turns of a loop counted.
func (c *counter) loop(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return // the language says what is missing
	}
	if isBackwards := n.Name == "findLast" || n.Name == "findLastIndex"; isBackwards {
		c.backwards(node, n)
	}
	cost := loopCost{steps: 6}
	if len(n.Arguments) > 1 {
		if predicate, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			cost.add(predicate.Node)
			c.key(n.Name, predicate)
		}
	}
	switch n.Name {
	case "map", "filter":
		cost.made += 5 * madeElement / 2 // of the result, and of the machine's stack, which grows by copying
		cost.steps += 8
	case "sum", "reduce":
		cost.steps += 8
		cost.made += madeNumber
	case "sortBy":
		cost.made += 6 * madeElement
		cost.sorts = true
	case "groupBy":
		cost.made += 10 * madeElement
		cost.steps += 450
	}
	number := &ast.IntegerNode{Value: len(c.loops)}
	c.loops = append(c.loops, cost)
	c.replace(&n.Arguments[0], turnsName, n.Arguments[0], number)
	if n.Name == "groupBy" {
		c.replace(node, groupName, n)
		(*node).SetType(reflect.TypeFor[map[string]any]())
	}
}

// backwards has a list reversed where the language would read it from its end: it
// then leaves values behind, which the rest of the expression takes for its own.
func (c *counter) backwards(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) > 1 && usesIndex(n.Arguments[1]) {
		c.refuse(n.Name + " cannot use #index; filter or map the list first")
	}
	name := fmt.Sprintf("list %d", len(c.loops))
	list := func() ast.Node { return withPlace(&ast.IdentifierNode{Value: name}, n.Arguments[0]) }
	declared := &ast.VariableDeclaratorNode{Name: name, Value: n.Arguments[0], Expr: n}
	if n.Name == "findLastIndex" {
		c.replace(&declared.Expr, lastIndexName, list(), n)
	}
	reversed := list()
	c.replace(&reversed, "reverse", list())
	n.Arguments[0], n.Name = reversed, map[string]string{"findLast": "find", "findLastIndex": "findIndex"}[n.Name]
	*node = withPlace(declared, n)
}

// lastIndex returns the index in a list of what was found in the list reversed.
func lastIndex(_ *meter, args []any) (any, error) {
	if at, found := args[1].(int); found {
		return length(args[0]) - 1 - at, nil
	}
	return nil, nil
}

// key has what a list is sorted or grouped by counted.
func (c *counter) key(name string, predicate *ast.PredicateNode) {
	switch name {
	case "sortBy":
		c.weigh(&predicate.Node, 40)
	case "groupBy":
		c.replace(&predicate.Node, nameName, predicate.Node)
	}
}

// weigh has a text counted that is used.
func (c *counter) weigh(node *ast.Node, steps int) {
	if !isSmall(*node) {
		c.replace(node, textName, *node, &ast.IntegerNode{Value: steps})
	}
}

func (c *counter) weighAll(nodes []ast.Node, steps int) {
	for i := range nodes {
		c.weigh(&nodes[i], steps)
	}
}

// replace puts a counted call in the place of a node, of whose type it is.
func (c *counter) replace(node *ast.Node, name string, arguments ...ast.Node) {
	call := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: countedName(name)},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: meterName}}, arguments...),
	}
	*node = withPlace(call, *node)
}

// withPlace returns a node as if it had been written in the place of another one.
func withPlace(node, other ast.Node) ast.Node {
	node.SetLocation(other.Location())
	node.SetNature(*other.Nature())
	return node
}

// methods are those that can be called, of times, durations and numbers.
var methods = setOf(
	"Add", "AddDate", "After", "Before", "Compare", "Date", "Day", "Equal", "Format", "Hour", "In", "IsZero", "Local", "Location", "Minute",
	"Month", "Nanosecond", "Round", "Second", "Sub", "Truncate", "UTC", "Unix", "UnixMicro", "UnixMilli", "UnixNano", "Weekday", "Year",
	"YearDay", "Abs", "Hours", "Microseconds", "Milliseconds", "Minutes", "Nanoseconds", "Seconds", "Float64", "Int64", "String",
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
