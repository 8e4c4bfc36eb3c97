package route

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// hostile makes expressions that load, and payloads that are made to hurt them.
type hostile struct {
	*rand.Rand
	inside int // predicates around what is made
	names  int // of variables
}

func (h *hostile) pick(of ...string) string { return of[h.IntN(len(of))] }

// oneOf makes one of several things.
func (h *hostile) oneOf(makers ...func() string) string { return makers[h.IntN(len(makers))]() }

// format fills in a text.
func format(text string, values ...any) func() string {
	return func() string {
		made := make([]any, len(values))
		for i, value := range values {
			made[i] = value
			if maker, ok := value.(func() string); ok {
				made[i] = maker()
			}
		}
		return fmt.Sprintf(text, made...)
	}
}

// expression makes an expression of some depth.
func (h *hostile) expression(depth int) string {
	text := h.any(depth)
	if h.IntN(6) == 0 {
		text = fmt.Sprintf("let v = %s; %s", text, h.pick("[v, v]", "v == v", "string(v)", "map(body.list, v)", "{a: v, b: [v]}", "reduce(body.list, [#acc, v], v)"))
	}
	return text
}

func (h *hostile) any(depth int) string {
	if depth <= 0 {
		return h.leaf()
	}
	d := depth - 1
	return h.oneOf(
		func() string { return h.list(depth) }, func() string { return h.text(depth) },
		func() string { return h.number(depth) }, func() string { return h.boolean(depth) },
		func() string { return h.object(depth) }, h.leaf,
		format("(%s ?? %s)", h.anyAt(d), h.anyAt(d)),
		format("(%s ? %s : %s)", h.booleanAt(d), h.anyAt(d), h.anyAt(d)),
		format("%s(%s)", func() string { return h.pick("first", "last", "fromJSON", "json", "type") }, h.anyAt(d)),
		format("get(%s, %s)", h.anyAt(d), h.anyAt(d)),
		h.predicated("%s(%s, %s)", []string{"find", "findLast"}, d, h.booleanAt),
		format("reduce(%s, %s, %s)", h.listAt(d), h.within(h.anyAt, d), h.anyAt(d)),
		format("(%s)[%s]", h.listAt(d), h.numberAt(d)),
	)
}

func (h *hostile) anyAt(depth int) func() string  { return func() string { return h.any(depth) } }
func (h *hostile) listAt(depth int) func() string { return func() string { return h.list(depth) } }

func (h *hostile) textAt(depth int) func() string { return func() string { return h.text(depth) } }

func (h *hostile) numberAt(depth int) func() string { return func() string { return h.number(depth) } }

func (h *hostile) booleanAt(depth int) func() string {
	return func() string { return h.boolean(depth) }
}

func (h *hostile) objectAt(depth int) func() string { return func() string { return h.object(depth) } }

// within makes what stands inside of a predicate.
func (h *hostile) within(at func(int) func() string, depth int) func() string {
	return func() string {
		h.inside++
		defer func() { h.inside-- }()
		return at(depth)()
	}
}

func (h *hostile) predicated(text string, names []string, depth int, at func(int) func() string) func() string {
	return format(text, func() string { return h.pick(names...) }, h.listAt(depth), h.within(at, depth))
}

func (h *hostile) leaf() string {
	leaves := []string{
		"body.list", "body.texts", "body.text", "body.other", "body.deep", "body.object", "body.number", "body.objects", "body.none", "body",
		"1", `"a"`, "nil", "2.5", `""`, "true", "event", "timestamp", "body.numbers", "body.same",
	}
	if h.inside > 0 {
		leaves = append(leaves, "#", "#", "#", "#.a", "#.b", "#?.a", "#index", "#.text")
		if h.IntN(4) == 0 {
			leaves = append(leaves, "#acc")
		}
	}
	return h.pick(leaves...)
}

