package route

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Reads names what an expression reads of the request, as fields of a
// provider's description are named: "body.job.id", "header.X-Event". What it
// computes the name of is named by its beginning, at worst "body".
func (p *program) Reads() []string { return p.guard.reads() }

func reads(root ast.Node) []string {
	r := &reader{
		chains:   make(map[ast.Node]payload.Path),
		extended: make(map[ast.Node]bool),
		callees:  make(map[ast.Node]string),
	}
	ast.Walk(&root, r)
	for _, name := range r.callees {
		r.found = append(r.found, name)
	}
	for node, path := range r.chains {
		switch {
		case r.extended[node]:
		case len(path) == 0:
			r.found = append(r.found, "body")
		default:
			r.found = append(r.found, "body."+path.String())
		}
	}
	slices.Sort(r.found)
	return slices.Compact(r.found)
}

// Reads names what a rewrite reads of the request, save the payload that it edits.
func (r *Rewriter) Reads() []string {
	var found []string
	for _, v := range r.values() {
		found = append(found, v.Reads()...)
	}
	for _, edit := range r.edits {
		if edit.name == "rename" {
			found = append(found, "body."+edit.path.String())
		}
	}
	if r.cloudEvents != nil && r.cloudEvents.kind == nil {
		found = append(found, "event")
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// values returns the expressions of a rewrite.
func (r *Rewriter) values() []*Value {
	all := []*Value{r.body}
	if r.uri != nil {
		all = append(all, &r.uri.Value)
	}
	for _, header := range r.headers {
		all = append(all, header.value)
	}
	for _, edit := range r.edits {
		all = append(all, edit.value)
	}
	if c := r.cloudEvents; c != nil {
		all = append(all, c.kind, c.source, c.id, c.stamp, c.subject)
	}
	return slices.DeleteFunc(all, func(v *Value) bool { return v == nil })
}

// reader follows member chains that begin at body. Nodes are visited from the
// leaves up, so that a longer chain is seen after the one it extends.
type reader struct {
	chains   map[ast.Node]payload.Path
	extended map[ast.Node]bool
	callees  map[ast.Node]string // header and query, unless the argument is known
	found    []string
}

func (r *reader) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "body":
			r.chains[n] = payload.Path{}
		case "event", "id", "timestamp", "method", "path":
			r.found = append(r.found, n.Value)
		case "category", "categories":
			r.found = append(r.found, "event")
		case "header", "query":
			r.callees[n] = n.Value
		}
	case *ast.ChainNode:
		if path, ok := r.chains[n.Node]; ok {
			r.chains[n] = path
			r.extended[n.Node] = true
		}
	case *ast.MemberNode:
		path, ok := r.chains[n.Node]
		if name, constant := n.Property.(*ast.StringNode); ok && constant {
			r.chains[n] = append(slices.Clone(path), name.Value)
			r.extended[n.Node] = true
		}
	case *ast.CallNode:
		r.call(n)
	}
}

// call notes the headers and query parameters that are read by name.
func (r *reader) call(n *ast.CallNode) {
	callee, read := r.callees[n.Callee]
	if !read || len(n.Arguments) != 1 {
		return
	}
	if name, constant := n.Arguments[0].(*ast.StringNode); constant {
		delete(r.callees, n.Callee)
		r.found = append(r.found, callee+"."+name.Value)
	}
}
