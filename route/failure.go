package route

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// lineError is what a line of a rewrite fails with.
type lineError struct {
	line string // as an operator writes it, without expressions
	err  error
}

func (e *lineError) Error() string { return e.line + ": " + e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// ErrURI is returned for a path and query that cannot be requested.
var ErrURI error = &lineError{"uri", payload.Fault("the result is not a path that begins with a single slash")}

// word is a run of characters that could be part of a value.
var word = regexp.MustCompile(`[\pL\pN_]+`)

// ownWords are those of which the messages of expressions consist.
var ownWords = strings.Fields("argument array as base64 bool budget byte cannot call data date defined depth element " +
	"elements exceeded failed fetch field float float64 for from get have illegal in index input int int64 interface " +
	"invalid is json key last length list map may memory more name needs nil no not null number object of on operation operator " +
	"its out payload range recursion size slice string take takes than the this time twice type types unexpected unix use value values")

// Failure tells why an expression or a line of a rewrite failed for an event,
// and where. It may stand in a log: of the errors of expressions, a word that is
// neither the expression's nor an explanation's is left out, because functions
// repeat values of the payload that they cannot use. Errors of unknown origin
// are not told.
func Failure(err error) string {
	if line, ok := errors.AsType[*lineError](err); ok {
		return line.line + ": " + Failure(line.err)
	}
	if unsigned, ok := errors.AsType[*UnsignedError](err); ok {
		return unsigned.Error() // the name is that in the configuration
	}
	if at, ok := errors.AsType[*file.Error](err); ok {
		return failureAt(at)
	}
	if fault, ok := errors.AsType[payload.Fault](err); ok {
		return fault.Error()
	}
	return "failed"
}

func failureAt(at *file.Error) string {
	said := word.ReplaceAllStringFunc(at.Message, func(w string) string {
		if slices.Contains(ownWords, w) || slices.Contains(word.FindAllString(at.Snippet, -1), w) {
			return w
		}
		return "…"
	})
	return fmt.Sprintf("%s (%d:%d)%s", said, at.Line, at.Column+1, at.Snippet)
}
