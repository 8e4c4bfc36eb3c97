package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// example is a folder of this directory, and what its Caddyfile does.
type example struct {
	name  string
	env   map[string]string // what its placeholders {env.*} stand for
	steps []step
}

// step is a webhook and its answer.
type step struct {
	name   string
	send   webhook
	status int
	want   string // part of the answer's body
}

// TestExamples runs every example as it stands, save for its ports, and sends
// it webhooks that it must accept, route and refuse.
func TestExamples(t *testing.T) {
	for _, e := range append(table(t), migrations(t)...) {
		t.Run(e.name, func(t *testing.T) {
			srv := start(t, e)
			for _, s := range e.steps {
				answer := srv.Do(s.send.request(t, srv))
				if answer.Status != s.status || !strings.Contains(answer.Body, s.want) {
					t.Errorf("%s: %d %q, want %d with %q", s.name, answer.Status, answer.Body, s.status, s.want)
				}
			}
			if strings.HasPrefix(e.name, "migrating/") {
				return // says itself what becomes of other paths
			}
			elsewhere := webhook{method: "POST", path: "/elsewhere"}
			if answer := srv.Do(elsewhere.request(t, srv)); answer.Status != http.StatusNotFound {
				t.Errorf("an unmatched path is answered %d, want 404", answer.Status)
			}
		})
	}
}

// clusterExample needs more than the core; package nats tests it.
const clusterExample = "cluster"

// extensionsExample needs modules of its own, whose package tests it.
const extensionsExample = "extensions"

// TestTable makes sure that every example is tested, and that each test has a
// webhook that is accepted and one that is refused.
func TestTable(t *testing.T) {
	examples := append(table(t), migrations(t)...)
	folders, err := filepath.Glob("*/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("*/*/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	folders = append(folders, more...)
	for _, folder := range folders {
		name := filepath.Dir(folder)
		if name == clusterExample || name == platformExample || name == extensionsExample || deployments[name] != "" {
			continue
		}
		at := slices.IndexFunc(examples, func(e example) bool { return e.name == name })
		if at < 0 {
			t.Errorf("%s is not in the table", name)
			continue
		}
		accepted := func(s step) bool { return s.status < 300 }
		refused := func(s step) bool { return s.status >= 400 && s.status < 500 && s.status != 404 }
		if steps := examples[at].steps; !slices.ContainsFunc(steps, accepted) || !slices.ContainsFunc(steps, refused) {
			t.Errorf("%s needs a webhook that is accepted and one that is refused", name)
		}
	}
	if apart := 3 + len(deployments); len(folders) != len(examples)+apart {
		t.Errorf("there are %d examples, and %d in the table", len(folders)-apart, len(examples))
	}
}

// TestSmallestJSON compares the smallest example with its form in JSON.
func TestSmallestJSON(t *testing.T) {
	adapted, err := webhooktest.Adapt(read(t, "smallest/Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal([]byte(adapted), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(read(t, "smallest/caddy.json")), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("caddy adapt gives\n%s", adapted)
	}
}

// TestAccessLog makes sure that the log has what it is kept for, and no token.
func TestAccessLog(t *testing.T) {
	e := find(t, "access-log")
	srv := start(t, e)
	for _, s := range e.steps {
		srv.Do(s.send.request(t, srv))
	}
	srv.Stop()
	log := srv.Log.String()
	for _, want := range []string{
		`"webhook_provider":"instaleap"`, `"webhook_event":"ALLOCATED"`, `"webhook_outcome":"accepted"`,
		`"webhook_id":"5bf7128e-c481-48fe-86fa-d0d52282dde8"`, `"webhook_outcome":"bad_token"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the access log lacks %s:\n%s", want, log)
		}
	}
	if strings.Contains(log, "test-token") {
		t.Errorf("the access log holds a token:\n%s", log)
	}
}

// TestSources sends from an address that the example does not list.
func TestSources(t *testing.T) {
	e := find(t, "jelp-unverified")
	srv := start(t, e, webhooktest.Set("webhook_auth", "sources", []string{"192.0.2.0/24"}))
	if answer := srv.Do(e.steps[0].send.request(t, srv)); answer.Status != http.StatusForbidden {
		t.Errorf("status %d, want 403", answer.Status)
	}
}

func find(t *testing.T, name string) example {
	t.Helper()
	examples := table(t)
	at := slices.IndexFunc(examples, func(e example) bool { return e.name == name })
	if at < 0 {
		t.Fatalf("there is no example %s", name)
	}
	return examples[at]
}

// start runs an example on free ports.
func start(t *testing.T, e example, edits ...webhooktest.Edit) *webhooktest.Server {
	t.Helper()
	for name, value := range e.env {
		t.Setenv(name, value)
	}
	t.Setenv("XDG_DATA_HOME", t.TempDir()) // where webhooks are stored
	return webhooktest.Start(t, read(t, e.name+"/Caddyfile"), append(edits, freePorts(t))...)
}

// answeringApp starts the app of an example that does not play it itself. Its
// answer tells what it got.
func answeringApp(t *testing.T) (addr string) {
	t.Helper()
	app := webhooktest.NewUpstream(t)
	app.Answer(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, r.Method, r.RequestURI, r.Header.Get("Webhook-Event"))
	})
	return app.Addr()
}

// freePorts has an example listen on free ports in place of 8080, and of 8081
// where it plays the app itself, and proxies dial the app there. An app at port
// 3000 is one that answers with what it got.
func freePorts(t *testing.T) webhooktest.Edit {
	t.Helper()
	return func(config map[string]any) {
		apps := map[string]string{"localhost:3000": answeringApp(t)}
		servers := config["apps"].(map[string]any)["http"].(map[string]any)["servers"].(map[string]any)
		for _, server := range servers {
			listen := server.(map[string]any)["listen"].([]any)
			switch listen[0] {
			case ":8080":
				listen[0] = "127.0.0.1:0"
			case ":8081":
				apps["localhost:8081"] = "localhost:" + webhooktest.FreePort(t)
				listen[0] = apps["localhost:8081"]
			}
		}
		redirect(config, apps)
	}
}

// redirect changes the addresses of apps, and returns the value with them.
func redirect(value any, apps map[string]string) any {
	switch v := value.(type) {
	case string:
		if app, ok := apps[v]; ok {
			return app
		}
	case map[string]any:
		for name, child := range v {
			v[name] = redirect(child, apps)
		}
	case []any:
		for i, child := range v {
			v[i] = redirect(child, apps)
		}
	}
	return value
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
