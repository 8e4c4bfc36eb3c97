package route

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Paths returns the paths of the payload to which an expression leads, also out of
// the elements of lists: any(body.items, .price > 1) leads to items.*.price.
func (p *program) Paths() []payload.Path {
	root, f := p.tree, newPathFinder(nil)
	ast.Walk(&root, f)
	return f.ends()
}

// Paths returns the paths of the payload to which a rewrite leads that it reads,
// renames or deletes.
func (r *Rewriter) Paths() []payload.Path {
	var found []payload.Path
	for _, v := range r.values() {
		found = append(found, v.Paths()...)
	}
	for _, edit := range r.edits {
		if edit.name == "rename" || edit.name == "delete" {
			found = append(found, edit.path)
		}
	}
	return found
}

// pathFinder follows members from the payload on, and from the element that a
// predicate is about. Nodes are visited from the leaves up.
type pathFinder struct {
	element  payload.Path // nil: there is none, or nobody knows where it comes from
	inner    map[ast.Node]bool
	paths    map[ast.Node]payload.Path
	extended map[ast.Node]bool
	found    []payload.Path // out of predicates
}

func newPathFinder(element payload.Path) *pathFinder {
	return &pathFinder{
		element: element, inner: make(map[ast.Node]bool),
		paths: make(map[ast.Node]payload.Path), extended: make(map[ast.Node]bool),
	}
}

func (f *pathFinder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "body" {
			f.paths[n] = payload.Path{}
		}
	case *ast.PointerNode:
		if n.Name == "" && f.element != nil && !f.inner[n] {
			f.paths[n] = f.element
		}
	case *ast.ChainNode:
		f.extend(n, n.Node)
	case *ast.MemberNode:
		switch property := n.Property.(type) {
		case *ast.StringNode:
			f.extend(n, n.Node, property.Value)
		case *ast.IntegerNode:
			f.extend(n, n.Node, strconv.Itoa(max(property.Value, 0)))
		}
	case *ast.BinaryNode:
		if n.Operator == "??" {
			f.extend(n, n.Left)
		}
	case *ast.BuiltinNode:
		f.builtin(n)
	}
}

// extend notes that a value is found from another one's place on.
func (f *pathFinder) extend(node, base ast.Node, steps ...string) {
	if path, known := f.paths[base]; known {
		f.paths[node] = slices.Concat(path, steps)
		f.extended[base] = true
	}
}

// builtin follows a list into the predicate that is about its elements, and into
// what is made of them.
func (f *pathFinder) builtin(n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	list := n.Arguments[0]
	if len(n.Arguments) > 1 {
		if predicate, ok := n.Arguments[1].(*ast.PredicateNode); ok && !f.inner[n] {
			f.predicate(list, predicate)
		}
	}
	switch n.Name {
	case "filter", "sortBy", "reverse", "take", "uniq":
		f.extend(n, list)
	case "find", "findLast", "first", "last":
		f.extend(n, list, payload.Every)
	}
}

// predicate looks for paths in a predicate, whose elements are of a list.
func (f *pathFinder) predicate(list ast.Node, predicate *ast.PredicateNode) {
	var element payload.Path
	if path, known := f.paths[list]; known {
		element = slices.Concat(path, payload.Path{payload.Every})
	}
	in := newPathFinder(element)
	ast.Walk(&predicate.Node, innerLoops(in.inner))
	ast.Walk(&predicate.Node, in)
	f.found = append(f.found, in.ends()...)
}

// ends returns the paths that lead no further.
func (f *pathFinder) ends() []payload.Path {
	found := f.found
	for node, path := range f.paths {
		if !f.extended[node] && len(path) > 0 && path[len(path)-1] != payload.Every {
			found = append(found, path)
		}
	}
	slices.SortFunc(found, func(a, b payload.Path) int { return slices.Compare(a, b) })
	return slices.CompactFunc(found, func(a, b payload.Path) bool { return slices.Equal(a, b) })
}
