package route

import (
	"strings"

	"github.com/expr-lang/expr/vm/runtime"
)

// operators are the binary operators whose cost depends on their operands, as
// functions of those. Others are in freeOperators, or cannot be used.
var operators = map[string]function{
	"==":         {call: func(m *meter, args []any) (any, error) { return m.equal(args[0], args[1]), nil }},
	"in":         {call: func(m *meter, args []any) (any, error) { return m.contains(args[1], args[0]), nil }},
	"<":          compared(runtime.Less),
	">":          compared(runtime.More),
	"<=":         compared(runtime.LessOrEqual),
	">=":         compared(runtime.MoreOrEqual),
	"+":          {call: add},
	"..":         {call: makeRange},
	"contains":   searched(strings.Contains, func(text, part string) int { return 2 * (len(text) + len(part)) }),
	"startsWith": searched(strings.HasPrefix, func(_, part string) int { return len(part) / 16 }),
	"endsWith":   searched(strings.HasSuffix, func(_, part string) int { return len(part) / 16 }),
	"matches":    {call: matches},
}

// freeOperators cost the same for all operands, beside what those cost.
var freeOperators = map[string]bool{
	"!=": true, // the opposite of ==
	"&&": true, "and": true, "||": true, "or": true, "??": true,
	"-": true, "*": true, "/": true, "%": true, "**": true, "^": true,
}

func compared(compare func(a, b any) bool) function {
	return function{call: func(m *meter, args []any) (any, error) {
		m.step(10 + min(textLength(args[0]), textLength(args[1]))/16)
		return compare(args[0], args[1]), nil
	}}
}

func searched(search func(text, part string) bool, cost func(text, part string) int) function {
	return function{call: func(m *meter, args []any) (any, error) {
		if runtime.IsNil(args[0]) || runtime.IsNil(args[1]) {
			return false, nil
		}
		text, part := args[0].(string), args[1].(string)
		m.step(10 + cost(text, part))
		return search(text, part), nil
	}}
}

func add(m *meter, args []any) (any, error) {
	size := textLength(args[0]) + textLength(args[1])
	m.step(10 + size/8)
	m.make(size + madeNumber)
	return runtime.Add(args[0], args[1]), nil
}

func makeRange(m *meter, args []any) (any, error) {
	from, to := runtime.ToInt(args[0]), runtime.ToInt(args[1])
	if size := to - from + 1; from <= to {
		if size <= 0 { // it is more than an int
			size = unlimited
		}
		m.step(times(4, size))
		m.make(times(madeNumber, size))
	}
	return runtime.MakeRange(from, to), nil
}
