package route

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// list is an array of about a size.
func list(element string, size int) string { return repeated(element, size) }

// What takes the square of a payload, or more, fails; it is not even begun.
func TestBudget(t *testing.T) {
	const size = 900_000
	long := `"` + strings.Repeat("A", size/2) + `"`
	tests := []struct{ name, source, body string }{
		{"an outer text for each element", `map(body.items, {{sku: .sku, order: body.order}})`, `{"items":` + list("{}", size/2) + `,"order":` + long + `}`},
		{"outer texts in a list", `map(body.items, body.order)`, `{"items":` + list("{}", size/2) + `,"order":` + long + `}`},
		{"outer texts in lists", `map(body.items, [body.order, .sku])`, `{"items":` + list("{}", size/2) + `,"order":` + long + `}`},
		{"joined texts", `join(map(body.items, body.order), ",")`, `{"items":` + list("{}", size/2) + `,"order":` + long + `}`},
		{"a long separator", `len(join(body.items, body.order)) > 5`, `{"items":` + list(`""`, size/2) + `,"order":` + long + `}`},
		{"texts put together", `any(body.items, (body.order + ":" + (.sku ?? "")) == "x")`, `{"items":` + list("{}", size/2) + `,"order":` + long + `}`},
		{"lists compared", `any(body.items, body.x == body.y)`, `{"items":` + list("0", size/3) + `,"x":` + list("0", size/3) + `,"y":` + strings.TrimSuffix(list("0", size/3), "0]") + `1]}`},
		{"objects compared", `all(body.items, {{a: body.x} == {a: body.y}})`, `{"items":` + list("0", size/3) + `,"x":` + list("0", size/3) + `,"y":` + list("0", size/3) + `}`},
		{"a pattern that repeats", `body.s matches body.p`, `{"s":"x","p":"` + strings.Repeat("x{1000}", 2500) + `"}`},
		{"a short pattern that repeats", `body.s matches body.p`, `{"s":"x","p":"` + strings.Repeat("x{1000}", 30) + `"}`},
		{"a pattern for each element", `any(body.items, body.s matches body.p)`, `{"items":` + list("0", size/2) + `,"s":"` + strings.Repeat("a", 1000) + `","p":"(a+)+b"}`},
		{"a pattern for a long text", `body.s matches "(a|aa|aaa)+(b|c)+(a?){50}x"`, `{"s":"` + strings.Repeat("a", size) + `"}`},
		{"one loop in another", `count(body.items, any(body.items, # == 1)) > 0`, `{"items":` + list("0", 20_000) + `}`},
		{"three loops", `any(body.a, any(body.a, any(body.a, # == 2)))`, `{"a":` + list("0", 1000) + `}`},
		{"a list searched for each element", `count(body.a, # in body.b) > 0`, `{"a":` + list("0", size/2) + `,"b":` + list("1", size/2) + `}`},
		{"long texts looked up", `count(body.a, body.s in ["x", "y"]) > 0`, `{"a":` + list("0", size/2) + `,"s":` + long + `}`},
		{"a long name looked up", `count(body.a, body[body.s] == 1) > 0`, `{"a":` + list("0", size/2) + `,"s":` + long + `}`},
		{"equal beginnings by key", `len(sortBy(map(1..9999, body.s), #)) > 0`, `{"s":` + long + `}`},
		{"replaced by a long text", `len(replace(body.a, "a", body.b)) > 0`, `{"a":"` + strings.Repeat("a", size/2) + `","b":` + long + `}`},
		{"trimmed by a long text", `len(trim(body.a, body.b)) > 0`, `{"a":"` + strings.Repeat("é", size/4) + `","b":"` + strings.Repeat("ü", size/4) + `é"}`},
		{"a large range", `len(1..100000000) > 0`, `{}`},
		{"a range out of the payload", `len(body.a..body.b) > 0`, `{"a":-9223372036854775808,"b":9223372036854775807}`},
		{"doubled at each turn", `reduce(1..40, [#acc, #acc], 0)`, `{}`},
		{"doubled texts", `len(reduce(1..60, #acc + #acc, "aaaa")) > 0`, `{}`},
		{"doubled and compared", `let x = reduce(1..40, [#acc, #acc], 0); let y = reduce(1..40, [#acc, #acc], 0); x == y`, `{}`},
		{"doubled and printed", `len(string(reduce(1..40, [#acc, #acc], 0))) > 0`, `{}`},
		{"doubled objects", `len(toJSON(reduce(1..40, {{a: #acc, b: #acc}}, 0))) > 0`, `{}`},
		{"doubled numbers", `max(reduce(1..40, [#acc, #acc], 0)) > 0`, `{}`},
		{"doubled and flattened", `len(flatten(reduce(1..40, [#acc, #acc], 0))) > 0`, `{}`},
		{"deeper than JSON", `reduce(1..20000, [#acc], 0)`, `{}`},
		{"deeper than JSON and compared", `let x = reduce(1..20000, [#acc], 0); let y = reduce(1..20000, [#acc], 0); x == y`, `{}`},
		{"deep and indented", `len(toJSON(body.a)) > 0`, `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`},
		{"deep and copied at each level", `median(body.a) > 0`, `{"a":` + strings.Repeat("[", 9000) + list("1", size)[1:] + strings.Repeat("]", 8999) + `}`},
		{"deep and flat", `len(flatten(body.a)) > 0`, `{"a":` + strings.Repeat("[", 9000) + list("1", size)[1:] + strings.Repeat("]", 8999) + `}`},
		{"decoded for each element", `any(body.a, json(body.s) == 1)`, `{"a":` + list("0", size/2) + `,"s":"` + list("0", size/2) + `"}`},
		{"lists of lists added", `len(reduce(body.a, concat(#acc, [#]), [])) > 0`, `{"a":` + list("0", 100_000) + `}`},
		{"different objects", `len(uniq(body.a)) > 0`, `{"a":[` + numbered(30_000, `{"a":%d}`) + `]}`},
		{"split for each element", `all(body.a, len(split(body.s, "")) > 0)`, `{"a":` + list("0", size/2) + `,"s":` + long + `}`},
		{"time zones", `all(body.a, timezone("Europe/Berlin") != nil)`, `{"a":` + list("0", 2000) + `}`},
		{"layouts out of the payload", `len(map(body.a, timestamp.Format(body.s))) > 0`, `{"a":` + list("0", 10_000) + `,"s":` + long + `}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value, err := CompileValue(test.source)
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range []*Value{value, value.Whole()} {
				if _, err := value.Compute(arrived(test.body)); !isOverBudget(err) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// isOverBudget reports whether something was refused before it was done.
func isOverBudget(err error) bool {
	return errors.Is(err, ErrBudget) || errors.Is(err, errDepth) || errors.Is(err, payload.ErrSize) ||
		err != nil && strings.Contains(err.Error(), "that is computed")
}

// numbered is a list's elements, with their numbers.
func numbered(n int, format string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(elements, ",")
}

// Rules as operators write them stay far within the budget, for payloads of all
// usual sizes.
func TestWithinBudget(t *testing.T) {
	item := `{"sku":"0001234567%d","name":"Artículo de limpieza","qty":2,"price":97.5,"tags":["a","b"],"store":7}`
	for _, items := range []int{0, 1, 100, 1000, 10_000} {
		body := `{"order":"A-1","currency":"EUR","items":[` + numbered(items, item) + `],"note":"` + strings.Repeat("please call first ", 100) + `"}`
		for _, source := range []string{
			`{items: map(body.items, {{sku: .sku, total: .qty * .price, order: body.order}})}`,
			`any(body.items, any(.tags, # == "b")) || len(body.items) == 0`,
			`reduce(body.items, #acc + .qty * .price, 0) >= 0`,
			`sum(body.items, .qty * .price) >= 0`,
			`len(uniq(map(body.items, .sku))) == len(body.items)`,
			`groupBy(body.items, .store)`,
			`map(sortBy(body.items, .sku), .sku)`,
			`join(map(body.items, .sku), ",")`,
			`flatten(map(body.items, .tags))`,
			`fromPairs(map(body.items, [.sku, .qty]))`,
			`filter(body.items, .qty > 1 && .sku startsWith "000" && .name contains "limpieza")`,
			`all(body.items, .sku matches "^[0-9]+$")`,
			`body.note matches "(?i)refund|call"`,
			`toJSON(body.items)`, `len(string(body.items[:2000])) > 0`, `body`, `body.items == body.items`,
		} {
			value, err := CompileValue(source)
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			if _, err := value.Compute(arrived(body)); err != nil {
				t.Errorf("%s on %d items: %v", source, items, err)
			}
		}
	}
}

// A rule that looks once at each element is within the budget of any list, even one
// of 350,000 elements of which none has what it looks for.
func TestLoopsWithinBudget(t *testing.T) {
	for _, element := range []string{`{}`, `{"a":1}`, `{"price":1}`, `{"sku":"a","price":12.5}`} {
		body := `{"items":` + list(element, 1<<20-40) + `}`
		if len(body) > 1<<20 {
			t.Fatalf("%d bytes", len(body))
		}
		for _, source := range []string{
			`any(body.items ?? [], (.price ?? 0) > 10)`,
			`all(body.items, (.price ?? 0) < 1000)`,
			`map(body.items, .price ?? 0)`,
			`map(body.items, #)`,
			`filter(body.items, .price == 10)`,
			`count(body.items, .price == 10) > 5`,
			`sum(body.items, .price ?? 0) >= 0`,
			`find(body.items, .sku == "x")`,
			`len(body.items) > 0 && body.items[0] == body.items[1]`,
		} {
			value, err := CompileValue(source)
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			if _, err := value.Compute(arrived(body)); err != nil {
				t.Errorf("%s on a list of %s: %v", source, element, err)
			}
		}
	}
}

// What the language's own functions get wrong is mended.
func TestMended(t *testing.T) {
	body := `{"a":[1,2,3,2],"text":"{\"n\":9007199254740993}","items":[{"k":"x","n":1},{"k":"y","n":2},{"k":"x","n":3},{"n":4}],"o":{"b":2,"a":1,"c":3},"none":null}`
	tests := []struct {
		source string
		want   any
	}{
		{`fromJSON(body.text).n`, 9007199254740993},
		{`string(fromJSON("12345678901234567890"))`, "12345678901234567890"},
		{`fromPairs(filter(toPairs(body.o), #[0] != "a"))`, map[string]any{"b": 2, "c": 3}},
		{`fromPairs([[1, "a"], [true, "b"], [nil, "c"], [1.5, "d"]])`, map[string]any{"1": "a", "true": "b", "null": "c", "1.5": "d"}},
		{`keys(groupBy(body.items, .k))`, []any{"null", "x", "y"}},
		{`map(groupBy(body.items, .k).x, .n)`, []any{1, 3}},
		{`len(groupBy(body.items, .n)["3"])`, 1},
		{`keys(body.o)`, []any{"a", "b", "c"}},
		{`values(body.o)`, []any{1, 2, 3}},
		{`toPairs(body.o)[1]`, []any{"b", 2}},
		{`[0, findLast(body.a, # == 2)]`, []any{0, 2}},
		{`body.a[3] == findLast(body.a, # > 0)`, true},
		{`[findLastIndex(body.a, # == 2), findLastIndex(body.a, # == 9), findLast(body.a, # == 9)]`, []any{3, nil, nil}},
		{`map(body.a, findLastIndex(body.a, # == 3))`, []any{2, 2, 2, 2}},
		{`last(filter(body.a, # < 3))`, 2},
		{`[7, filter(body.a, # < 3)[-1]]`, []any{7, 2}},
		{`body.a in ["x"]`, false},
		{`body.none in ["", "x"]`, false},
		{`uniq([1, 1.0, 2, "1", nil, nil, true, [1], [1.0], 2.5, 2.5])`, []any{1, 2, "1", nil, true, []any{1}, 2.5}},
	}
	for _, test := range tests {
		value, err := CompileValue(test.source)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if got, err := value.Compute(arrived(body)); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s is %#v, %v; want %#v", test.source, got, err, test.want)
		}
	}
	for source, want := range map[string]string{
		`groupBy(body.items, #)`:            "a name of an object cannot be a value of type",
		`fromPairs([[[1], 2]])`:             "a name of an object cannot be a value of type",
		`fromPairs([1])`:                    "fromPairs needs pairs",
		`fromJSON("{\"a\":1,\"a\":2}")`:     "duplicate object member name",
		`keys(body.a)`:                      "keys needs an object",
		`findLast(body.a, #index == 1)`:     "#index",
		`groupBy(body.items, .n)[3] == nil`: "cannot use int",
	} {
		value, err := CompileValue(source)
		if err == nil {
			_, err = value.Compute(arrived(body))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", source, err, want)
		}
	}
}

// Nothing of the language can be used whose cost nobody has said.
func TestEverythingIsCounted(t *testing.T) {
	for _, b := range builtin.Builtins {
		f, known := builtins[b.Name]
		if !known {
			t.Errorf("the language has a new function %s: say in builtins what it costs", b.Name)
		}
		if b.Predicate != f.isLoop {
			t.Errorf("%s: it is a loop is %t here, and %t in the language", b.Name, f.isLoop, b.Predicate)
		}
	}
	for name := range builtins {
		if _, there := builtin.Index[name]; !there {
			t.Errorf("the language has no function %s any more", name)
		}
	}
	unknown := []ast.Node{
		&ast.BuiltinNode{Name: "invented"},
		&ast.BinaryNode{Operator: "<=>", Left: new(ast.NilNode), Right: new(ast.NilNode)},
		&ast.UnaryNode{Operator: "~", Node: new(ast.NilNode)},
		&ast.BytesNode{},
		&ast.CallNode{Callee: &ast.IdentifierNode{Value: "invented"}},
		&ast.CallNode{Callee: &ast.ConditionalNode{Cond: new(ast.NilNode), Exp1: new(ast.NilNode), Exp2: new(ast.NilNode)}},
		&ast.CallNode{Callee: &ast.MemberNode{Node: new(ast.NilNode), Property: &ast.StringNode{Value: "Invented"}}},
	}
	for _, node := range unknown {
		c := new(counter)
		if c.Visit(&node); c.err == nil {
			t.Errorf("%T %s is not refused", node, node)
		}
	}
}

// A function's name is no value.
func TestFunctionsAreCalled(t *testing.T) {
	for _, source := range []string{"any", "body.x == len", "map(body.x, first)", "body.x ?? now"} {
		if _, err := CompileValue(source); err == nil || !strings.Contains(err.Error(), "is a function: call it") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A pattern says of a text what the language says.
func TestPatterns(t *testing.T) {
	for _, pattern := range []string{
		"^(a+)+$", "(a|b)*c", "^(?:a|(b))+$", "(?i)A(b)", "a{2,3}(b{2})?", "(((a)))", "()", "(^|x)a", "(?P<n>a)b", "(a*)*", "x|(y|)z", "[[:alpha:]](.)", "a(b|c)?d", "(a+?)+?b",
	} {
		for _, text := range []string{"", "a", "aaa", "aab", "abc", "ABB", "xa", "yz", "z", "abd", "ad", "ac", "aabb", "é1", "\n"} {
			value, err := CompileValue(fmt.Sprintf("body matches %q", pattern))
			if err != nil {
				t.Fatal(err)
			}
			document, _ := payload.Encode(text)
			got, err := value.Compute(arrived(string(document)))
			if want := regexp.MustCompile(pattern).MatchString(text); err != nil || got != want {
				t.Errorf("%q matches %q is %v, %v; want %t", text, pattern, got, err, want)
			}
		}
	}
}

// Where a rule fails, it is told that it took too much, and nothing of the payload.
func TestBudgetIsTold(t *testing.T) {
	rule, err := CompileRule(`event == "order.paid" && count(body.a, any(body.a, # == 1)) > 0`)
	if err != nil {
		t.Fatal(err)
	}
	e := arrived(`{"a":` + list("0", 20_000) + `}`)
	_, err = rule.Match(e)
	if got := Reason(err); got != "budget" {
		t.Errorf("the reason is %q", got)
	}
	if got := Failure(err); !strings.HasPrefix(got, ErrBudget.Error()+" (1:") {
		t.Errorf("it says %q", got)
	}
	clauses := rule.Explain(e)
	if len(clauses) != 2 || clauses[0].Value != "true" || !strings.HasPrefix(clauses[1].Error, "budget exceeded") {
		t.Errorf("explained: %v", clauses)
	}
	if got := Reason(errors.New("other")); got != "error" {
		t.Errorf("the reason of others is %q", got)
	}
}
