package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	ours := func(version string, replace *debug.Module) *debug.Module {
		return &debug.Module{Path: modulePath, Version: version, Replace: replace}
	}
	caddy := debug.Module{Path: "caddy", Version: "(devel)"} // as xcaddy builds it
	for _, test := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"by xcaddy", debug.BuildInfo{Main: caddy, Deps: []*debug.Module{{Path: "other", Version: "v9.0.0"}, ours("v1.2.0", nil)}}, "v1.2.0"},
		{"by xcaddy, from a folder", debug.BuildInfo{Main: caddy, Deps: []*debug.Module{ours("v0.0.0", &debug.Module{Path: "/src"})}}, "devel"},
		{"by xcaddy, a fork", debug.BuildInfo{Main: caddy, Deps: []*debug.Module{ours("v1.2.0", &debug.Module{Path: "fork", Version: "v1.2.1"})}}, "v1.2.1"},
		{"its own command", debug.BuildInfo{Main: *ours("v1.3.0-0.20261130195243-e5d07b7d83a5", nil)}, "v1.3.0-0.20261130195243-e5d07b7d83a5"},
		{"its own command, from a folder", debug.BuildInfo{Main: *ours("(devel)", nil)}, "devel"},
		{"nothing noted", debug.BuildInfo{}, "devel"},
	} {
		if got := of(&test.info); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := UserAgent(); !strings.HasPrefix(got, "caddy-webhooks/") || strings.ContainsAny(got, " ()") {
		t.Errorf("the user agent is %q", got)
	}
}
