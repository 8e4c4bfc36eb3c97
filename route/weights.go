package route

import (
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
)

// add adds what a node and all that is in it costs, once. Loops in it count
// themselves.
func (c *loopCost) add(node ast.Node) {
	w := weights{cost: c, inner: make(map[ast.Node]bool)}
	ast.Walk(&node, innerLoops(w.inner))
	ast.Walk(&node, &w)
}

// innerLoops finds what stands inside of the predicates of an expression.
type innerLoops map[ast.Node]bool

func (inner innerLoops) Visit(node *ast.Node) {
	if predicate, ok := (*node).(*ast.PredicateNode); ok {
		ast.Walk(&predicate.Node, allNodes(inner))
	}
}

type allNodes map[ast.Node]bool

func (all allNodes) Visit(node *ast.Node) { all[*node] = true }

// weights adds up the costs of nodes that are not in inner loops.
type weights struct {
	cost  *loopCost
	inner map[ast.Node]bool
}

func (w *weights) Visit(node *ast.Node) {
	if w.inner[*node] {
		return
	}
	w.cost.steps += 2
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		w.cost.steps += 8
	case *ast.BinaryNode:
		switch {
		case isLogical[n.Operator]:
		case isArithmetic[n.Operator]:
			w.cost.steps += 12
			w.cost.made += madeNumber
		default:
			w.cost.steps += 8
		}
	case *ast.UnaryNode:
		w.cost.steps += 10
		if n.Operator == "-" {
			w.cost.made += madeNumber
		}
	case *ast.MemberNode:
		w.cost.steps += 12
		if isElement(n.Node) {
			w.cost.lookups++
		} else {
			w.cost.steps += lookup
		}
	case *ast.SliceNode:
		w.cost.steps += 45
		w.cost.made += madeArray
	case *ast.CallNode:
		w.cost.steps += 20
		switch callee := n.Callee.(type) {
		case *ast.MemberNode: // a method
			w.cost.steps += 160
			w.cost.made += 64
		case *ast.IdentifierNode:
			if isOfEvent[callee.Type()] {
				w.cost.steps += 40
				w.cost.made += 32
			}
		}
	case *ast.BuiltinNode:
		w.cost.steps += 50
	case *ast.ArrayNode:
		w.cost.steps += 24 + 4*len(n.Nodes)
		w.cost.made += madeArray + madeElement*len(n.Nodes)
	case *ast.MapNode:
		w.cost.steps += 100 + 50*len(n.Pairs)
		w.cost.made += objectSize(len(n.Pairs))
	}
}

// isLogical are the operators that are no more than a jump.
var isLogical = setOf("&&", "and", "||", "or", "??")

// isArithmetic are the operators that make a number, or a text of two.
var isArithmetic = setOf("+", "-", "*", "/", "%", "**", "^")

// isElement reports whether a value is the element that a predicate is about, or in it.
func isElement(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.PointerNode:
		return n.Name == ""
	case *ast.MemberNode:
		return isElement(n.Node)
	case *ast.ChainNode:
		return isElement(n.Node)
	default:
		return false
	}
}

// isSmall reports whether a value is known to be no text, list or object, or one
// that is short: it costs the same whatever is sent.
func isSmall(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return true
	case *ast.IdentifierNode:
		switch n.Value {
		case "provider", "endpoint", "tenant", "event", "id", "method":
			return true
		}
	}
	return isNumber(node) || node.Type().Kind() == reflect.Bool
}

// isNumber reports whether a value is known to be a number or a time.
func isNumber(node ast.Node) bool {
	switch kind := node.Type().Kind(); kind {
	case reflect.Int, reflect.Int64, reflect.Float64:
		return true
	default:
		return node.Type() == reflect.TypeFor[time.Time]()
	}
}

func isText(node ast.Node) bool {
	_, ok := node.(*ast.StringNode)
	return ok
}

// isTexts reports whether a list is written out and has nothing but texts.
func isTexts(node ast.Node) bool {
	list, ok := node.(*ast.ArrayNode)
	if !ok {
		return false
	}
	for _, element := range list.Nodes {
		if !isText(element) {
			return false
		}
	}
	return len(list.Nodes) > 0
}

// setOfTexts returns a list of texts as what they are found in at once.
func setOfTexts(list *ast.ArrayNode) ast.Node {
	set := make(map[string]struct{})
	for _, element := range list.Nodes {
		set[element.(*ast.StringNode).Value] = struct{}{}
	}
	node := &ast.ConstantNode{Value: set}
	node.SetLocation(list.Location())
	node.SetType(reflect.TypeOf(set))
	return node
}

// usesIndex reports whether a predicate, not one inside of it, asks which element
// it is about.
func usesIndex(predicate ast.Node) bool {
	inner, found := make(map[ast.Node]bool), indexes(nil)
	if p, ok := predicate.(*ast.PredicateNode); ok {
		ast.Walk(&p.Node, innerLoops(inner))
		ast.Walk(&p.Node, &found)
	}
	return slices.ContainsFunc(found, func(node ast.Node) bool { return !inner[node] })
}

// indexes collects the places that say #index.
type indexes []ast.Node

func (found *indexes) Visit(node *ast.Node) {
	if pointer, ok := (*node).(*ast.PointerNode); ok && pointer.Name == "index" {
		*found = append(*found, pointer)
	}
}
