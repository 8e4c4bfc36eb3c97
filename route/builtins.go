package route

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
)

// function is something that expressions can call, with what it costs.
type function struct {
	// cost counts what a call is about to do. The language's own function, or
	// call, does it then.
	cost func(m *meter, args []any)
	call func(m *meter, args []any) (any, error)
	kind any // a pointer to the type of a function that the language does not have

	isFree bool   // the cost is the same for all values
	isLoop bool   // an argument is evaluated for each element of a list
	refuse string // why it cannot be used; empty: it can
}

var (
	free = function{isFree: true}
	loop = function{isLoop: true}
)

// builtins are the language's own functions. One that is not here cannot be
// used: nobody has said what it costs.
var builtins = map[string]function{
	"all": loop, "none": loop, "any": loop, "one": loop, "filter": loop, "map": loop, "count": loop, "sum": loop, "reduce": loop,
	"find": loop, "findIndex": loop, "findLast": loop, "findLastIndex": loop, "groupBy": loop, "sortBy": loop,

	"type": free, "abs": free, "ceil": free, "floor": free, "round": free, "first": free, "last": free, "take": free,
	"bitand": free, "bitor": free, "bitxor": free, "bitnand": free, "bitshl": free, "bitshr": free, "bitushr": free, "bitnot": free,

	"len":         {cost: perByte(4)},
	"get":         {cost: perByte(1)},
	"int":         {cost: perByte(8)},
	"float":       {cost: perByte(16)},
	"string":      {cost: costOfString},
	"trim":        {cost: costOfTrim},
	"trimPrefix":  {cost: perByte(1)},
	"trimSuffix":  {cost: perByte(1)},
	"hasPrefix":   {cost: perByte(1)},
	"hasSuffix":   {cost: perByte(1)},
	"upper":       {cost: making(20, 2)},
	"lower":       {cost: making(20, 2)},
	"split":       {cost: costOfSplit},
	"splitAfter":  {cost: costOfSplit},
	"replace":     {cost: costOfReplace},
	"join":        {cost: costOfJoin},
	"indexOf":     {cost: perByte(2)},
	"lastIndexOf": {cost: perByte(2)},
	"max":         {cost: costOfNumbers},
	"min":         {cost: costOfNumbers},
	"mean":        {cost: costOfNumbers},
	"median":      {cost: costOfMedian},
	"toBase64":    {cost: making(4, 3)},
	"fromBase64":  {cost: making(4, 2)},
	"toJSON":      {cost: costOfToJSON},
	"fromJSON":    {call: decodeJSON},
	"duration":    {cost: perByte(8)},
	"date":        {cost: costOfDate},
	"timezone":    {cost: costOfTimezone},
	"keys":        {call: keys},
	"values":      {call: values},
	"toPairs":     {call: toPairs},
	"fromPairs":   {call: fromPairs},
	"reverse":     {cost: costOfCopy},
	"concat":      {cost: costOfCopy},
	"flatten":     {cost: costOfFlatten},
	"uniq":        {call: unique},
	"sort":        {cost: costOfSort},

	"repeat": {refuse: "its result has nothing to do with the payload's size"},
	"now":    {refuse: "a rule has to give the same answer twice; write received or timestamp"},
}

// counted returns what is called in the place of a function of the language.
func (f function) counted(name string) func(m *meter, args []any) (any, error) {
	if f.call != nil {
		return f.call
	}
	own := builtin.Builtins[builtin.Index[name]]
	return func(m *meter, args []any) (any, error) {
		f.cost(m, args)
		switch {
		case own.Fast != nil:
			return own.Fast(args[0]), nil
		case own.Safe != nil:
			result, _, err := own.Safe(args...)
			return result, err
		default:
			return own.Func(args...)
		}
	}
}

// perByte costs so many steps for four bytes of the texts.
func perByte(steps int) func(*meter, []any) { return making(steps, 0) }

// making costs so many steps for four bytes of the texts, and makes so many bytes
// for each.
func making(steps, made int) func(*meter, []any) {
	return func(m *meter, args []any) {
		size := 0
		for _, arg := range args {
			size += textLength(arg)
		}
		m.step(40 + times(steps, size/4))
		m.make(times(made, size))
	}
}

func costOfString(m *meter, args []any) {
	m.step(30)
	m.make(2 * m.printed(args[0], m.made))
}

// costOfTrim: every character may be looked for among all that are cut off.
func costOfTrim(m *meter, args []any) {
	size := textLength(args[0])
	m.step(20 + size)
	if len(args) > 1 {
		m.step(times(size, textLength(args[1])))
	}
}

