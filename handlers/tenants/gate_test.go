package tenants

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// newGate returns a gate for Shopify, and the directory of its tenants.
func newGate(t *testing.T) (*Gate, string) {
	t.Helper()
	root := t.TempDir()
	set, source := newSet(t, root, &File{Path: root}, make(map[tenant.Result]int))
	must(t, source.start())
	spec, _ := verify.Builtin("shopify")
	config := verify.Config{Provider: "shopify", Tenant: &verify.Tenant{ID: "{http.request.uri.path.1}"}}
	nobody, err := config.Nobody(spec)
	must(t, err)
	verifier, err := verify.New(spec, &nobody)
	must(t, err)
	started.Add(set)
	t.Cleanup(func() { started.Remove(set) })
	return NewGate(source, spec, "shopify", nobody, verifier, nil), root
}

func write(t *testing.T, root, id, document string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(root, id+".json"), []byte(document), 0o600))
}

func TestGate(t *testing.T) {
	gate, root := newGate(t)
	write(t, root, "acme", string(tenanttest.Document("acme", "x")))
	write(t, root, "closed", `{"disabled": true}`)
	write(t, root, "other", `{"credentials": {"github": {"secrets": ["s"]}}}`)
	write(t, root, "broken", `{`)
	write(t, root, "public", `{"credentials": {"shopify": {"public_keys": ["AAAA"]}}}`)
	acme, err := gate.Find(t.Context(), "acme")
	if err != nil || acme.Refusal != nil || acme.Tenant.ID != "acme" || acme.Verifier == gate.common.Load().nobody {
		t.Fatalf("acme: %+v, %v", acme, err)
	}
	if again, err := gate.Find(t.Context(), "acme"); err != nil || again.Verifier != acme.Verifier {
		t.Errorf("acme is compiled anew: %v", err)
	}
	for id, detail := range map[string]string{"closed": "disabled", "other": "no credentials", "nobody": "no tenant", "../acme": "1 to 128"} {
		visitor, err := gate.Find(t.Context(), id)
		if err != nil || visitor.Tenant != nil || visitor.Verifier != gate.common.Load().nobody || visitor.Refusal == nil ||
			visitor.Refusal.Reason != verify.UnknownTenant || !strings.Contains(visitor.Refusal.Detail, detail) {
			t.Errorf("%s: %+v, %v", id, visitor, err)
		}
	}
	for _, id := range []string{"broken", "public"} {
		_, err := gate.Find(t.Context(), id)
		if refusal, ok := errors.AsType[*verify.Error](err); !ok || refusal.Reason != verify.NoTenants {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestTally(t *testing.T) {
	counts := newTally(3)
	at := time.Unix(1_700_000_000, 0)
	for i, id := range []string{"a", "b", "b", "c", "c", "c"} {
		counts.verified("shops", id, "shopify", at.Add(time.Duration(i)*time.Second))
	}
	counts.refused("shops", "a", "shopify", "bad_signature")
	for order, want := range map[string]string{"noisiest": "c a b", "refused": "a", "silent": "a b c"} {
		var got []string
		for _, a := range counts.top(order, 10) {
			got = append(got, a.Tenant)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q; want %s", order, got, want)
		}
	}
	for i := range 1000 {
		counts.refused("shops", fmt.Sprint(i), "shopify", "stale")
	}
	if n := len(counts.top("noisiest", 10)); n != 3 {
		t.Errorf("%d tenants are kept", n)
	}
}

// ask sends a request to the admin API.
func ask(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	admin := &Admin{logger: zap.NewNop()}
	mux := http.NewServeMux()
	for _, route := range admin.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				failure, ok := errors.AsType[caddy.APIError](err)
				if !ok {
					t.Fatalf("%s %s: %v", method, path, err)
				}
				http.Error(w, failure.Err.Error(), failure.HTTPStatus)
			}
		})
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestAdmin(t *testing.T) {
	_, root := newGate(t)
	good := string(tenanttest.Document("acme", "x"))
	write(t, root, "broken", `{"secret": "`+tenanttest.Secret+`"}`)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string // in the answer
	}{
		{"GET", "/webhooks/tenants", "", 200, `"name":"shops","module":"webhooks.tenants.file","writable":true,"listable":true`},
		{"GET", "/webhooks/tenants/none", "", 404, "no source"},
		{"PUT", "/webhooks/tenants/shops/acme", good, 204, ""},
		{"GET", "/webhooks/tenants/shops/acme", "", 200, `"credentials":{"shopify":{"secrets":1}},"vars":{"upstream":"x"}`},
		{"PUT", "/webhooks/tenants/shops/acme", `{"secret": "` + tenanttest.Secret + `"}`, 400, "unknown"},
		{"PUT", "/webhooks/tenants/shops/globex", good, 400, "another tenant"},
		{"PUT", "/webhooks/tenants/shops/globex", `{}`, 400, "no endpoint"},
		{"PUT", "/webhooks/tenants/shops/globex?force=true", `{}`, 204, ""},
		{"GET", "/webhooks/tenants/shops/globex", "", 200, "no endpoint"},
		{"PUT", "/webhooks/tenants/shops/.x", `{}`, 400, "1 to 128"},
		{"PUT", "/webhooks/tenants/shops/a%2Fb", `{}`, 400, "1 to 128"},
		{"PUT", "/webhooks/tenants/shops/huge", strings.Repeat(" ", 2<<20), 413, ""},
		{"GET", "/webhooks/tenants/shops/broken", "", 422, "unknown"},
		{"GET", "/webhooks/tenants/shops/nobody", "", 404, "no tenant"},
		{"GET", "/webhooks/tenants/shops", "", 200, `["acme","broken","globex"]`},
		{"GET", "/webhooks/tenants/shops?after=acme&limit=1", "", 200, `["broken"]`},
		{"GET", "/webhooks/tenants/shops?after=zz", "", 200, `[]`},
		{"GET", "/webhooks/tenants/shops?limit=0", "", 400, "limit"},
		{"POST", "/webhooks/tenants/shops", "", 405, "not allowed"},
		{"DELETE", "/webhooks/tenants/shops/globex", "", 204, ""},
		{"DELETE", "/webhooks/tenants/shops/globex", "", 404, "no tenant"},
		{"GET", "/webhooks/tenants-top?order=refused", "", 200, ""},
		{"GET", "/webhooks/tenants-top?order=x", "", 400, "noisiest"},
	} {
		status, answer := ask(t, test.method, test.path, test.body)
		if status != test.status || !strings.Contains(answer, test.want) {
			t.Errorf("%s %s: %d %s; want %d %s", test.method, test.path, status, answer, test.status, test.want)
		}
		if strings.Contains(answer, tenanttest.Secret) {
			t.Errorf("%s %s: the answer shows a secret", test.method, test.path)
		}
	}
}

// What tenants have in common may change: then each is verified by what is new, and so
// is nobody.
func TestGateRenew(t *testing.T) {
	gate, root := newGate(t)
	write(t, root, "acme", string(tenanttest.Document("acme", "x")))
	before, err := gate.Find(t.Context(), "acme")
	must(t, err)
	nobody := gate.common.Load().nobody
	use, err := gate.Renew(gate.common.Load().config)
	must(t, err)
	if same, err := gate.Find(t.Context(), "acme"); err != nil || same.Verifier != before.Verifier {
		t.Errorf("it counts before it is used: %v", err)
	}
	use()
	after, err := gate.Find(t.Context(), "acme")
	if err != nil || after.Verifier == before.Verifier || gate.common.Load().nobody == nobody {
		t.Errorf("what was in use before is in use: %v", err)
	}
}
