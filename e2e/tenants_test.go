package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

// shopify is the signature of a body as Shopify writes it.
func shopify(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "X-Shopify-Hmac-Sha256: " + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// shops is a site whose endpoint the tenants of a source share.
func shops(source, more string) string {
	return `{
	metrics
	webhooks {
		tenants shops ` + source + `
	}
}
` + site(`metrics /metrics
	handle_webhook /t/*/shopify shopify {
		tenant {path.1} from shops
		inspect
		`+more+`
		on when vars("upstream") != "" {
			webhook_proxy {http.webhook.tenant.upstream} {
				header_up X-Tenant {http.webhook.tenant}
				header_up X-Plan {http.webhook.tenant.plan}
			}
		}
		on when tenant == "quiet" {
			respond "quiet {http.webhook.tenant}" 200
		}
		otherwise {
			respond 204
		}
	}
`)
}

// tenantFile writes the file of a tenant as programs do.
func tenantFile(t *testing.T, root, id, document string) {
	t.Helper()
	name := filepath.Join(root, id+".json")
	if err := os.WriteFile(name+".new", []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func shop(secret, upstream string) string {
	return fmt.Sprintf(`{"credentials":{"shopify":{"secrets":[%q]}},"vars":{"upstream":%q,"plan":"gold"}}`, secret, upstream)
}

// toTenant sends a webhook to a tenant.
func toTenant(srv *webhooktest.Server, id, secret string, more ...string) webhooktest.Response {
	return srv.Post("/t/"+id+"/shopify", `{"id":1}`, append(more, shopify(secret, `{"id":1}`), "X-Shopify-Topic: orders/create", "X-Tell: 1")...)
}

// Each tenant's webhooks are verified by its own secret and go to its own app, and a
// tenant comes, changes and goes while Caddy runs.
func TestTenants(t *testing.T) {
	acmeApp, globexApp, newApp := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	root := t.TempDir()
	tenantFile(t, root, "acme", shop("secret-of-acme", acmeApp.Addr()))
	tenantFile(t, root, "globex", shop("secret-of-globex", globexApp.Addr()))
	tenantFile(t, root, "quiet", `{"credentials":{"shopify":{"secrets":["secret-of-quiet"]}}}`)
	tenantFile(t, root, "closed", `{"disabled":true,"credentials":{"shopify":{"secrets":["secret-of-closed"]}}}`)
	srv := webhooktest.Start(t, shops("file "+root, ""))

	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 200)
	checkStatus(t, toTenant(srv, "globex", "secret-of-globex"), 200)
	checkAnswer(t, toTenant(srv, "quiet", "secret-of-quiet"), 200, "quiet quiet")
	if got := acmeApp.Only(); got.Header.Get("X-Tenant") != "acme" || got.Header.Get("X-Plan") != "gold" {
		t.Errorf("acme's app gets %v", got.Header)
	}
	if got := globexApp.Only(); got.Header.Get("X-Tenant") != "globex" {
		t.Errorf("globex' app gets %v", got.Header)
	}
	srv.Log.Wait(t, func(e webhooktest.Entry) bool { return e["webhook_tenant"] == "acme" && e["webhook_key"] == "secret 1" })

	// A secret opens no other door.
	for id, reason := range map[string]string{
		"globex": "bad_signature", "closed": "unknown_tenant", "nobody": "unknown_tenant", "ACME": "unknown_tenant",
	} {
		got := toTenant(srv, id, "secret-of-acme")
		checkReason(t, got, 401, reason)
	}
	checkReason(t, toTenant(srv, "closed", "secret-of-closed"), 401, "unknown_tenant")
	acmeApp.None()
	globexApp.None()

	// A fourth comes, and a secret is replaced.
	tenantFile(t, root, "initech", shop("secret-of-initech", newApp.Addr()))
	eventually(t, "a new tenant is known", func() bool { return toTenant(srv, "initech", "secret-of-initech").Status == 200 })
	tenantFile(t, root, "acme", shop("new-secret-of-acme", acmeApp.Addr()))
	eventually(t, "a new secret is known", func() bool { return toTenant(srv, "acme", "new-secret-of-acme").Status == 200 })
	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 401)

	// What cannot be read leaves the tenant as it was; one that is gone has ended.
	tenantFile(t, root, "globex", `{"credentials":`)
	eventually(t, "a broken file is told of", func() bool {
		checkStatus(t, toTenant(srv, "globex", "secret-of-globex"), 200)
		return len(srv.Log.Find(func(e webhooktest.Entry) bool {
			return e["msg"] == "a tenant cannot be read" && e["tenant"] == "globex" && e["stays_as_it_was"] == true
		})) == 1
	})
	if err := os.Remove(filepath.Join(root, "globex.json")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a tenant ends", func() bool { return toTenant(srv, "globex", "secret-of-globex").Status == 401 })

	metrics := srv.Do(srv.NewRequest("GET", "/metrics", nil)).Body
	for _, id := range []string{"acme", "globex", "initech"} {
		if strings.Contains(metrics, id) {
			t.Errorf("%s is in the metrics", id)
		}
	}
	if !strings.Contains(metrics, `caddy_webhook_tenant_lookups_total{result="found",source="shops"}`) {
		t.Error("look-ups are not counted")
	}
}

// What no tenant can be called is refused as an unknown one is, whatever it would be as
// a path, and with the same answer.
func TestHostileTenants(t *testing.T) {
	app := webhooktest.NewUpstream(t)
	root := t.TempDir()
	tenantFile(t, root, "acme", shop("secret-of-acme", app.Addr()))
	if err := os.Mkdir(filepath.Join(root, "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	tenantFile(t, filepath.Join(root, "inner"), "acme", shop("secret-of-acme", app.Addr()))
	srv := webhooktest.Start(t, strings.Replace(shops("file "+root, ""), "{path.1}", "{header.X-Shop}", 1))
	send := func(id string) webhooktest.Response {
		return srv.Post("/t/x/shopify", `{"id":1}`, shopify("secret-of-acme", `{"id":1}`), "X-Shop: "+id, "X-Tell: 1")
	}
	checkStatus(t, send("acme"), 200)
	unknown := send("nobody")
	for _, id := range tenanttest.HostileIDs() {
		if strings.ContainsAny(id, "\x00\n\r") || strings.TrimSpace(id) != id {
			continue // no header has these
		}
		got := send(id)
		checkReason(t, got, 401, "unknown_tenant")
		if got.Body != unknown.Body || len(got.Header) != len(unknown.Header) {
			t.Errorf("%.40q: the answer differs: %v", id, got)
		}
	}
	for _, id := range []string{"inner/acme", "inner%2Facme", "./acme", "acme.json", "acme.json\x00", "..", "Acme"} {
		if strings.ContainsRune(id, 0) {
			continue
		}
		checkReason(t, send(id), 401, "unknown_tenant")
	}
	app.Only()
}

// A web service that fails leaves tenants as they were; who is not known yet may come
// again. It is told of once.
func TestTenantsUnavailable(t *testing.T) {
	app := webhooktest.NewUpstream(t)
	var down atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer token-of-caddy":
			http.Error(w, "who?", http.StatusUnauthorized)
		case down.Load():
			http.Error(w, "down", http.StatusInternalServerError)
		case r.URL.Path == "/v1/acme" || r.URL.Path == "/v1/late":
			_, _ = io.WriteString(w, shop("secret-of-"+strings.TrimPrefix(r.URL.Path, "/v1/"), app.Addr()))
		default:
			http.NotFound(w, r)
		}
	}))
	defer service.Close()
	t.Setenv("TENANTS_TOKEN", "token-of-caddy")
	srv := webhooktest.Start(t, shops("http "+service.URL+`/v1 {
			header Authorization "Bearer {env.TENANTS_TOKEN}"
			ttl 1ms
		}`, ""))
	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 200)
	checkReason(t, toTenant(srv, "nobody", "secret-of-acme"), 401, "unknown_tenant")
	down.Store(true)
	for range 3 {
		checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 200)
	}
	checkStatus(t, toTenant(srv, "acme", "wrong"), 401)
	got := toTenant(srv, "late", "secret-of-late")
	checkReason(t, got, 503, "tenants_unavailable")
	if got.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	down.Store(false)
	eventually(t, "the service is asked again", func() bool { return toTenant(srv, "late", "secret-of-late").Status == 200 })
	told := srv.Log.Find(func(e webhooktest.Entry) bool {
		return strings.HasPrefix(e.Text("msg"), "tenants cannot be looked up")
	})
	if len(told) != 1 {
		t.Errorf("told %d times: %v", len(told), told)
	}
	srv.Log.Wait(t, webhooktest.Message("tenants can be looked up again"))
}

