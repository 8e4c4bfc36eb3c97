package nats_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// The core must not need NATS: it is for those who want a cluster.
func TestCoreHasNoNATS(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/caddy-webhooks/caddy-webhooks").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name := range strings.Lines(string(out)) {
		if strings.Contains(name, "nats-io") || strings.HasSuffix(strings.TrimSpace(name), "/nats") {
			t.Errorf("the core depends on %s", name)
		}
	}
}

// app takes webhooks when it is up.
type app struct {
	mu     sync.Mutex
	up     bool
	bodies []string
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.up {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	a.bodies = append(a.bodies, string(body))
}

func (a *app) set(up bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = up
}

func (a *app) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bodies
}

// site is a Caddyfile whose webhooks are kept by a server, and remembered.
func site(url, app string) string {
	return `{
	webhooks {
		store ` + url + ` {
			replicas 1
			name CADDY
		}
		replay nats ` + url + ` {
			replicas 1
			name CADDY
		}
	}
}
http://:0 {
	handle_webhook /hook github test-secret {
		replay 1h
		otherwise {
			webhook_deliver orders {
				retry 50ms 50ms 50ms 1s 1s 1s 1s 1s 1s
				to app ` + app + `
			}
		}
	}
}
`
}

// A webhook that the app does not take is kept by the servers over a reload and
// delivered, and its copy is known.
func TestDeliversFromCluster(t *testing.T) {
	s := serve(t, func(o *server.Options) { o.Username, o.Password = "caddy", "the-cluster-password" })
	behind := new(app)
	upstream := httptest.NewServer(behind)
	defer upstream.Close()
	url := strings.Replace(s.ClientURL(), "nats://", "nats://caddy:{env.NATS_PASSWORD}@", 1)
	t.Setenv("NATS_PASSWORD", "the-cluster-password")
	config := site(url, strings.TrimPrefix(upstream.URL, "http://"))
	srv := webhooktest.Start(t, config)
	send := func(body string) int {
		t.Helper()
		return srv.Post("/hook", body, webhooktest.GitHub("test-secret", "push", body)...).Status
	}
	if got := send(`{"n":1}`); got != 202 {
		t.Fatalf("while the app is down: status %d", got)
	}
	srv.Reload(config + "# changed\n")
	behind.set(true)
	reached(t, "it is delivered", func() bool { return len(behind.got()) == 1 })
	if got := send(`{"n":1}`); got != 202 {
		t.Errorf("its copy: status %d", got)
	}
	if got := send(`{"n":2}`); got != 200 {
		t.Errorf("while the app is up: status %d", got)
	}
	if got := behind.got(); len(got) != 2 || got[0] != `{"n":1}` || got[1] != `{"n":2}` {
		t.Errorf("the app has got %q", got)
	}
	if strings.Contains(srv.Log.String(), "the-cluster-password") {
		t.Error("the log holds the password")
	}
	warnings := srv.Log.Find(func(e webhooktest.Entry) bool {
		return e["level"] == "warn" && strings.Contains(e.Text("msg"), "sync_interval: always")
	})
	var warned []string
	for _, e := range warnings {
		warned = append(warned, e.Text("streams"))
	}
	for _, streams := range []string{"[CADDY CADDY_DEAD CADDY_STATE]", "[CADDY_REPLAY]"} {
		if !slices.Contains(warned, streams) {
			t.Errorf("of one server's streams %s the log does not warn: %q", streams, warned)
		}
	}
}

// The example is what it says, but for the number of servers and the ports.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../examples/cluster/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("JELP_TOKEN", "the-token-of-jelp")
	if err := webhooktest.Validate(t, string(text)); err != nil {
		t.Fatal(err)
	}
	behind := &app{up: true}
	upstream := httptest.NewServer(behind)
	defer upstream.Close()
	servers := "nats://localhost:4222 nats://localhost:4223 nats://localhost:4224"
	one := strings.NewReplacer(servers, serve(t).ClientURL()+" {\n replicas 1\n}", "localhost:8081", strings.TrimPrefix(upstream.URL, "http://"),
		"http://localhost:{$PORT:8080}", "http://:0", "admin localhost:{$ADMIN:2019}", "").Replace(string(text))
	srv := webhooktest.Start(t, one)
	for body, want := range map[string]int{`{"queueName":"a"}`: 200, `{"queueName":"b"}`: 200} {
		for range 2 { // the second one is a duplicate
			if got := srv.Post("/jelp", body, "Authorization: Bearer the-token-of-jelp").Status; got != want {
				t.Errorf("%s: status %d, want %d", body, got, want)
			}
		}
	}
	if got := srv.Post("/jelp", "{}", "Authorization: Bearer wrong").Status; got != 401 {
		t.Errorf("a wrong token: status %d", got)
	}
	if got := behind.got(); len(got) != 2 {
		t.Errorf("the app has got %q", got)
	}
}