func (h *hostile) list(depth int) string {
	lists := []string{"body.list", "body.texts", "body.objects", "body.numbers", "body.deep", "(body.none ?? [])", "1..3", "[1, 2]", "body.same"}
	if h.inside > 0 {
		lists = append(lists, "#", "#.list")
	}
	if depth <= 0 {
		return h.pick(lists...)
	}
	d := depth - 1
	return h.oneOf(
		func() string { return h.pick(lists...) },
		h.predicated("%s(%s, %s)", []string{"filter"}, d, h.booleanAt),
		h.predicated("%s(%s, %s)", []string{"map", "map", "sortBy"}, d, h.anyAt),
		format("%s(%s)", func() string { return h.pick("sort", "reverse", "uniq", "flatten", "concat") }, h.listAt(d)),
		format("concat(%s, %s)", h.listAt(d), h.listAt(d)),
		format("split(%s, %s)", h.textAt(d), h.textAt(d)),
		format("%s(%s)", func() string { return h.pick("keys", "values", "toPairs") }, h.objectAt(d)),
		format("take(%s, %s)", h.listAt(d), h.numberAt(d)),
		format("(%s)[%s:]", h.listAt(d), h.numberAt(0)),
		format("(%s..%s)", h.numberAt(d), h.numberAt(d)),
		format("[%s, %s]", h.anyAt(d), h.anyAt(d)),
		format("reduce(%s, %s, [])", h.listAt(d), h.within(h.listAt, d)),
	)
}

func (h *hostile) text(depth int) string {
	texts := []string{"body.text", "body.other", `"a"`, `","`, "body.pattern", `"aaaaaaaa"`, "event"}
	if h.inside > 0 {
		texts = append(texts, "#", "#.text", "#")
	}
	if depth <= 0 {
		return h.pick(texts...)
	}
	d := depth - 1
	return h.oneOf(
		func() string { return h.pick(texts...) },
		format("(%s + %s)", h.textAt(d), h.textAt(d)),
		format("join(%s, %s)", h.listAt(d), h.textAt(d)),
		format("join(map(%s, string(%s)), %s)", h.listAt(d), h.within(h.anyAt, d), h.textAt(d)),
		format("replace(%s, %s, %s)", h.textAt(d), h.textAt(d), h.textAt(d)),
		format("trim(%s, %s)", h.textAt(d), h.textAt(d)),
		format("%s(%s, %s)", func() string { return h.pick("trimPrefix", "trimSuffix") }, h.textAt(d), h.textAt(d)),
		format("%s(%s)", func() string {
			return h.pick("upper", "lower", "trim", "toBase64", "fromBase64", "b64decode", "sha256", "escape", "escapeQuery")
		}, h.textAt(d)),
		format("%s(%s)", func() string { return h.pick("string", "toJSON", "string") }, h.anyAt(d)),
		format("(%s)[%s:%s]", h.textAt(d), h.numberAt(0), h.numberAt(0)),
		format("timestamp.Format(%s)", h.textAt(d)),
	)
}

func (h *hostile) number(depth int) string {
	numbers := []string{"1", "2", "30", "body.number", "1.5", "-1", "1000"}
	if h.inside > 0 {
		numbers = append(numbers, "#", "#index", "#.a")
	}
	if depth <= 0 {
		return h.pick(numbers...)
	}
	d := depth - 1
	return h.oneOf(
		func() string { return h.pick(numbers...) },
		format("len(%s)", h.anyAt(d)),
		format("(%s %s %s)", h.numberAt(d), func() string { return h.pick("+", "-", "*", "/", "%", "**") }, h.numberAt(d)),
		format("%s(%s)", func() string { return h.pick("sum", "max", "min", "mean", "median") }, h.listAt(d)),
		h.predicated("%s(%s, %s)", []string{"sum"}, d, h.numberAt),
		h.predicated("%s(%s, %s)", []string{"count", "findIndex", "findLastIndex"}, d, h.booleanAt),
		format("%s(%s, %s)", func() string { return h.pick("indexOf", "lastIndexOf") }, h.textAt(d), h.textAt(d)),
		format("%s(%s)", func() string { return h.pick("int", "float", "abs", "ceil", "round") }, h.anyAt(d)),
		format("reduce(%s, %s)", h.listAt(d), h.within(h.numberAt, d)),
	)
}

