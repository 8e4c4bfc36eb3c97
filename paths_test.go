package caddywebhooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// No configuration of this repository, as operators may write one, is warned of for
// its paths or its URIs.
func TestNoWarningOfPaths(t *testing.T) {
	var configs []string
	for _, pattern := range []string{"examples/*/Caddyfile", "testdata/*/Caddyfile", "testdata/*/*/Caddyfile", "bench/*/Caddyfile", "bench/Caddyfile*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			configs = append(configs, string(content))
		}
	}
	if len(configs) < 25 {
		t.Fatalf("there are %d configurations", len(configs))
	}
	for _, file := range goldens(t) {
		if !file.bad() {
			configs = append(configs, file.caddyfile)
		}
	}
	log := webhooktest.CaptureLog(t)
	for _, config := range configs {
		_, _ = webhooktest.Adapt(config) // other tests hold what becomes of it
	}
	for _, entry := range log.Find(func(e webhooktest.Entry) bool {
		return strings.HasPrefix(e.Text("msg"), "no sample of ") || strings.Contains(e.Text("msg"), "as it came")
	}) {
		t.Errorf("%s: %s", entry, entry.Text("msg"))
	}
}
