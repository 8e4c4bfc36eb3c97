package tenants

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSet returns the only source of a set.
func newSet(t *testing.T, config string, module any, counted map[tenant.Result]int) (*Set, *Source) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	set := new(Set)
	must(t, set.Provision(ctx, map[string]any{"shops": module}, map[string]string{"shops": config},
		func(_ string, result tenant.Result) { counted[result]++ }))
	t.Cleanup(func() { must(t, set.Cleanup()) })
	source, err := set.Find("")
	must(t, err)
	return set, source
}

// The module file reads a directory, which can be written, and files, which cannot.
func TestFile(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "acme.json"), tenanttest.Document("acme", "x"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, "all.jsonl"), tenanttest.Document("acme", "x"), 0o600))
	for path, writable := range map[string]bool{root: true, filepath.Join(root, "all.jsonl"): false} {
		file := &File{Path: path}
		counted := make(map[tenant.Result]int)
		_, source := newSet(t, path, file, counted)
		got, err := source.Tenant(t.Context(), "acme") // before Start
		if err != nil || got.Vars["upstream"] != "x" {
			t.Errorf("%s: %v, %v", path, got, err)
		}
		if _, err := source.Tenant(t.Context(), "nobody"); !errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("%s: %v", path, err)
		}
		if counted[tenant.Found] != 1 || counted[tenant.NotFound] != 1 {
			t.Errorf("%s: counted %v", path, counted)
		}
		if _, ok := source.Store(); ok != writable {
			t.Errorf("%s: can be written: %v", path, ok)
		}
		if _, ok := source.Lister(); !ok {
			t.Errorf("%s cannot be listed", path)
		}
		must(t, file.Cleanup())
	}
	if err := (&File{Path: filepath.Join(root, "none")}).Start(); err == nil {
		t.Error("a path that is not there: no error")
	}
}

// A memory is handed over to the next configuration that says the same of a source.
func TestReload(t *testing.T) {
	root := filepath.Join(t.TempDir(), "tenants")
	must(t, os.Mkdir(root, 0o700))
	must(t, os.WriteFile(filepath.Join(root, "acme.json"), tenanttest.Document("acme", "x"), 0o600))
	_, first := newSet(t, root, &File{Path: root}, make(map[tenant.Result]int))
	before, err := first.Tenant(t.Context(), "acme")
	must(t, err)
	_, second := newSet(t, root, &File{Path: root}, make(map[tenant.Result]int))
	must(t, second.start())
	must(t, os.Rename(root, root+"-gone"))
	after, err := second.Tenant(t.Context(), "acme")
	if err != nil || after != before {
		t.Errorf("%v, %v", after, err)
	}
}

func TestFind(t *testing.T) {
	set := new(Set)
	if _, err := set.Find("shops"); err == nil || !strings.Contains(err.Error(), "tenants <name> file") {
		t.Errorf("no source: %v", err)
	}
	set.sources = map[string]*Source{"a": {Name: "a"}, "b": {Name: "b"}}
	if got, err := set.Find("b"); err != nil || got.Name != "b" {
		t.Errorf("b: %v, %v", got, err)
	}
	for _, name := range []string{"", "c"} {
		if _, err := set.Find(name); err == nil || !strings.Contains(err.Error(), "a, b") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSourceCaddyfile(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"file", "file /etc/tenants", ""},
		{"file", "file", "takes the path"},
		{"file", "file a b", "takes the path"},
		{"file", "file a {\nttl 1s\n}", "unrecognized option ttl"},
		{"storage", "storage", ""},
		{"storage", "storage shops", ""},
		{"storage", "storage a b", "wrong argument count"},
		{"http", "http https://x.example/t", ""},
		{"http", "http https://x.example/t {\nheader authorization \"Bearer {env.T}\"\nttl 5m\nnegative_ttl 1s\ntimeout 2s\nstale off\nat_once 4\n}", ""},
		{"http", "http", "takes the URL"},
		{"http", "http u {\nheader x\n}", "a name and a value"},
		{"http", "http u {\nttl\n}", "takes one value"},
		{"http", "http u {\nttl 0s\n}", "not a duration"},
		{"http", "http u {\nat_once 0\n}", "not a number"},
		{"http", "http u {\nretries 3\n}", "unrecognized option retries"},
	} {
		modules := map[string]caddyfile.Unmarshaler{"file": new(File), "storage": new(Storage), "http": new(HTTP)}
		err := modules[test.name].UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %v; want %q", test.text, err, test.problem)
		}
	}
}

func TestHTTPProvision(t *testing.T) {
	for _, test := range []struct {
		http    HTTP
		problem string
	}{
		{HTTP{URL: "https://tenants.example.com/v1"}, ""},
		{HTTP{URL: "http://tenants.example.com/v1"}, "https"},
		{HTTP{URL: "{env.NO_SUCH_URL}"}, "URL of tenants"},
		{HTTP{URL: "https://x.example", Headers: map[string]string{"a b": "x"}}, "name of a header"},
		{HTTP{URL: "https://x.example", AtOnce: -1}, "negative"},
	} {
		err := test.http.Provision(caddy.Context{})
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %v; want %q", test.http.URL, err, test.problem)
		}
	}
}
