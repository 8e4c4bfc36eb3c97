package e2e_test

import (
	osexec "os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const ourModule = "github.com/caddy-webhooks/caddy-webhooks"

// Each package imports what docs/architecture.md says, no more and no less, and
// knows Caddy only where it says so.
func TestImportsAreThoseOfTheArchitecture(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\\| ([^|]+) \\| (yes|no) \\|$")
	want := make(map[string]string)
	for _, cells := range row.FindAllStringSubmatch(fileText(t, "docs/architecture.md"), -1) {
		imports := strings.Split(strings.ReplaceAll(strings.Trim(cells[2], "–"), "`", ""), ", ")
		slices.Sort(imports)
		want[cells[1]] = strings.Join(imports, " ") + ", Caddy: " + cells[3]
	}
	out, err := osexec.CommandContext(t.Context(), "go", "list", "-f", `{{if .GoFiles}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	room := func(path string) string {
		if path == ourModule {
			return "module.go"
		}
		return strings.TrimPrefix(path, ourModule+"/")
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		var imports []string
		caddy := "no"
		for _, path := range words[1:] {
			switch {
			case strings.HasPrefix(path, "github.com/caddyserver/"):
				caddy = "yes"
			case strings.HasPrefix(path, ourModule):
				imports = append(imports, room(path))
			}
		}
		slices.Sort(imports)
		name := room(words[0])
		if got := strings.Join(imports, " ") + ", Caddy: " + caddy; got != want[name] {
			t.Errorf("%s imports %s; docs/architecture.md says %s", name, got, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("docs/architecture.md has a room %s that is none", name)
	}
}
