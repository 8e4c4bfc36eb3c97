// Package e2e tests the module as its users have it: a real Caddy, a real app, and
// what senders send. The files are named after what they hold to account.
package e2e_test

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// TestMain runs the tests in the root of the project, where testdata, examples and
// docs are. The same program is the Caddy that tests kill.
func TestMain(m *testing.M) {
	if os.Getenv(caddyVariable) != "" {
		caddycmd.Main()
		os.Exit(0) // Main returns if nothing went wrong
	}
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

// run runs the tests with a folder of their own for what a Caddy keeps, so that
// they share no file with another Caddy on this machine.
func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "webhooks-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Setenv("XDG_DATA_HOME", folder); err != nil {
		panic(err)
	}
	return m.Run()
}
