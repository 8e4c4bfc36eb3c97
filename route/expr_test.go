package route_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestRules(t *testing.T) {
	tests := []struct {
		source string
		want   bool
	}{
		// numbers are exact
		{`body.id == 9007199254740993`, true},
		{`body.id == 9007199254740992`, false},
		{`body.id == 9007199254740994`, false},
		{`body.id in [9007199254740992, 9007199254740994]`, false},
		{`string(body.id) == "9007199254740993"`, true},
		{`body.id % 10 == 3`, true},
		{`string(body.big) == "12345678901234567890"`, true},
		{`body.total == 38.9`, true},
		{`body.total > 38 and body.total < 39`, true},
		{`body.list[0].qty == 2.0`, true},
		// what is missing is nil
		{`body.missing == nil`, true},
		{`body.missing?.deep == nil`, true},
		{`body.missing?.deep?.deeper == nil`, true},
		{`(body.missing ?? "x") == "x"`, true},
		{`(body.missing?.deep ?? 3) == 3`, true},
		{`(body.null ?? "x") == "x"`, true},
		{`body.null == nil`, true},
		{`body.nested?.a?.b == 1`, true},
		{`body.empty?.a == nil`, true},
		{`get(body, "missing") == nil`, true},
		{`get(body.list, 7) == nil`, true},
		{`"missing" in body`, false},
		{`"null" in body`, true},
		// names that are no identifiers
		{`body["x-y"] == 5`, true},
		{`body["a.b"] == "dotted"`, true},
		// lists
		{`len(body.list) == 2`, true},
		{`any(body.list, .qty == 2)`, true},
		{`any(body.list, .qty == 3)`, false},
		{`all(body.list, .qty >= 0)`, true},
		{`none(body.list, {#.sku == "z"})`, true},
		{`count(body.list, .qty > 0) == 1`, true},
		{`body.list[-1].sku == "y"`, true},
		{`sum(map(body.list, .qty)) == 2`, true},
		{`any(filter(body.list, .qty > 0), .sku == "x")`, true},
		{`any(body.missing ?? [], .qty == 2)`, false},
		// text
		{`body.type startsWith "order."`, true},
		{`body.type matches "^order[.](paid|sent)$"`, true},
		{`body.type contains "paid" && not (body.type endsWith "x")`, true},
		{`body.yes == true`, true},
		{`upper(body.type) == "ORDER.PAID"`, true},
		// the request
		{`provider == "instaleap"`, true},
		{`event == "order.paid"`, true},
		{`id == "9007199254740993"`, true},
		{`method == "POST" and path == "/hook"`, true},
		{`header("X-Test") == "v1"`, true},
		{`header("x-test") == "v1"`, true},
		{`header("X-None") == ""`, true},
		{`query("q") == "one"`, true},
		{`query("r") == "a b"`, true},
		{`query("none") == ""`, true},
		// times
		{`received == date("2024-05-14T12:00:00Z")`, true},
		{`timestamp == date("2024-05-14T11:59:00Z")`, true},
		{`received - timestamp == duration("1m")`, true},
		{`timestamp < unix(1715688000)`, true},
		{`unix(1715688000) == received`, true},
		{`unix(1715688000.5) > received`, true},
		{`unix(0).Year() == 1970`, true},
		// our functions
		{`json(body.notes).door == "left"`, true},
		{`json("[1,2]")[1] == 2`, true},
		{`json("9007199254740993") == 9007199254740993`, true},
		{`b64decode("aGk=") == "hi"`, true},
		{`b64decode("aGk") == "hi"`, true},
		{`b64decode("-_8=") == b64decode("+/8")`, true},
		{`b64decode("") == ""`, true},
		{`sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`, true},
		{`escape("a/b ?#%é") == "a%2Fb%20%3F%23%25%C3%A9"`, true},
		{`escape("..") == ".."`, true},
		{`signed("body.id")`, false},
		// several lines and a comment
		{"// which orders\nlet paid = body.type == 'order.paid';\npaid && body.total > 10", true},
	}
	e := newEvent(t, order)
	for _, test := range tests {
		rule, err := route.CompileRule(test.source)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if rule.String() != test.source {
			t.Errorf("String() = %q; want %q", rule.String(), test.source)
		}
		if got, err := rule.Match(e); err != nil || got != test.want {
			t.Errorf("%s is %t, %v; want %t", test.source, got, err, test.want)
		}
	}
}

