package running_test

import (
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/running"
)

// The latest that still runs counts, whichever of two goes.
func TestCurrent(t *testing.T) {
	var told []string
	l := running.List[string]{Changed: func(current string) { told = append(told, current) }}
	for _, step := range []struct {
		change     func(string)
		part, want string
	}{
		{l.Add, "a", "a"}, {l.Add, "b", "b"}, {l.Remove, "b", "a"}, {l.Add, "c", "c"}, {l.Remove, "a", "c"}, {l.Remove, "c", ""},
	} {
		step.change(step.part)
		if got := l.Current(); got != step.want || told[len(told)-1] != step.want {
			t.Errorf("after %s: %q counts, %q is told; want %q", step.part, got, told, step.want)
		}
	}
	l.Add("a")
	l.Add("b")
	l.View(func(all []string) {
		if !slices.Equal(all, []string{"a", "b"}) {
			t.Errorf("all are %q", all)
		}
	})
}
