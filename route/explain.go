package route

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/expr-lang/expr/ast"
)

// Clause is a part of a rule between && and ||, and what it was for an event.
type Clause struct {
	Source string `json:"source"`          // as text
	Value  string `json:"value,omitempty"` // its value; empty if it failed
	Error  string `json:"error,omitempty"` // why it failed
}

// Verdict is what an event was held against, and whether it matched.
type Verdict struct {
	Events     Patterns `json:"events,omitempty"`     // names of events, any of which may match
	When       string   `json:"when,omitempty"`       // or an expression
	Categories []string `json:"categories,omitempty"` // or categories
	Clauses    []Clause `json:"clauses,omitempty"`    // its parts
	Matched    bool     `json:"matched"`
}

// Judge keeps a verdict for whoever looks at the event later. It does nothing
// unless the event is being watched.
func (e *Event) Judge(verdict func() Verdict) {
	if e.Watched && len(e.Verdicts) < maxVerdicts {
		e.Verdicts = append(e.Verdicts, verdict())
	}
}

// Redacted returns the event as if it had arrived with another payload, with
// other headers and without a query. Whatever is computed from it holds nothing
// that is not in those.
func (e *Event) Redacted(document []byte, header http.Header) *Event {
	target := *e.url
	target.RawQuery = ""
	redacted := e.Outgoing(e.method, &target, header, document)
	redacted.arrived, redacted.Watched, redacted.Shown = nil, false, nil
	return redacted
}

// maxVerdicts bounds what is kept of one event: a matcher may be asked again
// and again.
const maxVerdicts = 100

// Reason tells in a word why an expression failed for an event: "budget" if it took
// more than it may, else "error".
func Reason(err error) string {
	if errors.Is(err, ErrBudget) {
		return "budget"
	}
	return "error"
}

// Explain evaluates every clause of a rule on its own. It tells nothing of the
// payload but what the clauses are: true, false, or in error.
func (r *Rule) Explain(e *Event) []Clause {
	var clauses []Clause
	for _, source := range split(r.tree) {
		clause := Clause{Source: source}
		value, err := CompileValue(source)
		var result any
		if err == nil {
			result, err = value.Compute(e)
		}
		if err != nil {
			clause.Error = Failure(err)
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
