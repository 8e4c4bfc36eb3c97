package webhooktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	// plug in Caddy's standard modules and this one
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-webhooks/caddy-webhooks"
)

// Server is a running Caddy.
type Server struct {
	// Log is everything that Caddy logs, from adapting the configuration on.
	Log *Log

	t       testing.TB
	storage string // the folder of Caddy's storage; it stays when a configuration is reloaded
	mu      sync.Mutex
	servers map[string]*caddyhttp.Server
	addrs   map[string]string // listener addresses by the names of Caddy's servers
}

// Edit changes a configuration in its JSON form before it is loaded, to set
// what a Caddyfile cannot say.
type Edit func(config map[string]any)

// Set returns an Edit that sets a field of all handlers of a name:
//
//	webhooktest.Set("webhook_auth", "read_body", "50ms")
func Set(handler, field string, value any) Edit {
	return func(config map[string]any) {
		eachObject(config, func(object map[string]any) {
			if object["handler"] == handler {
				object[field] = value
			}
		})
	}
}

// eachObject calls f with every object in a JSON value.
func eachObject(value any, f func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		f(v)
		for _, child := range v {
			eachObject(child, f)
		}
	case []any:
		for _, child := range v {
			eachObject(child, f)
		}
	}
}

// Start runs a Caddyfile until the test ends. Its sites listen on port 0 of the
// loopback interface, as http://:0 (any host) or http://127.0.0.1:0.
func Start(t testing.TB, caddyfile string, edits ...Edit) *Server {
	t.Helper()
	s := &Server{t: t, storage: t.TempDir(), Log: CaptureLog(t)}
	config, err := adapt(caddyfile)
	if err != nil {
		t.Fatalf("adapting the Caddyfile: %v", err)
	}
	s.load(config, edits)
	return s
}

// StartJSON runs a configuration in Caddy's own format.
func StartJSON(t testing.TB, config string, edits ...Edit) *Server {
	t.Helper()
	s := &Server{t: t, storage: t.TempDir(), Log: CaptureLog(t)}
	s.load([]byte(config), edits)
	return s
}

// Reload replaces the running configuration, on the same ports.
func (s *Server) Reload(caddyfile string, edits ...Edit) {
	s.t.Helper()
	config, err := adapt(caddyfile)
	if err != nil {
		s.t.Fatalf("adapting the Caddyfile: %v", err)
	}
	s.load(config, edits)
}

// Stop ends Caddy early, so that everything it had to log is logged.
func (s *Server) Stop() {
	s.t.Helper()
	if err := caddy.Stop(); err != nil {
		s.t.Errorf("stopping Caddy: %v", err)
	}
}

// Addr returns the address of the first server.
func (s *Server) Addr() string { return s.AddrOf("srv0") }

// AddrOf returns the address of the server that the Caddyfile adapter has
// named so: srv0, srv1 and so on, one for each port.
func (s *Server) AddrOf(name string) string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.addrs[name]
	if !ok {
		s.t.Fatalf("there is no server %s", name)
	}
	return addr
}

// URL returns the URL of a path on the first server.
func (s *Server) URL(path string) string { return "http://" + s.Addr() + path }

func (s *Server) load(config []byte, edits []Edit) {
	s.t.Helper()
	s.mu.Lock()
	addrs := s.addrs
	s.mu.Unlock()
	edited, err := prepare(config, s.Log, s.storage, addrs, edits)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Log.knowSecrets(edited)
	before := s.servers
	if err := caddy.Load(edited, true); err != nil {
		s.t.Fatalf("loading the configuration: %v", err)
	}
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		s.t.Fatal(err)
	}
	s.servers = app.(*caddyhttp.App).Servers
	s.awaitClosed(before)
	addrs = make(map[string]string)
	for name, server := range s.servers {
		for _, listener := range server.Listeners() {
			addrs[name] = listener.Addr().String()
		}
	}
	s.mu.Lock()
	s.addrs = addrs
	s.mu.Unlock()
}

// awaitClosed waits until servers of the configuration before accept nothing any more.
// Caddy's load returns when their shutdown has been asked for, on a goroutine of
// its own; until that runs, both configurations accept on one port.
func (s *Server) awaitClosed(before map[string]*caddyhttp.Server) {
	s.t.Helper()
	open := make(map[string]int)
	for _, server := range s.servers {
		for _, address := range s.addresses(server) {
			open[address.String()]++
		}
	}
	for _, server := range before {
		for _, address := range s.addresses(server) {
			Within(s.t, patience, fmt.Sprintf("the configuration before listens on %s no more", address), func() bool {
				return caddy.ListenerUsage(address.Network, address.JoinHostPort(0)) <= open[address.String()]
			})
		}
	}
}

