package handlers

import (
	"errors"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A change is used once; what cannot be read or used is told of once, and leaves what
// is in use.
func TestRenewal(t *testing.T) {
	core, log := observer.New(zap.InfoLevel)
	content, broken, used := "one", error(nil), []string(nil)
	r := &renewal[[]string]{
		handler: "test", whose: zap.Skip(), logger: zap.New(core), current: []string{"one"},
		read: func() ([]string, error) { return []string{content}, broken },
		use: func(fresh []string) error {
			if fresh[0] == "unusable" {
				return errors.New("unusable")
			}
			used = fresh
			return nil
		},
	}
	for _, test := range []struct {
		content string
		broken  error
		used    string
		told    int // entries in all
	}{
		{"one", nil, "", 0},
		{"two", nil, "two", 1},
		{"two", nil, "two", 1},
		{"two", errors.New("gone"), "two", 2},
		{"two", errors.New("gone"), "two", 2},
		{"two", nil, "two", 2},
		{"unusable", nil, "two", 3},
		{"unusable", nil, "two", 3},
		{"three", nil, "three", 4},
	} {
		content, broken = test.content, test.broken
		r.look()
		got := ""
		if used != nil {
			got = used[0]
		}
		if got != test.used || log.Len() != test.told {
			t.Errorf("%+v: %q is used, %d entries", test, got, log.Len())
		}
	}
}
