package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// kinds are the ways to configure a provider that credentials.json gives: the
// name of the kind and the lines of the block.
func kinds(t *testing.T, folder string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string][]string)
	for kind, value := range values {
		switch v := value.(type) {
		case string:
			if user, password, ok := strings.Cut(v, ":"); kind == "basic" && ok {
				lines[kind] = []string{"basic " + strconv.Quote(user) + " " + strconv.Quote(password)}
				continue
			}
			lines[kind] = []string{kind + " " + strconv.Quote(v)}
		case []any:
			for _, pair := range v {
				name, content, _ := strings.Cut(pair.(string), "=")
				lines[kind] = append(lines[kind], kind+" "+name+" "+strconv.Quote(content))
			}
		}
	}
	return lines
}

// refusedByName reports whether no credentials accept a request of this name.
func refusedByName(name string) bool {
	return strings.HasPrefix(name, "tampered") || strings.HasSuffix(name, "-wrong") || strings.HasSuffix(name, "-missing")
}

// Every request of testdata is accepted with exactly one kind of credentials,
// or with none where its name says so, and reaches the application unchanged.
func TestSampleRequests(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "requests"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no requests: %v", err)
	}
	up := webhooktest.NewUpstream(t)
	for _, folder := range folders {
		provider := filepath.Base(filepath.Dir(folder))
		t.Run(provider, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(folder, "*.http"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("no requests: %v", err)
			}
			acceptedBy := make(map[string][]string)
			for kind, lines := range kinds(t, folder) {
				srv := webhooktest.Start(t, sampleSite(up, provider, lines))
				for _, path := range paths {
					if sendSample(t, srv, up, path) {
						acceptedBy[path] = append(acceptedBy[path], kind)
					}
				}
			}
			for _, path := range paths {
				want := 1
				if refusedByName(strings.TrimSuffix(filepath.Base(path), ".http")) {
					want = 0
				}
				if got := acceptedBy[path]; len(got) != want {
					t.Errorf("%s is accepted with %v, want %d kinds", path, got, want)
				}
			}
		})
	}
}

func sampleSite(up *webhooktest.Upstream, provider string, lines []string) string {
	return "http://:0 {\n\thandle_webhook " + provider + " {\n\t\ttolerance off\n\t\t" + strings.Join(lines, "\n\t\t") +
		"\n\t\totherwise {\n\t\t\treverse_proxy " + up.Addr() + "\n\t\t}\n\t}\n}\n"
}

// sendSample reports whether a request was accepted.
func sendSample(t *testing.T, srv *webhooktest.Server, up *webhooktest.Upstream, path string) bool {
	t.Helper()
	request, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch answer := srv.Raw(request); answer.Status {
	case 200:
		_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
		if got := up.Only(); !bytes.Equal(got.Body, body) {
			t.Errorf("%s: the upstream got other bytes", path)
		}
		return true
	case 400, 401:
		up.None()
	default:
		t.Errorf("%s is answered with %d %q", path, answer.Status, answer.Body)
	}
	return false
}
