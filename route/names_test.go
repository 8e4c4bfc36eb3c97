package route_test

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

func TestCompared(t *testing.T) {
	tests := []struct {
		rule string
		want []string
	}{
		{`event == "a"`, []string{"a"}},
		{`"a" != event`, []string{"a"}},
		{`event in ["b", "a"]`, []string{"a", "b"}},
		{`not (event in ["a"]) && (body.x == "y" || event == "b")`, []string{"a", "b"}},
		{`event in [body.x, "a"]`, []string{"a"}},
		{`any(body.items, event == "a")`, []string{"a"}},
		{`event == body.x`, nil},
		{`body.event == "a"`, nil},
		{`event startsWith "a"`, nil},
		{`body.x in ["event"]`, nil},
		{`id == "a"`, nil},
	}
	for _, test := range tests {
		rule, err := route.CompileRule(test.rule)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if got := rule.Compared("event"); !slices.Equal(got, test.want) {
			t.Errorf("%s compares with %q; want %q", test.rule, got, test.want)
		}
	}
}
