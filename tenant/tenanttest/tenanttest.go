// Package tenanttest tests sources of package tenant. Whoever writes a source runs
// it in a test of his own:
//
//	func TestSource(t *testing.T) {
//		tenanttest.Run(t, newFixture)
//	}
package tenanttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// Fixture is a source to be tested, and what it is about. Each of its functions
// returns once the source sees the change.
type Fixture struct {
	// Source has no tenants in the beginning.
	Source tenant.Source

	// Set makes a tenant of a document, whether that is good JSON or not.
	Set func(id string, document []byte)

	// Remove ends a tenant.
	Remove func(id string)

	// Break makes the source unable to tell, and Mend able again. Nil where a source
	// cannot fail.
	Break, Mend func()

	// Whole says that a document that is no JSON cannot be set alone, because all
	// tenants stand in one that would be refused.
	Whole bool
}

// patience bounds how long a test waits for what never comes.
const patience = 15 * time.Second

// Secret is one that the documents of the tests hold. No error may show it.
const Secret = "hd8Kq2-never-shown-anywhere" //nolint:gosec // good for nothing

// Document returns the JSON of a tenant.
func Document(id, upstream string) []byte {
	document, err := json.Marshal(map[string]any{
		"id":          id,
		"credentials": map[string]any{"shopify": map[string]any{"secrets": []string{Secret + id}}},
		"vars":        map[string]string{"upstream": upstream},
	})
	if err != nil {
		panic(err) // text can always be written as JSON
	}
	return document
}

// HostileIDs are texts that no source may find a tenant by, or fail over.
func HostileIDs() []string {
	return []string{
		"", ".", "..", "...", ".acme", "../acme", "..%2facme", "acme/../acme", "a/acme", "/acme", "acme/", "./acme", "//", "\\",
		"..\\acme", "acme\\", "C:acme", "acme:stream", "acme\x00", "\x00acme", "acme\x00.json", "acme\n", "acme\r\nHost: x", " acme",
		"acme ", "\tacme", "acme?x=1", "acme#x", "acme%00", "%61cme", "acme;x", "acme*", "*", "?", "acm\u0435", "a\u0441me",
		"\uff41cme", "acme\u200b", "\u202eacme", "acme\u0301", "\u017fame", "\u212aelvin", "\xff\xfe", "acme\xc0\xaf", "{acme}",
		"{env.HOME}", "$HOME", "`id`", "acme'--", "acme\"", "<acme>", "a|b", strings.Repeat("a", 129), strings.Repeat("a", 4096),
		strings.Repeat("../", 1000), "ACME.json/..", "acme.json/.", "~/acme", "~root/x",
	}
}

// Run tests a source. Each test has a fixture of its own.
func Run(t *testing.T, fixture func(t testing.TB) *Fixture) {
	t.Helper()
	for name, test := range map[string]func(*trial){
		"a tenant is found":            found,
		"unknown":                      unknown,
		"added, changed and removed":   changed,
		"versions":                     versions,
		"hostile ids":                  hostile,
		"ids that are much alike":      alike,
		"long ids":                     long,
		"broken documents":             brokenDocuments,
		"another tenant's document":    otherTenant,
		"failure":                      failure,
		"a context that has ended":     ended,
		"many at a time while written": concurrent,
		"list":                         list,
		"written":                      written,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			test(&trial{T: t, Fixture: fixture(t), ctx: ctx})
		})
	}
}

// trial is one test with a source of its own.
type trial struct {
	*testing.T
	*Fixture
	ctx context.Context //nolint:containedctx // it is that of a single test
}

// want looks a tenant up that must be there.
func (t *trial) want(id, upstream string) *tenant.Tenant {
	t.Helper()
	got, err := t.Source.Tenant(t.ctx, id)
	if err != nil {
		t.Fatalf("Tenant(%q): %v", id, err)
	}
	credentials, ok := got.For("shopify", "shopify")
	if got.ID != id || got.Vars["upstream"] != upstream || !ok || credentials.Secrets[0] != Secret+id {
		t.Fatalf("Tenant(%q) is another one: %q with %q", id, got.ID, got.Vars)
	}
	return got
}