// A rule that fails while it runs says so; it neither matches nor panics.
func TestRulesThatFail(t *testing.T) {
	e := newEvent(t, order)
	for _, source := range []string{
		`body.missing.deep == 1`,
		`body.null.deep == 1`,
		`body.nested > 3`,
		`body.type > 3`,
		`body.total % 2 == 0`,
		`body.list[5] == nil`,
		`any(body.missing, .x)`,
		`len(body.missing) == 0`,
		`body.type.deep == 1`,
		`body.x - y == 1`,
		`body() == 1`,
		`json(body.type) == nil`,
		`json("{") == nil`,
		`json("{\"a\":1,\"a\":2}") == nil`,
		`json(body.total) == nil`,
		`b64decode("!") == ""`,
		`b64decode(body.missing) == ""`,
		`sha256(body.total) == ""`,
		`escape(body.missing) == ""`,
		`unix(body.type) > received`,
		`unix(body.missing) > received`,
		`date(body.type) > received`,
		`body.type matches body.list`,
		`body.total matches "x"`,
		`not body.type`,
		`int(body.type) == 1`,
	} {
		rule, err := route.CompileRule(source)
		if err != nil {
			continue // found even earlier
		}
		if got, err := rule.Match(e); err == nil || got {
			t.Errorf("%s is %t, %v; want an error", source, got, err)
		}
	}
}

func TestRulesWithoutPayload(t *testing.T) {
	for _, body := range []string{"", "Hello, World!", `{"a":1`, "null"} {
		e := newEvent(t, body)
		rule, err := route.CompileRule(`body == nil && body?.a == nil && (body?.a?.b ?? 1) == 1`)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rule.Match(e); err != nil || !got {
			t.Errorf("on %q: %t, %v", body, got, err)
		}
	}
}

func TestRulesOnForms(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	tests := []struct{ provider, body, source string }{
		{"instaleap", "a=1&b=x&b=y", `body.a == "1" && body.b[1] == "y"`},
		{"github", "payload=%7B%22ref%22%3A%22main%22%7D", `body.ref == "main"`},
		{"github", "a=1", `body.a == "1"`},
	}
	for _, test := range tests {
		e, err := arrival{provider: test.provider, body: test.body, contentType: form}.event()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := compute(e, test.source); err != nil || got != true {
			t.Errorf("%s on %s is %v, %v", test.source, test.body, got, err)
		}
	}
}