func costOfSplit(m *meter, args []any) {
	text, _ := args[0].(string)
	separator, _ := args[1].(string)
	m.step(20 + len(text) + len(separator))
	pieces := places(text, separator) + 1
	if limit, ok := limitOf(args, 2); ok {
		pieces = min(pieces, limit)
	}
	m.step(times(20, pieces))
	m.make(times(madeElement, pieces))
}

func costOfReplace(m *meter, args []any) {
	text, _ := args[0].(string)
	old, _ := args[1].(string)
	by, _ := args[2].(string)
	m.step(20 + 2*(len(text)+len(old)))
	replaced := places(text, old)
	if limit, ok := limitOf(args, 3); ok {
		replaced = min(replaced, limit)
	}
	made := len(text) + times(replaced, len(by))
	m.step(times(10, replaced) + made/8)
	m.make(made)
}

// places returns how often a text may be split at another one.
func places(text, at string) int {
	if at == "" {
		return utf8.RuneCountInString(text) + 1
	}
	return strings.Count(text, at)
}

// limitOf returns the argument that says how often at most.
func limitOf(args []any, i int) (int, bool) {
	if len(args) <= i {
		return 0, false
	}
	limit, ok := args[i].(int)
	return limit, ok && limit >= 0
}

func costOfJoin(m *meter, args []any) {
	size := 0
	switch list := args[0].(type) {
	case []any:
		m.step(times(10, len(list)))
		for _, element := range list {
			size += textLength(element)
		}
	case []string:
		m.step(times(10, len(list)))
		for _, element := range list {
			size += len(element)
		}
	}
	if len(args) > 1 {
		size += times(textLength(args[1]), length(args[0]))
	}
	m.step(20 + size/8)
	m.make(size + times(2*madeElement, length(args[0])))
}

// costOfNumbers visits lists inside of lists.
func costOfNumbers(m *meter, args []any) { m.numbers(args, 0, 8) }

// costOfMedian: the numbers of an inner list are copied into every outer one, and
// sorted at last.
func costOfMedian(m *meter, args []any) {
	count := m.copied(args, 0)
	m.step(times(count, 6*log2(count)))
}

func (m *meter) numbers(list []any, depth, steps int) (count int) {
	m.enter(depth)
	for _, element := range list {
		m.step(steps)
		switch inner := element.(type) {
		case []any:
			count += m.numbers(inner, depth+1, steps)
		default:
			size := max(length(element), 1)
			m.step(times(steps, size))
			count += size
		}
	}
	return count
}

// copied counts the copying of the elements of inner lists into all outer ones.
func (m *meter) copied(list []any, depth int) (count int) {
	m.enter(depth)
	for _, element := range list {
		size := 1
		switch inner := element.(type) {
		case []any:
			size = m.copied(inner, depth+1)
		case []string, []int, []float64:
			size = length(inner)
		}
		m.step(20 + times(10, size))
		m.make(times(2*madeElement, size))
		count += size
	}
	return count
}

func costOfFlatten(m *meter, args []any) {
	if list, ok := elements(args[0]); ok {
		m.copied(list, 0)
	}
}

func costOfCopy(m *meter, args []any) {
	for _, arg := range args {
		m.step(20 + times(20, length(arg)))
		m.make(times(3*madeElement, length(arg)))
	}
}

func costOfSort(m *meter, args []any) {
	n := length(args[0])
	m.make(times(madeElement, n))
	m.sorting(args[0], n)
}

// sorting counts the comparisons of a sort.
func (m *meter) sorting(list any, n int) {
	m.step(20 + times(16*log2(n), n))
	texts := 0
	switch of := list.(type) {
	case []any:
		for _, element := range of {
			texts += textLength(element)
		}
	case []string:
		for _, element := range of {
			texts += len(element)
		}
	}
	m.step(times(texts/8, log2(n)))
}

// costOfToJSON: the language indents what it writes, by the level.
func costOfToJSON(m *meter, args []any) {
	size := m.indented(args[0], m.made)
	m.step(times(4, size))
	m.make(times(3, size))
}

// costOfDate: a text is held against several layouts, and copied for each one
// that it is not of.
func costOfDate(m *meter, args []any) {
	making(40, 8)(m, args)
	m.step(500)
	if len(args) == 3 && !isLocation(args[0]) || len(args) == 4 {
		costOfTimezone(m, args)
	}
}

// costOfTimezone: it is read out of a file.
func costOfTimezone(m *meter, _ []any) { m.step(50_000) }

func isLocation(arg any) bool {
	_, ok := arg.(*time.Location)
	return ok
}

// errNot is the error for an argument of a wrong type.
func errNot(name, want string, arg any) error {
	return fmt.Errorf("%s needs %s, not %T", name, want, arg)
}