func (t *trial) wantUnknown(id string) {
	t.Helper()
	if got, err := t.Source.Tenant(t.ctx, id); got != nil || !errors.Is(err, tenant.ErrUnknown) {
		t.Fatalf("Tenant(%q): %v, %v; want ErrUnknown", id, got, err)
	}
}

// fails makes sure that an error tells nothing that is nobody's business.
func (t *trial) fails(id string) error {
	t.Helper()
	got, err := t.Source.Tenant(t.ctx, id)
	if got != nil || err == nil {
		t.Fatalf("Tenant(%q): %v, %v; want an error", id, got, err)
	}
	if strings.Contains(err.Error(), Secret) {
		t.Fatalf("Tenant(%q): the error shows a secret", id)
	}
	return err
}

func found(t *trial) {
	t.Set("acme", Document("acme", "10.0.0.1:80"))
	t.Set("globex", Document("globex", "10.0.0.2:80"))
	t.want("acme", "10.0.0.1:80")
	t.want("globex", "10.0.0.2:80")
}

func unknown(t *trial) {
	t.wantUnknown("nobody")
	t.Set("acme", Document("acme", "x"))
	for _, id := range []string{"nobody", "acm", "acme2", "acme.json", "acme~", "_acme", "-acme"} {
		t.wantUnknown(id)
	}
}

func changed(t *trial) {
	t.wantUnknown("acme")
	t.Set("acme", Document("acme", "one"))
	t.want("acme", "one")
	t.Set("acme", Document("acme", "two"))
	t.want("acme", "two")
	t.Remove("acme")
	t.wantUnknown("acme")
	t.Set("acme", Document("acme", "three"))
	t.want("acme", "three")
}

func versions(t *trial) {
	t.Set("acme", Document("acme", "one"))
	one := t.want("acme", "one").Version()
	if again := t.want("acme", "one").Version(); again != one {
		t.Fatal("an unchanged tenant has another version")
	}
	t.Set("acme", Document("acme", "two"))
	if two := t.want("acme", "two").Version(); two == one {
		t.Fatal("a changed tenant has the same version")
	}
}

func hostile(t *trial) {
	t.Set("acme", Document("acme", "x"))
	for _, id := range HostileIDs() {
		if err := t.fails(id); !errors.Is(err, tenant.ErrID) && !errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("Tenant(%.40q): %v; want ErrID or ErrUnknown", id, err)
		}
	}
}

// alike are ids that a careless system takes for one.
func alike(t *trial) {
	t.Set("Acme", Document("Acme", "upper"))
	t.wantUnknown("acme")
	t.wantUnknown("ACME")
	t.want("Acme", "upper")
	t.Set("globex.1", Document("globex.1", "one"))
	t.wantUnknown("globex")
	t.wantUnknown("globex.")
	t.wantUnknown("globex.1.json")
}

func long(t *trial) {
	id := strings.Repeat("a", 128)
	t.Set(id, Document(id, "x"))
	t.want(id, "x")
	t.wantUnknown(id[:127])
}

func brokenDocuments(t *trial) {
	for _, document := range []string{
		`{"id":"acme","credentials":{"shopify":{"secret":["` + Secret + `"]}}}`,
		`{"id":"acme","credentials":{"shopify":{"secrets":"` + Secret + `"}}}`,
		`{"id":"acme","credentials":{"shopify":{"Secrets":["` + Secret + `"]}}}`,
		`{"id":"acme","credentials":{"shopify":{"secrets":[""]}}}`,
		`{"id":"acme","credentials":{"shopify":{"secrets":["{env.SECRET}"]}}}`,
		`{"id":"acme","credentials":{"shopify":null}}`,
		`{"id":"acme","vars":{"a b":"x"}}`,
		`{"id":"acme","vars":{"a":"x\r\ny"}}`,
		`{"id":"acme","disabled":"no"}`,
	} {
		t.Set("acme", []byte(document))
		t.isBroken(document)
	}
	if t.Whole {
		return
	}
	for _, document := range []string{
		``, `{`, `[]`, `"acme"`, `null`, `{"id":"acme"} {}`,
		`{"id":"acme","id":"acme"}`, `{"id":"acme","credentials":{"shopify":{"secrets":["` + Secret + `"]`,
	} {
		t.Set("acme", []byte(document))
		t.isBroken(document)
	}
}

