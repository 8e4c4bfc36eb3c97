package e2e_test

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

// Paths out of the elements of lists, and such as are deleted, are known, too.
func TestPathsInLists(t *testing.T) {
	for line, want := range map[string]string{
		"on when `any(body.job.job_items, .prcie > 1)` {\nrespond 204\n}":             "body.job.job_items.*.prcie; did you mean body.job.job_items.*.price?",
		"on when `any(body.job.job_items ?? [], .price > 1)` {\nrespond 204\n}":       "",
		"on CREATED {\nwebhook_rewrite {\ndelete job.stauts\n}\nrespond 204\n}":       "body.job.stauts; did you mean body.job.status?",
		"on CREATED {\nwebhook_rewrite {\nset new body.job.stauts\n}\nrespond 204\n}": "body.job.stauts; did you mean body.job.status?",
	} {
		log := webhooktest.CaptureLog(t)
		if _, err := webhooktest.Adapt("http://:0 {\nhandle_webhook instaleap s {\n" + line + "\notherwise pass\n}\n}\n"); err != nil {
			t.Fatal(err)
		}
		found := log.Find(func(e webhooktest.Entry) bool { return strings.HasPrefix(e.Text("msg"), "no sample of ") })
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.HasSuffix(found[0].Text("msg"), want)) {
			t.Errorf("%s: %v; want %q", line, found, want)
		}
	}
}

// A provider of one's own that is like a built-in one has its paths.
func TestPathsOfProviderLikeAnother(t *testing.T) {
	for base, want := range map[string]int{"like instaleap": 1, "token": 0} {
		log := webhooktest.CaptureLog(t)
		config := "{\nwebhooks {\nprovider acme " + base + " {\nevent body.type\n}\n}\n}\nhttp://:0 {\nhandle_webhook acme {\ntoken x\n" +
			"on when `body.job.stauts == 1` {\nrespond 204\n}\notherwise pass\n}\n}\n"
		if _, err := webhooktest.Adapt(config); err != nil {
			t.Fatal(err)
		}
		found := log.Find(webhooktest.Message("no sample of instaleap has body.job.stauts; did you mean body.job.status?"))
		if len(found) != want {
			t.Errorf("%s: %d warnings, want %d", base, len(found), want)
		} else if want == 1 && (found[0].Text("file") != "Caddyfile" || found[0]["line"] != 11.0) {
			t.Errorf("the warning is at %v:%v", found[0]["file"], found[0]["line"])
		}
	}
}
