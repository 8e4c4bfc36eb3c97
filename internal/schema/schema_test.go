package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

const (
	root = "../.."
	file = root + "/docs/editors/caddy-webhooks.schema.json"
)

// The schema in the repository is that of the source.
func TestSchemaIsCurrent(t *testing.T) {
	want, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if content(t, file) != string(want) {
		t.Errorf("%s is not that of the source: run go generate .", file)
	}
}

// Every field of our own types is described.
func TestEveryFieldIsDescribed(t *testing.T) {
	var schema struct {
		Definitions map[string]definition
	}
	generated, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(generated, &schema); err != nil {
		t.Fatal(err)
	}
	// Their other fields are those of Caddy's types, whose source is not here.
	embed := map[string]string{"http.reverse_proxy.transport.webhook": "protocol", "handlers.NamedRoute": "name", "delivery.Destination": "name"}
	for name, defined := range schema.Definitions {
		if name == anything {
			continue
		}
		for _, form := range append(defined.AnyOf, defined) {
			for field, of := range form.Properties {
				if own, embeds := embed[name]; of.Description == "" && (!embeds || field == own) {
					t.Errorf("%s.%s has no description", name, field)
				}
			}
		}
	}
}

// definition is what a test reads of a schema.
type definition struct {
	AnyOf      []definition
	Properties map[string]struct{ Description string }
}

// compiled is the schema as a validator.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate holds a configuration against the schema.
func validate(t *testing.T, schema *jsonschema.Schema, config string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

// What the examples and the tests of Caddyfiles adapt to is valid.
func TestConfigurationsAreValid(t *testing.T) {
	webhooktest.CaptureLog(t)
	t.Setenv("SITE", "http://localhost:8080")
	schema := compiled(t)
	for path, config := range configurations(t) {
		if err := validate(t, schema, config); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// configurations are those of the examples and of the tests of Caddyfiles, in JSON.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(root+"/examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "Caddyfile" || filepath.Base(filepath.Dir(path)) == "extensions" { // has modules of its own
			return err
		}
		found[path], err = webhooktest.Adapt(content(t, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob(root + "/testdata/adapt/*.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range golden {
		if _, adapted, _ := strings.Cut(content(t, path), "\n----------\n"); strings.HasPrefix(adapted, "{") {
			found[path] = adapted
		}
	}
	if len(found) < 50 {
		t.Fatalf("there are %d configurations", len(found))
	}
	return found
}

// Mistakes are found wherever our modules stand; what is not ours is left open.
func TestMistakesAreFound(t *testing.T) {
	schema := compiled(t)
	for config, valid := range map[string]bool{
		`{"apps": {"other": {"handler": 5, "webhooks": {"x": 1}}}, "admin": {"listen": "off"}}`:                                    true,
		`{"apps": {"webhooks": {"max_buffered": 1}}}`:                                                                              true,
		`{"apps": {"webhooks": {"max_bufered": 1}}}`:                                                                               false,
		`{"apps": {"webhooks": {"max_buffered": "1MB"}}}`:                                                                          false,
		`{"apps": {"webhooks": {"store": {"engine": "bolt"}}}}`:                                                                    true,
		`{"apps": {"webhooks": {"store": {"engine": "bolt", "pth": "/x"}}}}`:                                                       false,
		`{"apps": {"webhooks": {"store": {"engine": "another", "pth": "/x"}}}}`:                                                    true,
		`{"apps": {"webhooks": {"providers": {"mine": {"signatur": {}}}}}}`:                                                        false,
		`{"apps": {"webhooks": {"tenants": {"all": {"source": "file", "nosuch": 1}}}}}`:                                            false,
		`[{"handle": [{"handler": "webhook_auth"}]}]`:                                                                              false,
		`{"routes": [{"handle": [{"handler": "webhook_auth", "provider": "github"}]}]}`:                                            true,
		`{"routes": [{"handle": [{"handler": "webhook_auth", "provder": "github"}]}]}`:                                             false,
		`{"routes": [{"handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "webhook_sign", "x": 1}]}]}]}]}`:       false,
		`{"routes": [{"handle": [{"handler": "webhook_routes", "routes": [{"handle": [{"handler": "webhook_sign", "x": 1}]}]}]}]}`: false,
		`{"match": [{"webhook_event": ["push"], "path": ["/x"]}]}`:                                                                 true,
		`{"match": [{"webhook_event": {"names": ["push"]}}]}`:                                                                      true,
		`{"match": [{"webhook_event": "push"}]}`:                                                                                   false,
		`{"match": [{"webhook_expr": "body.paid"}]}`:                                                                               true,
		`{"match": [{"webhook_expr": ["body.paid"]}]}`:                                                                             false,
		`{"encoder": {"format": "webhook_redact", "wrap": {"format": "json"}}}`:                                                    true,
		`{"encoder": {"format": "webhook_redact", "warp": {"format": "json"}}}`:                                                    false,
		`{"transport": {"protocol": "webhook", "dial_timeout": "3s"}}`:                                                             true,
		`{"transport": {"protocol": "webhook", "dial_tmeout": "3s"}}`:                                                              false,
	} {
		if err := validate(t, schema, config); valid != (err == nil) {
			t.Errorf("%s: %v, want it valid: %t", config, err, valid)
		}
	}
}

// content is that of a file.
func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}