func (h *hostile) boolean(depth int) string {
	if depth <= 0 {
		return h.pick("true", "false", "body.number > 1", `event == "x"`)
	}
	d := depth - 1
	return h.oneOf(
		format("(%s %s %s)", h.anyAt(d), func() string { return h.pick("==", "!=", "in", "not in", "==") }, h.anyAt(d)),
		format("(%s %s %s)", h.textAt(d), func() string {
			return h.pick("contains", "startsWith", "endsWith", "matches", "<", ">=", "==")
		}, h.textAt(d)),
		format("(%s %s %s)", h.numberAt(d), func() string { return h.pick("<", ">", "<=", ">=", "==", "!=") }, h.numberAt(d)),
		format("(%s in %s)", h.anyAt(d), h.listAt(d)),
		format("(%s matches %q)", h.textAt(d), func() string { return h.pick("^a+b", "(a|aa)+$", "a.*b.*c", "(?i)refund", "[a-z]{3,9}x") }),
		format("(%s in [\"a\", \"b\"])", h.anyAt(d)),
		format("(%s %s %s)", h.booleanAt(d), func() string { return h.pick("&&", "||") }, h.booleanAt(d)),
		format("!%s", h.booleanAt(d)),
		h.predicated("%s(%s, %s)", []string{"all", "any", "one", "none"}, d, h.booleanAt),
	)
}

func (h *hostile) object(depth int) string {
	objects := []string{"body.object", "body", "{a: 1}"}
	if h.inside > 0 {
		objects = append(objects, "#")
	}
	if depth <= 0 {
		return h.pick(objects...)
	}
	d := depth - 1
	return h.oneOf(
		func() string { return h.pick(objects...) },
		format("({a: %s, text: %s})", h.anyAt(d), h.textAt(d)),
		format("({(%s): %s})", h.textAt(d), h.anyAt(d)),
		format("fromPairs(%s)", h.listAt(d)),
		format("fromPairs(map(%s, [%s, #]))", h.listAt(d), h.within(h.textAt, d)),
		h.predicated("%s(%s, %s)", []string{"groupBy"}, d, h.anyAt),
	)
}

// payload makes a document of about a size, whose parts hurt in different ways.
func (h *hostile) payload(size int) string {
	share := func() int { return 1 + h.IntN(size/4+1) }
	if h.IntN(3) == 0 { // nearly all of it is one part
		big := h.IntN(10)
		share = func() int {
			if big--; big == 0 {
				return size
			}
			return 3 + h.IntN(10)
		}
	}
	texts := func(n int) string {
		length := h.IntN(n+1) / (1 + h.IntN(50))
		quoted, _ := json.Marshal(h.longText(length))
		return repeated(string(quoted), n)
	}
	long := func() string { quoted, _ := json.Marshal(h.longText(share())); return string(quoted) }
	object := func(n int) string {
		var members []string
		for i := range n / 12 {
			members = append(members, fmt.Sprintf(`"%s%d":%d`, h.pick("a", "", "aaaaaaaaaaaaaaaa"), i, i%3))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	depth := min(share()/2, 9000)
	same := repeated(h.pick("1", `"a"`, "{}", `{"a":1}`), share())
	pattern, _ := json.Marshal(h.pick("(a+)+b", "x{1000}", strings.Repeat("a?", 40)+strings.Repeat("a", 40), "[a-z]*[b-z]*c", "(((a{9}){9}){9})", "(?i)a", `\pL`))
	return fmt.Sprintf(`{"list":%s,"texts":%s,"objects":%s,"numbers":%s,"text":%s,"other":%s,"deep":%s,"object":%s,"same":[%s,%s],"number":%d,"pattern":%s}`,
		repeated(h.pick("{}", "[]", "0", `""`, "null", `{"a":1}`, `{"text":"a","list":[1,2]}`, `{"":0}`, "[1]"), share()),
		texts(share()), repeated(h.pick(`{"a":1,"text":"b"}`, `{"a":{},"list":["x"]}`, `{"b":2.5}`), share()),
		repeated(h.pick("1", "2.5", "12345678901234567890", "9", "-0.0"), share()), long(), long(),
		strings.Repeat("[", depth)+h.pick("", "1", `"a"`, "1,2,3")+strings.Repeat("]", depth), object(share()), same, same, h.IntN(50), pattern)
}

func (h *hostile) longText(length int) string {
	unit := h.pick("a", "ab", "a,", "é", "aaaaaaaaab", "\x01", "<", "0", "日本", "QUFB")
	return strings.Repeat(unit, length/len(unit)+1)
}

// repeated is a list of about a size of the same elements.
func repeated(element string, size int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", size/(len(element)+1)+1), ",") + "]"
}
