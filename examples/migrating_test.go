package examples_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// migrations are the configurations to which the guides in docs/migrating lead.
func migrations(t *testing.T) []example {
	t.Helper()
	push, tampered := stored(t, "github/requests/signed.http"), stored(t, "github/requests/tampered-body.http")
	secrets := map[string]string{
		"GITHUB_SECRET": "test-secret-github", "STRIPE_SECRET": "whsec_test", "SHOPIFY_SECRET": "test-secret-shopify",
		"HOOKDECK_SECRET": "test-secret-hookdeck", "SHOP_SECRET": "test-secret-shop",
		"SVIX_SECRET": "whsec_dGhlIGFwcCBrbm93cyBvbmUga2V5IG9ubHk=",
	}
	// The app is at the same site: what is not for a webhook's path goes to it, and
	// what it could take for the same path does not.
	gitHub := []step{
		{"push", push, 200, "POST /github push\n"},
		{"tampered", tampered, 401, ""},
		{"unsigned, with a slash", webhook{method: "POST", path: "/github/"}, 401, ""},
		{"the rest of the app", webhook{method: "GET", path: "/elsewhere"}, 200, "GET /elsewhere \n"},
	}
	both := append([]step{
		{"Stripe", stripe(t, "whsec_test", "invoice.paid", 4200), 200, "POST /stripe invoice.paid\n"},
	}, gitHub...)
	nowhere := step{"elsewhere", webhook{method: "POST", path: "/elsewhere"}, 404, ""}
	return []example{
		{"migrating/adnanh-webhook", secrets, []step{
			{"main", push.to("/hooks/deploy"), 200, "POST /hooks/deploy push\n"},
			{"other event", github(t, "test-secret-github", "issues").to("/hooks/deploy"), 204, ""},
			{"tampered", tampered.to("/hooks/deploy"), 401, ""},
			nowhere,
		}},
		{"migrating/express", secrets, both},
		{"migrating/flask", secrets, gitHub},
		{"migrating/nginx-njs", secrets, gitHub},
		{"migrating/ngrok", secrets, both},
		{"migrating/smee", secrets, []step{
			{"push", push.to("/"), 200, "POST /events push\n"},
			{"tampered", tampered.to("/"), 401, ""},
			nowhere,
		}},
		{"migrating/svix-ingest", secrets, []step{
			{"push", push, 200, "POST /github push\n"},
			{"tampered", tampered, 401, ""},
			nowhere,
		}},
		{"migrating/hookdeck", secrets, []step{
			{"push", push, 200, "POST /github push\n"},
			{"tampered", tampered, 401, ""},
			nowhere,
		}},
		{"migrating/convoy", secrets, []step{
			{"paid", shop(t, "test-secret-shop"), 200, "POST /billing order.paid\n"},
			{"tampered", shop(t, "test-secret-shop").but("7", "8"), 401, ""},
			nowhere,
		}},
	}
}

// shop returns a signed webhook of the provider in the example for Convoy.
func shop(t *testing.T, secret string) webhook {
	body := `{"id": "7", "type": "order.paid"}`
	code := hmac.New(sha512.New, []byte(secret))
	_, _ = code.Write([]byte(body))
	return webhook{t: t, method: "POST", path: "/ingest/shop", body: body}.
		with("X-Shop-Signature", hex.EncodeToString(code.Sum(nil)))
}

// TestMigrations makes sure that each guide has an example, and each example a
// guide that shows every file of it.
func TestMigrations(t *testing.T) {
	for _, e := range migrations(t) {
		guide := read(t, "../docs/"+e.name+".md")
		files, err := os.ReadDir(e.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := "examples/" + e.name + "/" + file.Name()
			if filepath.Ext(name) != ".hook" && !strings.Contains(guide, "<!-- "+name+" -->") {
				t.Errorf("docs/%s.md does not show %s", e.name, name)
			}
		}
	}
	guides, err := filepath.Glob("../docs/migrating/*.md")
	if err != nil || len(guides) != len(migrations(t))+1 { // and the index
		t.Errorf("%d pages in docs/migrating, and %d examples: %v", len(guides), len(migrations(t)), err)
	}
}
