// Package version says which version of this module a program was built with.
package version

import (
	"runtime/debug"
	"strings"
	"sync"
)

const modulePath = "github.com/caddy-webhooks/caddy-webhooks"

// development is the version of what was built from a folder.
const development = "devel"

// Module returns the version of this module, such as v1.2.0; devel if it was built from
// a folder.
var Module = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return development
	}
	return of(info)
})

// UserAgent is what this module calls itself where it asks for something.
func UserAgent() string { return "caddy-webhooks/" + strings.TrimPrefix(Module(), "v") }

// of finds the version in what the linker has noted: this module is the program's own,
// or one that it needs, perhaps in the place of which another one was put.
func of(info *debug.BuildInfo) string {
	found := info.Main
	for _, needed := range info.Deps {
		if needed.Path == modulePath {
			found = *needed
		}
	}
	if found.Replace != nil {
		found = *found.Replace
	}
	if found.Version == "" || found.Version == "(devel)" {
		return development
	}
	return found.Version
}
