package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Providers that are like each other end in an error, and not in a loop.
func TestProvidersLikeEachOther(t *testing.T) {
	own := map[string]*verify.Spec{"a": {Like: "b"}, "b": {Like: "c"}, "c": {Like: "b"}}
	for name := range own {
		if _, err := verify.Resolve(name, own); err == nil || !strings.Contains(err.Error(), "is like itself") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := verify.ResolveAll(map[string]*verify.Spec{"a": nil}); err == nil || !strings.Contains(err.Error(), "provider a is empty") {
		t.Errorf("an empty provider: error is %v", err)
	}
}
