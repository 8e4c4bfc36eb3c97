package route_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// differ evaluates an expression by the values it needs and on the decoded
// payload, and says how the answers differ.
func differ(t *testing.T, source, body string) string {
	t.Helper()
	value, err := route.CompileValue(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	got, gotErr := value.Compute(newEvent(t, body))
	want, wantErr := value.Whole().Compute(newEvent(t, body))
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		return fmt.Sprintf("%s on %s: error %v; on the payload %v", source, body, gotErr, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("%s on %s: %#v; on the payload %#v", source, body, got, want)
	}
	return ""
}

// What an expression says does not depend on how it gets at the payload.
func TestSlotsAsWhole(t *testing.T) {
	sources := []string{
		`body.a`, `body.a.b`, `body.a.b.c`, `body?.a`, `body?.a?.b`, `body?.a.b`, `body.a?.b`, `body.a?.b.c`, `body.a?.b?.c`, `(body?.a).b`,
		`(body.a?.b).c`, `body["a"]["b"]`, `body["a"]?.["b"]`, `body.a[0]`, `body.a[1].b`, `body.a[0]?.b`, `body.a?.[0]`, `body[0]`, `body[0].a`, `body["0"]`,
		`body.a["0"]`, `body.a[-1]`, `body.a[99]`, `body.a[99]?.b`, `body[""]`, `body["a.b"]`, `body["ü"]`, `body.a[event]`, `body?.a[event]`, `body?.a[event].c`,
		`body.a?.b[event]`, `body.a.b ?? 1`, `body.a?.b ?? 1`, `(body.a ?? {"b": 1}).b`, `body.a == nil`, `body.a > 1`, `body.a.b > 1`, `body.a == "x"`,
		`body.a + body.b`, `body.a ?? body.b`, `event == "CREATED" && body.a.b > 1`, `event == "x" || body.a.b.c > 1`, `not (body.a == 1)`, `!body.a`, `-body.a`,
		`len(body.a)`, `any(body.a, # == 1)`, `any(body.a, .b == 1)`, `map(body.a, .b)`, `filter(body.a, # != nil)`, `body.a | len()`, `body.a[0:1]`, `body.a[:1].b`,
		`"b" in body.a`, `body.b in body.a`, `1 in [body.a, body.b]`, `body.a in ["x", 1]`, `body.a contains "x"`, `body.a matches "x"`, `body.a startsWith "x"`,
		`upper(body.a)`, `body.a.String()`, `int(body.a)`, `string(body.a)`, `float(body.a)`,
		`json(body.a)`, `json(body.a).b`, `sha256(body.a)`, `unix(body.a)`, `let x = body.a; x.b`, `let x = body.a?.b; x?.c`, `let x = body; x.a`,
		`get(body, "a")`, `get(body.a, "b")`, `sort(keys(body))`, `sort(keys(body.a))`, `body`, `[body.a, body.b]`, `{"x": body.a, "y": body.a?.b}`, `body.a ? 1 : 2`,
		`body.a == 1 ? body.b.c : body.b`, `event + body.a`, `header(body.a)`, `header("X-Test") + body.a`, `query("q") == body.a`, `signed(body.a)`, `provider`, `received`,
		`method + path + id`, `timestamp == received`, `body.a.b == body.a.b`, `body.a == body.a.b`, `body.a.b == body.a`, `body.a[0] == body.a`, `1 + 1`, `"a" + "b"`,
		`sum(body.a)`, `first(body.a).b`, `body.a[0].b[0].c`, `body.a.a.a.a`, `body?.a?.a?.a`, `split(body.a, ",")`, `trim(body.a?.b ?? "")`, `body.a[1]?.b?.c ?? "none"`,
	}
	values := []string{
		`1`, `"x"`, `null`, `true`, `1.5`, `12345678901234567890`, `""`, `{}`, `[]`, `[1]`, `[1,{"b":1}]`, `[{"b":[{"c":2}]},{"b":{"c":3}},"x"]`,
		`{"b":1}`, `{"b":null}`, `{"b":{"c":2}}`, `{"b":{"c":null}}`, `{"b":[1,2]}`, `{"b":"x"}`, `{"a":{"a":{"a":1}}}`, `{"0":1,"CREATED":{"c":4}}`, `"{\"b\":1}"`,
	}
	bodies := []string{"", " ", "text", `{"a":`, `{"a":1}x`, "null", "1", `"x"`, "[]", `[1]`, `[{"a":2}]`, "{}", `{"A":1}`, `{"0":1,"":2,"a.b":3,"ü":4}`}
	for _, value := range values {
		bodies = append(bodies, `{"a":`+value+`}`, `{"type":"CREATED", "b":1, "a" : `+value+` , "z":[]}`, `{"b":`+value+`,"a":"x"}`)
	}
	for _, source := range sources {
		for _, body := range bodies {
			if difference := differ(t, source, body); difference != "" {
				t.Error(difference)
			}
		}
	}
}

// The same for expressions and payloads made at random.
func TestRandomSlots(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	chain := func() string {
		text := "body"
		for range 1 + random.IntN(4) {
			text += pick(".a", ".a", ".b", "?.a", "?.b", `["b"]`, "[0]", "[1]", "?.[0]", "[event]")
			if random.IntN(8) == 0 {
				text = "(" + text + ")"
			}
		}
		return text
	}
	var value func(depth int) string
	value = func(depth int) string {
		if depth == 4 {
			return pick("1", `"x"`, "null")
		}
		switch random.IntN(5) {
		case 0:
			return pick("1", `"x"`, "null", "true", "2.5")
		case 1:
			return "[" + value(depth+1) + "," + value(depth+1) + "]"
		default:
			return `{"` + pick("a", "x") + `":` + value(depth+1) + `,"b":` + value(depth+1) + `}`
		}
	}
	for range 3000 {
		source := chain()
		switch random.IntN(4) {
		case 0:
			source += pick(" == ", " ?? ", " + ", " > ", " in ", " || ") + chain()
		case 1:
			source = pick("len(", "string(", "not (", "type(", "[1, ") + source
			source += pick(")", "]")
			if strings.HasPrefix(source, "[") != strings.HasSuffix(source, "]") {
				continue
			}
		}
		if _, err := route.CompileValue(source); err != nil {
			continue
		}
		if difference := differ(t, source, value(0)); difference != "" {
			t.Errorf("%s (seed %d)", difference, seed)
		}
	}
}

// Rules that look at constant members do not need the payload as a whole.
func TestSlotted(t *testing.T) {
	for source, want := range map[string]bool{
		`event == "x"`:                   true,
		`body.a.b > 1 && body.c == nil`:  true,
		`body?.a?.b ?? body["x-y"][0].c`: true,
		`any(body.items, .qty == 2)`:     true,
		`body`:                           false,
		`body[event]`:                    false,
		`body.a == 1 && len(body) == 2`:  false,
		`get(body, "a")`:                 false,
	} {
		value, err := route.CompileValue(source)
		if err != nil {
			t.Fatal(err)
		}
		if got := value.Slotted(); got != want {
			t.Errorf("%s: %t; want %t", source, got, want)
		}
	}
}

// A rewritten payload is read anew, and what was read before does not count.
func TestSlotsOfRewritten(t *testing.T) {
	value, err := route.CompileValue(`[body.a, body?.b?.c, body.type]`)
	if err != nil {
		t.Fatal(err)
	}
	e := newEvent(t, `{"type":"x","a":1,"b":{"c":2}}`)
	for _, step := range []struct {
		body string
		want []any
	}{
		{"", []any{1, 2, "x"}},
		{`{"type":"y","b":{"c":3},"a":[]}`, []any{[]any{}, 3, "y"}},
		{`{"TYPE":"z"}`, []any{nil, nil, nil}},
	} {
		if step.body != "" {
			e.SetBody([]byte(step.body), "application/json")
		}
		for range 2 {
			if got, err := value.Compute(e); err != nil || !reflect.DeepEqual(got, step.want) {
				t.Errorf("%s: %v, %v; want %v", step.body, got, err, step.want)
			}
		}
	}
	out := e.Outgoing("PUT", new(url.URL), nil, []byte(`{"a":5,"type":"out"}`))
	if got, err := value.Compute(out); err != nil || !reflect.DeepEqual(got, []any{5, nil, "out"}) {
		t.Errorf("of what goes out: %v, %v", got, err)
	}
}
