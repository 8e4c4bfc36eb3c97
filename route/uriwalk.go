package route

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// uriWalk follows an expression for a URI in the order in which its text is put
// together, and finds the values that stand in it as they came.
type uriWalk struct {
	variables map[string]variable

	hasQuery  bool // a text with a question mark stands before, or the expression makes a query
	isWritten bool // some text is the operator's
	inPath    []string
	inQuery   []string
}

// variable is what let has given a name. It stands for what it was made of where it
// is used.
type variable struct{ node ast.Node }

// escaping are functions whose result means nothing in a URI, whatever they get.
var escaping = []string{"escape", "escapeQuery", "sha256", "unix"}

// decoding are functions whose result may be anything, also of what was escaped.
var decoding = []string{"json", "fromJSON", "b64decode", "fromBase64"}

func (w *uriWalk) visit(node ast.Node) {
	if node == nil || isNumber(node) || node.Type().Kind() == reflect.Bool {
		return
	}
	switch n := node.(type) {
	case *ast.StringNode:
		w.isWritten = true
		w.hasQuery = w.hasQuery || strings.Contains(n.Value, "?")
	case *ast.IdentifierNode:
		w.name(n)
	case *ast.PointerNode:
		if n.Name == "" {
			w.found("#")
		}
	case *ast.MemberNode:
		w.member(n)
	case *ast.ChainNode:
		w.visit(n.Node)
	case *ast.SliceNode:
		w.visit(n.Node)
	case *ast.PredicateNode:
		w.visit(n.Node)
	case *ast.BinaryNode:
		if n.Operator == "+" || n.Operator == "??" {
			w.visit(n.Left)
			w.visit(n.Right)
		}
	case *ast.ConditionalNode:
		w.alternatives(n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		w.variables[n.Name] = variable{n.Value}
		w.visit(n.Expr)
	case *ast.SequenceNode:
		w.visit(n.Nodes[len(n.Nodes)-1])
	case *ast.ArrayNode:
		w.each(n.Nodes)
	case *ast.MapNode:
		w.each(n.Pairs)
	case *ast.PairNode:
		w.visit(n.Key)
		w.visit(n.Value)
	case *ast.CallNode:
		w.call(n)
	case *ast.BuiltinNode:
		w.builtin(n)
	}
}

func (w *uriWalk) each(nodes []ast.Node) {
	for _, node := range nodes {
		w.visit(node)
	}
}

// alternatives are texts of which one is taken.
func (w *uriWalk) alternatives(nodes ...ast.Node) {
	before, after := w.hasQuery, false
	for _, node := range nodes {
		w.hasQuery = before
		w.visit(node)
		after = after || w.hasQuery
	}
	w.hasQuery = after
}

func (w *uriWalk) name(n *ast.IdentifierNode) {
	if v, ok := w.variables[n.Value]; ok {
		delete(w.variables, n.Value) // its own value cannot name it, but one that was shadowed
		w.visit(v.node)
		w.variables[n.Value] = v
		return
	}
	switch n.Value {
	case "body", "event", "id", "path":
		w.found(n.Value)
	}
}

// member is a part of a value. Of one that is written out, it is one of its parts.
func (w *uriWalk) member(n *ast.MemberNode) {
	switch of := n.Node.(type) {
	case *ast.MapNode:
		var values []ast.Node
		for _, pair := range of.Pairs {
			values = append(values, pair.(*ast.PairNode).Value)
		}
		w.alternatives(values...)
	case *ast.ArrayNode:
		w.alternatives(of.Nodes...)
	default:
		from := len(w.inPath) + len(w.inQuery)
		w.visit(n.Node)
		if len(w.inPath)+len(w.inQuery) == from+1 {
			w.rename(n.String())
		}
	}
}

// rename names what was found last by all of its path.
func (w *uriWalk) rename(name string) {
	if w.hasQuery {
		w.inQuery[len(w.inQuery)-1] = name
	} else {
		w.inPath[len(w.inPath)-1] = name
	}
}

func (w *uriWalk) call(n *ast.CallNode) {
	callee, isFunction := n.Callee.(*ast.IdentifierNode)
	switch {
	case !isFunction: // a method, such as timestamp.Format
		w.each(n.Arguments)
	case callee.Value == "escapeQuery":
		w.isWritten = true
	case slices.Contains(escaping, callee.Value):
	case callee.Value == "header" || callee.Value == "query" || w.decodes(callee.Value, n):
		w.found(n.String())
	default:
		w.each(n.Arguments)
	}
}

// decodes reports whether a call decodes something that came.
func (w *uriWalk) decodes(name string, call ast.Node) bool {
	return slices.Contains(decoding, name) &&
		slices.ContainsFunc([]string{"body", "event", "id", "path", "header", "query"}, func(name string) bool { return uses(call, name) })
}

func (w *uriWalk) builtin(n *ast.BuiltinNode) {
	switch {
	case w.decodes(n.Name, n):
		w.found(n.String())
	case n.Name == "map" || n.Name == "reduce":
		w.each(n.Arguments[1:])
	case builtins[n.Name].isLoop && n.Name != "sum":
		w.visit(n.Arguments[0]) // it gives elements of the list
	default:
		w.each(n.Arguments)
	}
}

// found notes a value that stands in the URI as it came. That of path may stand in
// a path.
func (w *uriWalk) found(name string) {
	if w.hasQuery {
		w.inQuery = append(w.inQuery, name)
	} else {
		w.inPath = append(w.inPath, name)
	}
}
