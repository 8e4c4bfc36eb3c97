package tenant_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

func upstream(t testing.TB, source tenant.Source, id string) string {
	t.Helper()
	got, err := source.Tenant(context.Background(), id)
	must(t, err)
	return got.Vars["upstream"]
}

// A volume of Kubernetes is a directory of links into a directory that a link names,
// and that link is replaced.
func TestKubernetesSwap(t *testing.T) {
	root := t.TempDir()
	publish := func(version string) {
		must(t, os.Mkdir(filepath.Join(root, version), 0o700))
		must(t, os.WriteFile(filepath.Join(root, version, "acme.json"), tenanttest.Document("acme", version), 0o600))
		must(t, os.WriteFile(filepath.Join(root, version, "all.jsonl"), tenanttest.Document("acme", version), 0o600))
		must(t, os.Symlink(version, filepath.Join(root, "..data_tmp")))
		must(t, os.Rename(filepath.Join(root, "..data_tmp"), filepath.Join(root, "..data")))
	}
	publish("..2024_one")
	for _, name := range []string{"acme.json", "all.jsonl"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(root, name)))
	}
	directory := tenant.NewDirectory(root)
	lines, err := tenant.OpenFile(filepath.Join(root, "all.jsonl"))
	must(t, err)
	defer lines.Close()
	for _, version := range []string{"..2024_one", "..2024_two", "..2024_three"} {
		if version != "..2024_one" {
			publish(version)
			if changed, err := lines.Refresh(); err != nil || !changed {
				t.Fatalf("Refresh: %v, %v", changed, err)
			}
		}
		if got := upstream(t, directory, "acme"); got != version {
			t.Errorf("the directory has %s; want %s", got, version)
		}
		if got := upstream(t, lines, "acme"); got != version {
			t.Errorf("the file has %s; want %s", got, version)
		}
	}
	if ids, err := directory.List(context.Background()); err != nil || len(ids) != 1 {
		t.Errorf("List: %q, %v", ids, err)
	}
}

// A file that cannot be taken up leaves the tenants as they were.
func TestRefusedFile(t *testing.T) {
	good := string(tenanttest.Document("acme", "good")) + "\n"
	for _, test := range []struct{ name, ending, content, problem string }{
		{"no id", ".jsonl", good + "{}\n", "line 2"},
		{"no JSON", ".jsonl", good + "what?\n", "line 2"},
		{"a path for an id", ".jsonl", good + `{"id":"../x"}`, "line 2"},
		{"an id twice", ".jsonl", good + `{"vars":{},"id":"acme"}`, "two lines have the id acme"},
		{"a long line", ".jsonl", good + `{"id":"x","vars":{"a":"` + strings.Repeat("x", 2<<20) + `"}}`, "line 2"},
		{"no object", ".json", "[]", "no object"},
		{"a name twice", ".json", `{"acme":{},"acme":{}}`, "duplicate"},
		{"a path for a name", ".json", `{"../x":{}}`, "the name"},
		{"cut off", ".json", `{"acme":{}`, ""},
		{"empty", ".json", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "all"+test.ending)
			first := good
			if test.ending == ".json" {
				first = `{"acme":` + good + "}"
			}
			must(t, os.WriteFile(path, []byte(first), 0o600))
			source, err := tenant.OpenFile(path)
			must(t, err)
			defer source.Close()
			replace(t, path, []byte(test.content))
			if changed, err := source.Refresh(); changed || err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("Refresh: %v, %v; want %q", changed, err, test.problem)
			} else if strings.Contains(err.Error(), tenanttest.Secret) {
				t.Errorf("Refresh: the error shows a secret: %v", err)
			}
			if got := upstream(t, source, "acme"); got != "good" {
				t.Errorf("acme is %q", got)
			}
			must(t, os.Remove(path))
			if _, err := source.Refresh(); err == nil {
				t.Error("Refresh of a file that is gone: no error")
			}
			if got := upstream(t, source, "acme"); got != "good" {
				t.Errorf("acme is %q", got)
			}
			if _, err := tenant.OpenFile(path); err == nil {
				t.Error("OpenFile of a file that is gone: no error")
			}
		})
	}
}

// A file that is written where it stands is not taken for one with other tenants.
func TestWrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.jsonl")
	must(t, os.WriteFile(path, append(tenanttest.Document("acme", "x"), '\n'), 0o600))
	source, err := tenant.OpenFile(path)
	must(t, err)
	defer source.Close()
	for _, content := range []string{"", `{"id":"globex"}` + strings.Repeat(" ", 200)} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		if got, err := source.Tenant(context.Background(), "acme"); err == nil || errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("%q: %v, %v; want an error", content, got, err)
		}
	}
	if _, err := source.Refresh(); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Tenant(context.Background(), "acme"); !errors.Is(err, tenant.ErrUnknown) {
		t.Errorf("%v; want ErrUnknown", err)
	}
}

// What is no regular file is not opened: a named pipe would be waited for.
func TestOddFiles(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "acme.json"), 0o700))
	must(t, os.Symlink("loop.json", filepath.Join(root, "loop.json")))
	must(t, os.Symlink("nowhere", filepath.Join(root, "dangling.json")))
	source := tenant.NewDirectory(root)
	for id, want := range map[string]string{"acme": "no regular file", "loop": "", "dangling": tenant.ErrUnknown.Error()} {
		if got, err := source.Tenant(context.Background(), id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", id, got, err, want)
		} else if strings.Contains(err.Error(), root) {
			t.Errorf("%s: the error names a path that a stranger has chosen: %v", id, err)
		}
	}
}

func TestRemoteURL(t *testing.T) {
	for url, good := range map[string]bool{
		"https://tenants.example.com/v1":      true,
		"https://tenants.example.com/v1/":     true,
		"http://localhost:8080/t":             true,
		"http://127.0.0.1:8080":               true,
		"http://[::1]:8080/t":                 true,
		"http://tenants.example.com/v1":       false,
		"http://10.0.0.1/v1":                  false,
		"http://127.0.0.1.example.com/":       false,
		"https://user:pw@tenants.example.com": false,
		"https://tenants.example.com/?id=":    false,
		"https://tenants.example.com/#x":      false,
		"ftp://tenants.example.com/":          false,
		"file:///etc":                         false,
		"tenants.example.com":                 false,
		"https:":                              false,
		"":                                    false,
	} {
		if _, err := tenant.NewRemote(url, nil); (err == nil) != good {
			t.Errorf("NewRemote(%q): %v", url, err)
		} else if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}
