package route

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Compared returns the texts that an expression compares a name with, such as
// event or category: those on the other side of == and !=, and in the list of in.
func (p *program) Compared(name string) []string {
	c := &comparisons{name: name}
	root := p.tree
	ast.Walk(&root, c)
	slices.Sort(c.found)
	return slices.Compact(c.found)
}

// comparisons collects texts that a name is compared with.
type comparisons struct {
	name  string
	found []string
}

func (c *comparisons) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	switch {
	case n.Operator == "in" && c.names(n.Left):
		c.list(n.Right)
	case n.Operator == "in" && c.names(n.Right):
		c.text(n.Left)
	case n.Operator != "==" && n.Operator != "!=":
	case c.names(n.Left):
		c.text(n.Right)
	case c.names(n.Right):
		c.text(n.Left)
	}
}

func (c *comparisons) names(node ast.Node) bool {
	identifier, ok := node.(*ast.IdentifierNode)
	return ok && identifier.Value == c.name
}

func (c *comparisons) text(node ast.Node) {
	if text, ok := node.(*ast.StringNode); ok {
		c.found = append(c.found, text.Value)
	}
}

// list collects the texts of a list that is written out.
func (c *comparisons) list(node ast.Node) {
	if list, ok := node.(*ast.ArrayNode); ok {
		for _, element := range list.Nodes {
			c.text(element)
		}
	}
}
