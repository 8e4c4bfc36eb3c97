package tenant_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

// Whatever a service answers but 404 and 410 says nothing of a tenant.
func TestRemoteAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/") {
		case "gone":
			w.WriteHeader(http.StatusGone)
		case "redirected":
			http.Redirect(w, r, elsewhere.URL+"/redirected", http.StatusFound)
		case "forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "empty":
			w.WriteHeader(http.StatusNoContent)
		case "late":
			w.WriteHeader(http.StatusTooManyRequests)
		case "huge":
			_, _ = w.Write([]byte(`{"vars":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`))
		case "short":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{}"))
		}
	}))
	defer server.Close()
	source, err := tenant.NewRemote(server.URL, nil)
	must(t, err)
	for id, unknown := range map[string]bool{
		"gone": true, "redirected": false, "forbidden": false, "empty": false, "late": false, "huge": false, "short": false,
	} {
		if got, err := source.Tenant(context.Background(), id); got != nil || err == nil || errors.Is(err, tenant.ErrUnknown) != unknown {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
}

// An error names neither the id nor the URL.
func TestRemoteFailure(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	source, err := tenant.NewRemote(server.URL, nil)
	must(t, err)
	server.Close()
	_, err = source.Tenant(context.Background(), "nobody")
	if err == nil || strings.Contains(err.Error(), "nobody") {
		t.Errorf("%v", err)
	}
	secretive, err := tenant.NewRemote(server.URL, func(*http.Request) error { return errors.New("no token") })
	must(t, err)
	if _, err = secretive.Tenant(context.Background(), "nobody"); err == nil || err.Error() != "no token" {
		t.Errorf("%v", err)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(tenanttest.Document("acme", "x"))
	f.Add([]byte(`{"id":"acme","credentials":{"a":{"basic":[{"username":"u","password":"p"}]}}}`))
	f.Add([]byte(`{"\u017fecrets":1}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		got, err := tenant.Parse("acme", document)
		if err != nil {
			if _, ok := errors.AsType[*tenant.DocumentError](err); !ok {
				t.Fatalf("%v is no DocumentError", err)
			}
			return
		}
		if got.ID != "acme" {
			t.Fatalf("the id is %q", got.ID)
		}
		for _, credentials := range got.Credentials {
			for _, secret := range append(credentials.Secrets, credentials.Tokens...) {
				if strings.TrimSpace(secret) == "" {
					t.Fatal("a secret that anybody can guess")
				}
			}
		}
	})
}

// FuzzID holds that an id that passes separates nothing in a path, a key or a URL.
func FuzzID(f *testing.F) {
	f.Add("acme")
	f.Add(strings.Repeat("Z", 128))
	for _, id := range tenanttest.HostileIDs() {
		f.Add(id)
		if tenant.CheckID(id) == nil {
			f.Errorf("CheckID(%.40q): no error", id)
		}
	}
	f.Fuzz(func(t *testing.T, id string) {
		if tenant.CheckID(id) != nil {
			return
		}
		if id == "" || len(id) > 128 || id[0] == '.' || strings.ContainsAny(id, "/\\:%?#\x00 \r\n{}*") || strings.ToValidUTF8(id, "") != id {
			t.Fatalf("CheckID(%q): no error", id)
		}
		for i := range len(id) {
			if id[i] >= 0x80 {
				t.Fatalf("CheckID(%q): no error", id)
			}
		}
	})
}
