package route_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

func TestPatterns(t *testing.T) {
	tests := []struct {
		patterns route.Patterns
		name     string
		want     bool
	}{
		{route.Patterns{"order.paid"}, "order.paid", true},
		{route.Patterns{"order.paid"}, "order.paid2", false},
		{route.Patterns{"order.paid"}, "Order.Paid", false},
		{route.Patterns{"order.paid"}, "orderxpaid", false},
		{route.Patterns{"order.paid"}, "", false},
		{route.Patterns{"a", "b"}, "b", true},
		{route.Patterns{"a", "b"}, "c", false},
		{nil, "a", false},
		{nil, "", false},
		{route.Patterns{""}, "", true},
		{route.Patterns{""}, "a", false},
		{route.Patterns{"*"}, "", true},
		{route.Patterns{"*"}, "anything at all", true},
		{route.Patterns{"PICKING_*"}, "PICKING_STARTED", true},
		{route.Patterns{"PICKING_*"}, "PICKING_", true},
		{route.Patterns{"PICKING_*"}, "PICKING", false},
		{route.Patterns{"PICKING_*"}, "ZONE_PICKING_STARTED", false},
		{route.Patterns{"*_STARTED"}, "PICKING_STARTED", true},
		{route.Patterns{"*_STARTED"}, "PICKING_STARTED_LATE", false},
		{route.Patterns{"*PICKING*"}, "ZONE_PICKING_STARTED", true},
		{route.Patterns{"*PICKING*"}, "PICKING", true},
		{route.Patterns{"*PICKING*"}, "PICKIN", false},
		{route.Patterns{"a*b"}, "ab", true},
		{route.Patterns{"a*b"}, "a.b.b", true},
		{route.Patterns{"a*b"}, "a", false},
		{route.Patterns{"a*a"}, "a", false},
		{route.Patterns{"ab*ba"}, "aba", false},
		{route.Patterns{"ab*ba"}, "abba", true},
		{route.Patterns{"a*b*c"}, "a-b-c", true},
		{route.Patterns{"a*b*c"}, "abbc", true},
		{route.Patterns{"a*b*c"}, "acb", false},
		{route.Patterns{"a*bc*c"}, "abc", false},
		{route.Patterns{"a*bc*c"}, "abcc", true},
		{route.Patterns{"**"}, "x", true},
		{route.Patterns{"a**b"}, "ab", true},
		{route.Patterns{"a*?"}, "a?", true},
		{route.Patterns{"a*?"}, "ab", false},
		{route.Patterns{"order:*"}, "order:größe", true},
	}
	for _, test := range tests {
		if got := test.patterns.Match(test.name); got != test.want {
			t.Errorf("%q.Match(%q) = %t", []string(test.patterns), test.name, got)
		}
	}
}

func TestPatternsCover(t *testing.T) {
	tests := []struct {
		first, second route.Patterns
		want          bool
	}{
		{route.Patterns{"*"}, route.Patterns{"a", "b*", "*"}, true},
		{route.Patterns{"a*"}, route.Patterns{"ab", "abc*", "a*"}, true},
		{route.Patterns{"a*"}, route.Patterns{"*"}, false},
		{route.Patterns{"a*"}, route.Patterns{"ab", "b"}, false},
		{route.Patterns{"a"}, route.Patterns{"a"}, true},
		{route.Patterns{"a"}, route.Patterns{"a*"}, false},
		{route.Patterns{"a*c"}, route.Patterns{"ab*c"}, true},
		{route.Patterns{"a*c"}, route.Patterns{"a*"}, false},
		{nil, route.Patterns{"a"}, false},
		{route.Patterns{"a"}, nil, true},
	}
	for _, test := range tests {
		if got := test.first.Cover(test.second); got != test.want {
			t.Errorf("%q covers %q: %t", []string(test.first), []string(test.second), got)
		}
	}
}
