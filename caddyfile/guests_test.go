package caddyfile

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A module that is not in this build is an error that names those that are.
func TestUnknownGuests(t *testing.T) {
	for line, want := range map[string]string{
		"tenants shops directory /tenants": "unknown source of tenants directory; this build of Caddy has",
		"replay redis":                     "unknown store redis; this build of Caddy has",
		"store postgres":                   "unknown store postgres; this build of Caddy has",
	} {
		err := ParseOptions(caddyfile.NewTestDispenser("webhooks {\n"+line+"\n}"), new(Options))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", line, err, want)
		}
	}
}
