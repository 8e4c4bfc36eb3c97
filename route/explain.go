package route

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// Clause is a part of a rule between && and ||, and what it was for an event.
type Clause struct {
	Source string `json:"source"`          // as text
	Value  string `json:"value,omitempty"` // its value; empty if it failed
	Error  string `json:"error,omitempty"` // why it failed
}

// Explain evaluates every clause of a rule on its own.
func (r *Rule) Explain(e *Event) []Clause {
	var clauses []Clause
	for _, source := range split(r.compiled.Node()) {
		clause := Clause{Source: source}
		value, err := CompileValue(source)
		var result any
		if err == nil {
			result, err = value.Compute(e)
		}
		if err != nil {
			clause.Error = err.Error()
		} else {
			clause.Value = fmt.Sprint(result)
		}
		clauses = append(clauses, clause)
	}
	return clauses
}

// split returns the operands of && and || as text, the comparisons in them
// with both sides.
func split(node ast.Node) []string {
	switch n := node.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and", "||", "or":
			return append(split(n.Left), split(n.Right)...)
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return append([]string{node.String()}, split(n.Node)...)
		}
	}
	return []string{node.String()}
}