func (t *trial) isBroken(document string) {
	t.Helper()
	err := t.fails("acme")
	if _, ok := errors.AsType[*tenant.DocumentError](err); !ok {
		t.Errorf("%s: %v; want a DocumentError", document, err)
	}
}

func otherTenant(t *trial) {
	if t.Whole {
		t.Skip("an id is where it stands")
	}
	t.Set("acme", Document("globex", "x"))
	t.isBroken("the document of globex under acme")
}

func failure(t *trial) {
	if t.Break == nil {
		t.Skip("the source cannot fail")
	}
	t.Set("acme", Document("acme", "x"))
	t.Break()
	for _, id := range []string{"acme", "nobody"} {
		err := t.fails(id)
		if _, broken := errors.AsType[*tenant.DocumentError](err); broken || errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("Tenant(%q) while the source fails: %v; want another error", id, err)
		}
	}
	t.Mend()
	t.want("acme", "x")
}

func ended(t *trial) {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	t.Set("acme", Document("acme", "x"))
	if _, err := t.Source.Tenant(ctx, "acme"); errors.Is(err, tenant.ErrUnknown) {
		t.Error("a tenant is unknown because nobody waits for it")
	}
}

func concurrent(t *trial) {
	t.Set("acme", Document("acme", "0"))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := t.Source.Tenant(t.ctx, "acme")
				if err != nil || len(got.Vars) != 1 {
					t.Errorf("while it is written: %v", err)
					return
				}
			}
		})
	}
	for i := range 20 {
		t.Set("acme", Document("acme", fmt.Sprint(i)))
	}
	close(stop)
	readers.Wait()
	t.want("acme", "19")
}

func list(t *trial) {
	lister, ok := t.Source.(tenant.Lister)
	if !ok {
		t.Skip("the source cannot name its tenants")
	}
	for _, want := range [][]string{nil, {"b"}, {"a", "b"}} {
		if len(want) > 0 {
			t.Set(want[0], Document(want[0], "x"))
		}
		if got, err := lister.List(t.ctx); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("List: %q, %v; want %q", got, err, want)
		}
	}
}

func written(t *trial) {
	store, ok := t.Source.(tenant.Store)
	if !ok {
		t.Skip("the source cannot be written")
	}
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("%s: %v; want %v", what, err, want)
		}
	}
	check("Put", store.Put(t.ctx, "acme", Document("acme", "x")), nil)
	t.want("acme", "x")
	check("Put without an id", store.Put(t.ctx, "globex",
		[]byte(`{"credentials":{"shopify":{"secrets":["`+Secret+`globex"]}},"vars":{"upstream":"y"}}`)), nil)
	t.want("globex", "y")
	check("Put again", store.Put(t.ctx, "acme", Document("acme", "z")), nil)
	t.want("acme", "z")
	if err := store.Put(t.ctx, "acme", []byte(`{"secret":"`+Secret+`"}`)); err == nil || strings.Contains(err.Error(), Secret) {
		t.Errorf("Put of a broken document: %v", err)
	}
	t.want("acme", "z")
	check("Delete", store.Delete(t.ctx, "acme"), nil)
	t.wantUnknown("acme")
	check("Delete again", store.Delete(t.ctx, "acme"), tenant.ErrUnknown)
	for _, id := range HostileIDs() {
		check("Delete of a hostile id", store.Delete(t.ctx, id), tenant.ErrID)
		check("Put of a hostile id", store.Put(t.ctx, id, []byte(`{}`)), tenant.ErrID)
	}
	t.want("globex", "y")
}
