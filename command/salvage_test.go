package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

// It counts what is intact, saves it into a new file, and no other, and says when
// something was damaged.
func TestSalvage(t *testing.T) {
	folder := t.TempDir()
	damaged, saved := filepath.Join(folder, "deliveries.db"), filepath.Join(folder, "saved.db")
	s, err := bolt.Open(damaged, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		record := &deliver.Record{ID: id, Provider: "github", Body: make([]byte, 20_000)}
		if err := s.Append(t.Context(), record, []deliver.Target{{Destination: "app"}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	expect := func(want string, code int, args ...string) {
		t.Helper()
		got, has, err := run(append([]string{"queue", "salvage"}, args...)...)
		if err != nil {
			got += err.Error()
		}
		if !strings.Contains(got, want) || has != code {
			t.Errorf("%v: exit code %d; want %d:\n%s", args, has, code, got)
		}
	}
	expect("2 that wait, 0 dead letters and 0 of which it is not known for whom can be saved\n0 lost, 0 damaged pages\n", 0, damaged)
	expect("are in "+saved, 0, damaged, "--to", saved)
	expect("is there already; name a new file", 2, damaged, "--to", saved)
	expect("no such file", 2, filepath.Join(folder, "none.db"))

	content, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[:8192]) // what says where everything is
	if err := os.WriteFile(damaged, content, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(`"stray": 2,`, 1, damaged, "--json")
}
