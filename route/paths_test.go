package route_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

func TestPaths(t *testing.T) {
	for source, want := range map[string]string{
		`event == "x"`:                        "",
		`body`:                                "",
		`body.job.status == 1`:                "job.status",
		`body.job?.a?.b ?? body["x-y"]`:       "job.a.b x-y",
		`body.items[0].sku`:                   "items.0.sku",
		`body[event]`:                         "",
		`any(body.items, .price > 1)`:         "items items.*.price",
		`any(body.items ?? [], #.a.b == .c)`:  "items items.*.a.b items.*.c",
		`any(body.a, any(.b, .c == body.d))`:  "a a.*.b a.*.b.*.c d",
		`map(filter(body.a, .b > 1), .c)`:     "a a.*.b a.*.c",
		`find(body.a, .b == 1).c`:             "a.*.b a.*.c",
		`first(sortBy(body.a, .b)).c`:         "a.*.b a.*.c",
		`map(json(body.a), .b)`:               "a",
		`map([1], any(body.a, .b == #))`:      "a a.*.b",
		`map(1..3, {{x: #, y: body.a[#].b}})`: "a",
		`sum(body.items, .qty * .price) > 1`:  "items items.*.price items.*.qty",
		`len(body.a) > 0 && body.a.b == 1`:    "a a.b",
	} {
		value, err := route.CompileValue(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		var got []string
		for _, path := range value.Paths() {
			got = append(got, path.String())
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s leads to %q, want %q", source, text, want)
		}
	}
}

// What an object is written like in a predicate is told where it was tried.
func TestObjectInPredicate(t *testing.T) {
	_, err := route.CompileValue(`map(body.items, {sku: .sku, order: body.order_id})`)
	if err == nil || !strings.Contains(err.Error(), "map(body.items, {{sku: .sku}})") {
		t.Error(err)
	}
	if _, err := route.CompileValue(`map(body.items, {{sku: .sku, order: body.order_id}})`); err != nil {
		t.Error(err)
	}
}
