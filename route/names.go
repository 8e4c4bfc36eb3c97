package route

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Compared returns the texts that an expression compares a name with, such as
// event or category: those on the other side of == and !=, and in the list of in.
func (p *program) Compared(name string) []string {
	c := &comparisons{name: name}
	root := p.compiled.Node()
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

// list collects the texts of a list, which the optimizer may have made a set.
func (c *comparisons) list(node ast.Node) {
	switch n := node.(type) {
	case *ast.ArrayNode:
		for _, element := range n.Nodes {
			c.text(element)
		}
	case *ast.ConstantNode:
		switch set := n.Value.(type) {
		case map[string]struct{}:
			for text := range set {
				c.found = append(c.found, text)
			}
		case []any:
			for _, element := range set {
				if text, ok := element.(string); ok {
					c.found = append(c.found, text)
				}
			}
		}
	}
}