// addresses returns what a server listens on.
func (s *Server) addresses(server *caddyhttp.Server) []caddy.NetworkAddress {
	s.t.Helper()
	addresses := make([]caddy.NetworkAddress, len(server.Listen))
	for i, listen := range server.Listen {
		var err error
		if addresses[i], err = caddy.ParseNetworkAddress(listen); err != nil {
			s.t.Fatal(err)
		}
	}
	return addresses
}

// Adapt turns a Caddyfile into indented JSON. Names in errors are those that
// Caddy gives a file without a name.
func Adapt(caddyfile string) (string, error) {
	config, err := adapt(caddyfile)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, config, "", "\t"); err != nil {
		return "", err
	}
	return out.String(), nil
}

// Validate adapts and provisions a Caddyfile, as the command caddy validate
// does, and returns what is wrong with it.
func Validate(t testing.TB, caddyfile string, edits ...Edit) error {
	t.Helper()
	edited, err := readied(t, caddyfile, edits)
	if err != nil {
		return err
	}
	parsed := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(edited, parsed); err != nil {
		return err
	}
	return caddy.Validate(parsed)
}

// Load runs a Caddyfile until the test ends, or returns what is wrong with it.
func Load(t testing.TB, caddyfile string, edits ...Edit) error {
	t.Helper()
	edited, err := readied(t, caddyfile, edits)
	if err != nil {
		return err
	}
	return caddy.Load(edited, true)
}

// readied adapts a Caddyfile and makes it fit for a test.
func readied(t testing.TB, caddyfile string, edits []Edit) ([]byte, error) {
	t.Helper()
	log := CaptureLog(t)
	config, err := adapt(caddyfile)
	if err != nil {
		return nil, err
	}
	edited, err := prepare(config, log, t.TempDir(), nil, edits)
	if err != nil {
		return nil, err
	}
	log.knowSecrets(edited)
	return edited, nil
}

func adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// prepare makes a configuration fit for a test: it touches nothing outside
// storage and is not saved, unless an Edit says otherwise, logs to log, and
// listens on addrs or else on free ports.
func prepare(config []byte, log *Log, storage string, addrs map[string]string, edits []Edit) ([]byte, error) {
	var root map[string]any
	decoder := json.NewDecoder(bytes.NewReader(config))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return nil, err
	}
	for _, edit := range edits {
		edit(root)
	}
	admin := object(root, "admin")
	if admin["listen"] == nil {
		admin["disabled"] = true
	}
	if saved := object(admin, "config"); saved["persist"] == nil {
		saved["persist"] = false
	}
	if root["storage"] == nil {
		root["storage"] = map[string]any{"module": "file_system", "root": storage}
	}
	standard := object(object(object(root, "logging"), "logs"), "default")
	standard["writer"] = map[string]any{"output": writerName, "id": log.id}
	if standard["encoder"] == nil {
		standard["encoder"] = map[string]any{"format": "json"}
	}
	if standard["level"] == nil {
		standard["level"] = "DEBUG"
	}
	apps := object(root, "apps")
	object(apps, "tls")["disable_storage_clean"] = true
	if apps["http"] != nil {
		prepareHTTP(object(apps, "http"), addrs)
	}
	return json.Marshal(root)
}

// prepareHTTP bounds how long stopping can take, and sets the addresses.
func prepareHTTP(app map[string]any, addrs map[string]string) {
	if app["grace_period"] == nil {
		app["grace_period"] = "5s"
	}
	for name, server := range object(app, "servers") {
		listen, _ := server.(map[string]any)["listen"].([]any)
		for i, address := range listen {
			host, port, err := net.SplitHostPort(address.(string))
			switch {
			case err != nil:
			case port == "0" && addrs[name] != "":
				listen[i] = addrs[name]
			case host == "":
				listen[i] = net.JoinHostPort("127.0.0.1", port)
			}
		}
	}
}

// object returns the object under a key, which is made if it is absent.
func object(parent map[string]any, key string) map[string]any {
	child, ok := parent[key].(map[string]any)
	if !ok {
		child = make(map[string]any)
		parent[key] = child
	}
	return child
}

// FreePort returns a TCP port of the loopback interface that was free a moment
// ago, for addresses that have to be known before Caddy starts.
func FreePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// headers reads "Name: value" lines.
func headers(lines []string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimPrefix(value, " "))
	}
	return h
}
