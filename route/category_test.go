package route_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Every name in a category is one that the provider documents, and a category
// that is told by a name has events.
func TestCategoriesHaveDocumentedEvents(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, category := range spec.Categories {
			for _, pattern := range category.Events {
				if !slices.ContainsFunc(spec.Events, route.Patterns{pattern}.Match) {
					t.Errorf("%s counts %s among %s, and does not document it", name, pattern, category.Name)
				}
			}
		}
	}
}

func TestCategories(t *testing.T) {
	tests := []struct {
		provider, body, rule string
		want                 []string
	}{
		{"instaleap", `{"type":"PICKING_STARTED"}`, `category == "steps"`, []string{"steps", "consolidation"}},
		{"instaleap", `{"type":"PICKING"}`, `categories == ["tasks"]`, []string{"tasks"}},
		{"instaleap", `{"type":"ITEMS_UPDATED"}`, `"picking" in categories`, []string{"picking"}},
		{"instaleap", `{"type":"CANCELLED"}`, `category == "job"`, []string{"job"}},
		{"instaleap", `{"type":"NEW_ONE"}`, `category == "" && len(categories) == 0`, nil},
		{"detrack", `{"type":"Collection","status":"failed"}`, `category == "collection" && event == "failed"`, []string{"collection"}},
		{"detrack", `{"type":"Delivery"}`, `categories == ["delivery"]`, []string{"delivery"}},
		{"detrack", `{"type":["Delivery"]}`, `category == ""`, nil},
		{"detrack", `no JSON`, `category == ""`, nil},
		{"jelp", `{"orderStep":"PENDING","movements":[]}`, `category == "snapshots"`, []string{"snapshots"}},
		{"jelp", `{"queueName":"tracking"}`, `category == "updates"`, []string{"updates"}},
		{"shippify", `{"status":"completed"}`, `category == ""`, nil},
	}
	for _, test := range tests {
		e, err := arrival{provider: test.provider, body: test.body}.event()
		if err != nil {
			t.Fatal(err)
		}
		rule, err := route.CompileRule(test.rule)
		if err != nil {
			t.Fatal(err)
		}
		if matched, err := rule.Match(e); err != nil || !matched {
			t.Errorf("%s %s: %s is %t, %v", test.provider, test.body, test.rule, matched, err)
		}
		if got := e.Categories(); !slices.Equal(got, test.want) {
			t.Errorf("%s %s is in %q; want %q", test.provider, test.body, got, test.want)
		}
		if e.InCategory(nil) || e.InCategory([]string{"", "other"}) || test.want != nil && !e.InCategory(test.want[len(test.want)-1:]) {
			t.Errorf("%s %s: InCategory does not say the same", test.provider, test.body)
		}
		// Its categories stay when it is rewritten, or written down.
		snapshot := e.Snapshot()
		if got := snapshot.Event(nil, []byte(`{}`)).Categories(); !slices.Equal(got, test.want) {
			t.Errorf("stored, %s is in %q; want %q", test.body, got, test.want)
		}
		rewritten, err := arrival{provider: test.provider, body: test.body}.event()
		if err != nil {
			t.Fatal(err)
		}
		rewritten.SetBody([]byte(`{"type":"Other"}`), "application/json")
		if got := rewritten.Categories(); !slices.Equal(got, test.want) {
			t.Errorf("rewritten, %s is in %q; want %q", test.body, got, test.want)
		}
	}
}

// Where only signed values may be read, a category that an unsigned one decides
// is not told.
func TestCategoriesOfWhatIsNotSigned(t *testing.T) {
	spec := verify.Spec{
		Name: "acme", Scheme: "hmac", Signature: &verify.Signature{From: []string{"header.X-Signature"}},
		Content: verify.Content{{Text: "{body.id}&{body.type}"}}, Event: []string{"body.type"},
		Categories: []verify.Category{{Name: "dear", When: "body.total > 100"}, {Name: "paid", Events: []string{"order.paid"}}},
	}
	provider, err := verify.Compile(&spec)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := route.NewIdentity(provider)
	if err != nil {
		t.Fatal(err)
	}
	for required, want := range map[bool][]string{false: {"dear", "paid"}, true: {"paid"}} {
		r := &verify.Request{
			URL: new(url.URL), Header: http.Header{},
			Body: payload.New([]byte(`{"id":"1","type":"order.paid","total":101}`), "application/json", ""),
		}
		e, err := route.NewEvent(provider, identity, r, &verify.Result{Event: "order.paid", Signed: verify.SignedFields})
		if err != nil {
			t.Fatal(err)
		}
		e.RequireSigned = required
		if got := e.Categories(); !slices.Equal(got, want) {
			t.Errorf("required %t: %q; want %q", required, got, want)
		}
	}
}
