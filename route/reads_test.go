package route_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Reads must name at least what an expression reads, or require_signed would
// let a rule depend on what anybody can change.
func TestReads(t *testing.T) {
	tests := []struct{ source, want string }{
		{`body`, "body"},
		{`body.a.b`, "body.a.b"},
		{`body?.a?.b`, "body.a.b"},
		{`(body).a`, "body.a"},
		{`body["a"].b`, "body.a.b"},
		{`body["a.b"]`, `body.a\.b`},
		{`body[event]`, "body event"},
		{`body.a[event].c`, "body.a event"},
		{`body.list[0].x`, "body.list"},
		{`body.a["b"][1]["c"]`, "body.a.b"},
		{`body.a[0:2]`, "body.a"},
		{`body.a.b + body.a`, "body.a body.a.b"},
		{`body.a ?? body.b`, "body.a body.b"},
		{`body.x == 1 ? body.y : header("Z")`, "body.x body.y header.Z"},
		{`any(body.items, .x == 1)`, "body.items"},
		{`body.items | map(.x)`, "body.items"},
		{`map(body.a, body[#])`, "body body.a"},
		{`get(body, "x")`, "body"},
		{`get(body.a, "x")`, "body.a"},
		{`keys(body)`, "body"},
		{`len(body.a)`, "body.a"},
		{`"a" in body.c`, "body.c"},
		{`json(body.notes).door`, "body.notes"},
		{`let b = body; b.x`, "body"},
		{`let b = body.a; b.x`, "body.a"},
		{`[body][0].x`, "body"},
		{`{"b": body}.b.x`, "body"},
		{`header("X-A")`, "header.X-A"},
		{`header(event)`, "event header"},
		{`header("X-" + id)`, "header id"},
		{`let h = header; h("X-A")`, "header"},
		{`query("q")`, "query.q"},
		{`method + path`, "method path"},
		{`timestamp`, "timestamp"},
		{`received`, ""},
		{`provider`, ""},
		{`signed("body.a")`, ""},
		{`1 + 1`, ""},
	}
	for _, test := range tests {
		value, err := route.CompileValue(test.source)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if got := strings.Join(value.Reads(), " "); got != test.want {
			t.Errorf("%s reads %q; want %q", test.source, got, test.want)
		}
	}
}