func TestSigned(t *testing.T) {
	const job = `{"id":"e1","created_at":"2024-05-14T12:00:00Z","type":"CREATED","job":{"id":"j1"}}`
	bySecret := &verify.Config{Secrets: []string{"secret"}}
	tests := []struct {
		provider string
		config   *verify.Config
		field    string
		want     bool
	}{
		{"instaleap", bySecret, "body.id", true},
		{"instaleap", bySecret, "body.type", true},
		{"instaleap", bySecret, "body.job.id", false},
		{"instaleap", bySecret, "header.X-Test", false},
		{"instaleap", bySecret, "nonsense", false},
		{"instaleap", nil, "body.id", false},
		{"github", bySecret, "body.anything", true},
		{"github", bySecret, "header.X-GitHub-Event", false},
		{"jelp", nil, "body.id", false},
	}
	for _, test := range tests {
		e, err := arrival{provider: test.provider, config: test.config, body: job}.event()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := compute(e, `signed("`+test.field+`")`); err != nil || got != test.want {
			t.Errorf("%s: signed(%q) = %v, %v; want %t", test.provider, test.field, got, err, test.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"empty", "", "empty"},
		{"blank", " \n", "empty"},
		{"typo in a name", `evnt == "x"`, "unknown name evnt (1:1)"},
		{"typo in the second line", "event == 'x' &&\n  evnt == 'y'", "unknown name evnt (2:3)"},
		{"typo in a function", `heder("X") == ""`, "heder"},
		{"syntax", `body.a ==`, "(1:"},
		{"unclosed text", `event == "x`, "(1:"},
		{"single equals sign", `event = "x"`, "(1:"},
		{"text", `"yes"`, "bool"},
		{"number", `1`, "bool"},
		{"name that is text", `event`, "bool"},
		{"value of unknown type", `body.type`, "bool"},
		{"value of unknown type in the end", `event == "x" ? body.a : true`, "bool"},
		{"text against number", `event == 1`, "mismatched types"},
		{"wrong argument", `sha256(1) == ""`, "sha256"},
		{"missing argument", `escape() == ""`, "escape"},
		{"too many arguments", `header("a", "b") == ""`, "header"},
		{"repeat", `repeat("a", 10) == ""`, "repeat"},
		{"now", `now() > timestamp`, "now"},
		{"too long", `event == "` + strings.Repeat("x", 16<<10) + `"`, "longer than"},
		{"too many nodes", strings.Repeat(`event == "x" || `, 400) + "true", "nodes"},
		{"broken pattern", `event matches "("`, "missing closing"},
		{"field that is not offered", `Env == nil`, "unknown name"},
		{"method of the event", `String() == ""`, "unknown name"},
		{"the whole environment", `$env.body == nil`, "$env"},
		{"field of Go", `body == nil && Body == nil`, "unknown name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := route.CompileRule(test.source); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

// One predicate may stand inside another: what it does is counted.
func TestNestedPredicates(t *testing.T) {
	for _, source := range []string{
		`any(body.a, any(body.b, # == 1))`,
		`any(body.a, {any(body.b, {# == 1})})`,
		`all(body.a, none(#.b, # == 1))`,
		`one(body.a, count(body.b, # == 1) > 0)`,
		`count(body.a, len(filter(body.b, # == 1)) > 0) > 1`,
		`len(map(body.a, map(body.b, #))) > 0`,
		`len(filter(body.a, find(body.b, # == 1) != nil)) > 0`,
		`find(body.a, findIndex(body.b, # == 1) == 0) != nil`,
		`findLast(body.a, findLastIndex(body.b, # == 1) == 0) != nil`,
		`len(groupBy(body.a, count(body.b, # == 1))) > 0`,
		`len(sortBy(body.a, count(body.b, # == 1))) > 0`,
		`sum(body.a, sum(body.b, #)) > 0`,
		`any(1..1000, any(1..1000, true))`,
		`any(body.a, let x = #; any(body.b, # == x))`,
		`len(map(filter(body.a, # > 1), any(body.b, # == 2))) > 0`,
		`len(filter(map(body.a, # + 1), any(body.b, # == 2))) > 0`,
		`map(filter(body.a, # > 1), any(body.b, # == 2))[0] == true`,
		`first(map(filter(body.a, # > 1), any(body.b, # == 2))) == true`,
		`sum(filter(body.a, # > 1), count(body.b, # == 2)) > 0`,
		`sum(map(body.a, count(body.b, # == 2))) > 0`,
		`body.a | filter(any(body.b, # == 2)) | len() > 0`,
		`event == "x" ? any(body.a, any(body.b, # == 1)) : false`,
		`[any(body.a, any(body.b, # == 1))][0] == true`,
		`{"x": any(body.a, any(body.b, # == 1))}.x == true`,
	} {
		if _, err := route.CompileRule(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if _, err := route.CompileValue(source); err != nil {
			t.Errorf("%s as a value: %v", source, err)
		}
	}
	for _, source := range []string{
		`any(filter(body.a, # > 1), # == 2)`,
		`body.a | filter(# > 1) | map(# * 2) | any(# == 4)`,
		`any(body.a, # == 1) && any(body.b, # == 1)`,
		`any(body.a, len(#) > 0)`,
	} {
		if _, err := route.CompileRule(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// One compiled rule serves all requests at once.
func TestRuleConcurrently(t *testing.T) {
	rule, err := route.CompileRule(`any(body.list, .qty == 2) && header("X-Test") == "v1"`)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for range 8 {
		e := newEvent(t, order)
		go func() {
			matched, err := rule.Match(e)
			done <- matched && err == nil
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("the rule did not match")
		}
	}
}
