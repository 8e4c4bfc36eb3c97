package tenant_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as programs do that mind others who read it.
func replace(t testing.TB, name string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(name+".new", content, 0o600))
	must(t, os.Rename(name+".new", name))
}

func TestDirectory(t *testing.T) {
	tenanttest.Run(t, func(t testing.TB) *tenanttest.Fixture {
		path := filepath.Join(t.TempDir(), "tenants")
		must(t, os.Mkdir(path, 0o700))
		file := func(id string) string { return filepath.Join(path, id+".json") }
		return &tenanttest.Fixture{
			Source: tenant.NewDirectory(path),
			Set:    func(id string, document []byte) { replace(t, file(id), document) },
			Remove: func(id string) { must(t, os.Remove(file(id))) },
			Break:  func() { must(t, os.Rename(path, path+"-gone")) },
			Mend:   func() { must(t, os.Rename(path+"-gone", path)) },
		}
	})
}

// many is a fixture of tenants that stand in one file.
type many struct {
	mu      sync.Mutex
	tenants map[string][]byte
}

func (m *many) change(change func(map[string][]byte)) map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m.tenants)
	return maps.Clone(m.tenants)
}

func manyFixture(t testing.TB, name string, write func(map[string][]byte) []byte) *tenanttest.Fixture {
	path := filepath.Join(t.TempDir(), name)
	m := &many{tenants: make(map[string][]byte)}
	must(t, os.WriteFile(path, write(m.tenants), 0o600))
	source, err := tenant.OpenFile(path)
	must(t, err)
	t.Cleanup(func() { _ = source.Close() })
	apply := func(change func(map[string][]byte)) {
		replace(t, path, write(m.change(change)))
		if _, err := source.Refresh(); err != nil {
			t.Logf("Refresh: %v", err)
		}
	}
	return &tenanttest.Fixture{
		Source: source,
		Whole:  true,
		Set:    func(id string, document []byte) { apply(func(all map[string][]byte) { all[id] = document }) },
		Remove: func(id string) { apply(func(all map[string][]byte) { delete(all, id) }) },
	}
}

func TestLines(t *testing.T) {
	tenanttest.Run(t, func(t testing.TB) *tenanttest.Fixture {
		return manyFixture(t, "tenants.jsonl", func(tenants map[string][]byte) (text []byte) {
			for _, id := range slices.Sorted(maps.Keys(tenants)) {
				text = append(append(text, tenants[id]...), '\n')
			}
			return text
		})
	})
}

func TestObject(t *testing.T) {
	tenanttest.Run(t, func(t testing.TB) *tenanttest.Fixture {
		return manyFixture(t, "tenants.json", func(tenants map[string][]byte) []byte {
			raw := make(map[string]json.RawMessage)
			for id, document := range tenants {
				raw[id] = document
			}
			text, err := json.Marshal(raw)
			must(t, err)
			return text
		})
	})
}

// storage is one in memory.
type storage struct {
	mu     sync.Mutex
	values map[string][]byte
	fails  bool
}

var errDown = errors.New("the storage is down")

func (s *storage) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return nil, errDown
	}
	value, ok := s.values[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return value, nil
}

func (s *storage) Store(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	return nil
}

func (s *storage) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (s *storage) List(_ context.Context, prefix string, _ bool) (keys []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.values {
		if strings.HasPrefix(key, prefix+"/") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (s *storage) set(fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func storageFixture(t testing.TB) *tenanttest.Fixture {
	values := &storage{values: make(map[string][]byte)}
	ctx := context.Background()
	key := func(id string) string { return "webhooks/tenants/" + id + ".json" }
	return &tenanttest.Fixture{
		Source: tenant.NewStorage(values, "/webhooks/tenants/"),
		Set:    func(id string, document []byte) { must(t, values.Store(ctx, key(id), document)) },
		Remove: func(id string) { must(t, values.Delete(ctx, key(id))) },
		Break:  func() { values.set(true) },
		Mend:   func() { values.set(false) },
	}
}

func TestStorage(t *testing.T) { tenanttest.Run(t, storageFixture) }

func TestRemote(t *testing.T) {
	tenanttest.Run(t, func(t testing.TB) *tenanttest.Fixture {
		values := &storage{values: make(map[string][]byte)}
		ctx := context.Background()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("%s came without its token", r.URL)
			}
			document, err := values.Load(r.Context(), r.URL.Path)
			switch {
			case errors.Is(err, errDown):
				http.Error(w, "down", http.StatusInternalServerError)
			case err != nil:
				http.NotFound(w, r)
			default:
				_, _ = w.Write(document)
			}
		}))
		t.Cleanup(server.Close)
		source, err := tenant.NewRemote(server.URL+"/tenants/", func(r *http.Request) error {
			r.Header.Set("Authorization", "Bearer t0ken")
			return nil
		})
		must(t, err)
		t.Cleanup(func() { _ = source.Close() })
		key := func(id string) string { return "/tenants/" + id }
		return &tenanttest.Fixture{
			Source: source,
			Set:    func(id string, document []byte) { must(t, values.Store(ctx, key(id), document)) },
			Remove: func(id string) { must(t, values.Delete(ctx, key(id))) },
			Break:  func() { values.set(true) },
			Mend:   func() { values.set(false) },
		}
	})
}