// What is remembered of one tenant's deliveries says nothing of another's.
func TestReplayByTenant(t *testing.T) {
	app := webhooktest.NewUpstream(t)
	root := t.TempDir()
	for _, id := range []string{"acme", "globex"} {
		tenantFile(t, root, id, shop("the-same-secret", app.Addr()))
	}
	srv := webhooktest.Start(t, shops("file "+root, "replay 1h"))
	for range 2 {
		checkStatus(t, toTenant(srv, "acme", "the-same-secret"), 200)
	}
	if n := len(app.Requests()); n != 1 {
		t.Fatalf("the app got %d requests", n)
	}
	checkStatus(t, toTenant(srv, "globex", "the-same-secret"), 200)
	if n := len(app.Requests()); n != 2 {
		t.Errorf("the app got %d requests", n)
	}
}

// A token is good for the tenant that is its client, and for no other.
func TestIssuedByTenant(t *testing.T) {
	app := webhooktest.NewUpstream(t)
	root := t.TempDir()
	for _, id := range []string{"acme", "globex"} {
		tenantFile(t, root, id, fmt.Sprintf(`{"vars":{"upstream":%q}}`, app.Addr()))
	}
	srv := webhooktest.Start(t, strings.Replace(strings.Replace(shops("file "+root, "issued"), "shopify shopify", "shopify instaleap-chat", 1),
		"handle_webhook", `webhook_token /token {
		client acme client-secret-of-acme
		client globex client-secret-of-globex
	}
	handle_webhook`, 1))
	answer := srv.Post("/token", `{"client_id":"acme","client_secret":"client-secret-of-acme"}`, "Content-Type: application/json")
	checkStatus(t, answer, 200)
	token := strings.Split(answer.Body, `"`)[3]
	send := func(id string) webhooktest.Response {
		return srv.Post("/t/"+id+"/shopify", `{}`, "Authorization: Bearer "+token, "X-Tell: 1", "Content-Type: application/json")
	}
	checkStatus(t, send("acme"), 200)
	checkReason(t, send("globex"), 401, "bad_token")
	checkReason(t, send("nobody"), 401, "unknown_tenant")
	app.Only()
}