// The example for Kubernetes is what a pod runs: it is ready when it serves.
func TestKubernetesExample(t *testing.T) {
	text, err := os.ReadFile("../examples/kubernetes/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for _, name := range []string{"github_secret", "stripe_secret"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte("the-"+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	upstream := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, strings.NewReplacer("nats://nats:4222", serve(t).ClientURL()+" {\n replicas 1\n}", "/run/secrets/webhooks", secrets,
		"app:3000", upstream.Addr(), "\n:8080", "\nhttp://:0", "\n:9180", "\nhttp://:"+webhooktest.FreePort(t)).Replace(string(text)))
	answer, err := http.Get("http://" + srv.AddrOf("srv1") + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != 200 {
		t.Errorf("the probe gets %s, %v", answer.Status, err)
	}
	body := `{"ref":"refs/heads/main"}`
	if got := srv.Post("/github", body, webhooktest.GitHub("the-github_secret", "push", body)...).Status; got != 200 {
		t.Errorf("status %d", got)
	}
	upstream.Only()
	if got := srv.Post("/github", body+" ", webhooktest.GitHub("the-github_secret", "push", body)...).Status; got != 401 {
		t.Errorf("tampered: status %d", got)
	}
}

// Mistakes are found while a configuration is loaded.
func TestStoreMistakes(t *testing.T) {
	for option, want := range map[string]string{
		"store nats://localhost {\n replicas 2\n}":        "replicas is 1, 3 or 5, not 2, at Caddyfile:4",
		"store nats://localhost {\n replica 3\n}":         "unrecognized option replica in store; it can be name,",
		"store http://localhost":                          "begins with nats:// or tls://",
		"store nats://localhost {\n name a.b\n}":          "is not the name of a stream",
		"store nats://localhost {\n client cert.pem\n}":   "client takes 2 argument(s)",
		"store nats://localhost {\n max_size big\n}":      "is not a size; write something like 10GiB",
		"store nats://localhost {\n max_age -1d\n}":       "is not a duration; write something like 30d",
		"store nats://{env.WEBHOOK_UNSET_HOST}":           "WEBHOOK_UNSET_HOST",
		"replay nats":                                     "write the URL of a server",
		"replay nats nats://a {\n max_entries few\n}":     "is not a number above 0",
		"replay nats nats://a {\n max_size 1GiB\n}":       "unrecognized option max_size of the store nats",
		"replay nats nats://user:the-password@localhost:": "",
	} {
		err := webhooktest.Validate(t, "{\n webhooks {\n "+option+"\n }\n}\nhttp://:0 {\n respond ok\n}\n")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", option, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v; want %q", option, err, want)
		}
	}
}

// A cluster that is not there, or not fit, is an error when the store is opened,
// without what is secret in it.
func TestClusterIsRefused(t *testing.T) {
	small := serve(t, func(o *server.Options) { o.MaxPayload = 1 << 20 })
	locked := serve(t, func(o *server.Options) { o.Username, o.Password = "caddy", "right" })
	for name, test := range map[string]struct {
		url      string
		replicas int
		want     string
	}{
		"no server":      {"nats://user:the-password@127.0.0.1:1", 1, "connecting to nats://127.0.0.1:1"},
		"wrong password": {strings.Replace(locked.ClientURL(), "//", "//caddy:the-password@", 1), 1, "Authorization Violation"},
		"small messages": {small.ClientURL(), 1, "max_payload: 2MB"},
		"one server":     {serve(t).ClientURL(), 3, "3 replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := nats.Cluster{URLs: []string{test.url}}
			_, err := nats.Open(nats.Options{Cluster: cluster, Name: "TEST", Replicas: test.replicas}, deliver.Observer{})
			errs := map[string]error{"deliver": err}
			if name != "small messages" {
				_, errs["replay"] = nats.OpenReplay(nats.ReplayOptions{Cluster: cluster, Name: "TEST", Replicas: test.replicas, MaxEntries: 1})
			}
			for kind, err := range errs {
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "the-password") {
					t.Errorf("%s: %v; want %q", kind, err, test.want)
				}
			}
		})
	}
}

// While the servers are away nothing is acknowledged; what was before is there
// when they are back.
func TestClusterIsAway(t *testing.T) {
	folder, port := t.TempDir(), server.RANDOM_PORT
	same := func(o *server.Options) { o.StoreDir, o.Port = folder, port }
	s := serve(t, same)
	port = s.Addr().(*net.TCPAddr).Port
	store, err := nats.Open(options(s), deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	add := func(id string, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return store.Append(ctx, &deliver.Record{ID: id, Provider: "github"}, []deliver.Target{{Destination: "app"}})
	}
	if err := add("1", time.Minute); err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	if err := add("2", 300*time.Millisecond); err == nil {
		t.Error("it is acknowledged, and nobody has it")
	}
	serve(t, same)
	reached(t, "the servers take webhooks again", func() bool { return add("3", 5*time.Second) == nil })
	found, err := store.List(t.Context(), deliver.Filter{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range found {
		ids = append(ids, found[i].ID)
	}
	if !slices.Contains(ids, "1") || !slices.Contains(ids, "3") {
		t.Errorf("there are %v", ids)
	}
}

// More than may be kept is refused, and so is more than a message can hold.
func TestClusterIsFull(t *testing.T) {
	o := options(serve(t))
	o.MaxSize = 100 << 10
	store, err := nats.Open(o, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	add := func(size int) error {
		body := make([]byte, size)
		_, _ = rand.Read(body) // it cannot be compressed
		return store.Append(t.Context(), &deliver.Record{ID: "1", Provider: "github", Body: body}, []deliver.Target{{Destination: "app"}})
	}
	for n := 0; ; n++ {
		if err := add(20 << 10); err != nil {
			if !errors.Is(err, deliver.ErrFull) || n < 3 {
				t.Errorf("after %d: %v", n, err)
			}
			break
		}
	}
	if err := add(3 << 20); err == nil {
		t.Error("what is larger than a message is acknowledged")
	}
}
