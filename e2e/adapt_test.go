package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

var update = flag.Bool("update", false, "write what the adapter says into testdata/adapt")

// divider stands between a Caddyfile and what becomes of it.
const divider = "\n----------\n"

// golden is a file of testdata/adapt: a Caddyfile, and the JSON it adapts to or
// the error it is refused with.
type golden struct{ path, caddyfile, want string }

func goldens(t *testing.T) []golden {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "adapt", "*.caddyfiletest"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	files := make([]golden, 0, len(paths))
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		caddyfile, want, _ := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), divider)
		files = append(files, golden{path, strings.TrimSpace(caddyfile) + "\n", strings.TrimSpace(want)})
	}
	return files
}

func (g golden) name() string { return strings.TrimSuffix(filepath.Base(g.path), ".caddyfiletest") }

// bad reports whether the Caddyfile is expected to be refused.
func (g golden) bad() bool { return strings.HasPrefix(g.name(), "error_") }

func TestAdapt(t *testing.T) {
	webhooktest.CaptureLog(t)
	for _, file := range goldens(t) {
		t.Run(file.name(), func(t *testing.T) {
			got, err := webhooktest.Adapt(file.caddyfile)
			if file.bad() != (err != nil) {
				t.Fatalf("error is %v; want one: %t", err, file.bad())
			}
			if err != nil {
				got = err.Error()
			}
			if *update {
				content := strings.TrimSpace(file.caddyfile) + divider + got + "\n"
				if err := os.WriteFile(file.path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != file.want {
				t.Errorf("%s adapts to\n%s\nwant\n%s\n%s", file.path, got, file.want, firstDifference(got, file.want))
			}
		})
	}
}

// firstDifference says where two texts begin to differ.
func firstDifference(got, want string) string {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			return "the first difference is\n" + gotLines[i] + "\nwant\n" + wantLines[i]
		}
	}
	return "one has more lines than the other"
}

// What adapts must also load, from the JSON as well as from the Caddyfile:
// names of fields and modules in the JSON are then right.
func TestAdaptedConfigurationsLoad(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", "test-secret-of-a-client")
	t.Setenv("WEBHOOK_TOKEN", "test-token")
	t.Setenv("WEBHOOK_JWKS_URL", "https://auth.example.com/jwks.json")
	t.Setenv("WEBHOOK_AUDIENCE", "hooks")
	t.Setenv("WEBHOOK_PASSWORD", "test-password-of-a-client")
	t.Setenv("WEBHOOK_KEY", "0123456789abcdef0123456789abcdef")
	t.Setenv("WEBHOOK_OLD_KEY", "fedcba9876543210fedcba9876543210")
	t.Setenv("WEBHOOK_WHSEC", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	for _, file := range goldens(t) {
		if file.bad() {
			continue
		}
		t.Run(file.name(), func(t *testing.T) {
			if err := webhooktest.Validate(t, file.caddyfile); err != nil {
				t.Errorf("the Caddyfile does not load: %v", err)
			}
		})
	}
}

// A configuration in JSON does what its Caddyfile does.
func TestJSONServesLikeCaddyfile(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", "test-secret")
	config, err := webhooktest.Adapt(`http://:0 {
	log
	handle_webhook /hook github {env.WEBHOOK_SECRET} {
		on push when body.size > 1 {
			respond "pushed {http.webhook.body.size}" 202
		}
		otherwise {
			respond other 200
		}
	}
}`)
	if err != nil {
		t.Fatal(err)
	}
	srv := webhooktest.StartJSON(t, config)
	for body, want := range map[string]string{`{"size":2}`: "pushed 2", `{"size":1}`: "other"} {
		if got := srv.Post("/hook", body, webhooktest.GitHub("test-secret", "push", body)...); got.Body != want {
			t.Errorf("%s is answered with %d %q, want %q", body, got.Status, got.Body, want)
		}
	}
	if got := srv.Post("/hook", "{}"); got.Status != 401 {
		t.Errorf("without a signature the status is %d, want 401", got.Status)
	}
}

// Names that a provider does not document are warned of: catalogues grow.
func TestUnknownEventsAreWarnings(t *testing.T) {
	tests := []struct{ name, block, want, line string }{
		{
			"misspelt", "on CANCELED {\n respond 204\n }\n otherwise pass",
			"unknown event CANCELED for instaleap; did you mean CANCELLED?", "3",
		},
		{"far from any", "on something.else.entirely {\n respond 204\n }\n otherwise pass", "unknown event something.else.entirely for instaleap", "3"},
		{"a pattern that matches none", "on PICKIN_* {\n respond 204\n }\n otherwise pass", "unknown event PICKIN_* for instaleap", "3"},
		{"a fixed event", "event CANCELED\n otherwise pass", "unknown event CANCELED for instaleap; did you mean CANCELLED?", "2"},
		{"documented", "on CANCELLED PICKING_* * {\n respond 204\n }\n otherwise pass", "", ""},
		{"documented fixed event", "event CANCELLED\n otherwise pass", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := webhooktest.CaptureLog(t)
			if _, err := webhooktest.Adapt("http://:0 {\n handle_webhook instaleap secret {\n" + test.block + "\n }\n}"); err != nil {
				t.Fatal(err)
			}
			warnings := log.Find(func(e webhooktest.Entry) bool {
				return e["level"] == "warn" && strings.HasPrefix(e.Text("msg"), "unknown event")
			})
			switch {
			case test.want == "" && len(warnings) > 0:
				t.Errorf("warned: %v", warnings)
			case test.want == "":
			case len(warnings) != 1 || !strings.HasPrefix(warnings[0].Text("msg"), test.want):
				t.Errorf("warnings are %v, want %q", warnings, test.want)
			case warnings[0].Text("line") != test.line || warnings[0].Text("file") != "Caddyfile":
				t.Errorf("the warning is for %s:%s, want Caddyfile:%s",
					warnings[0].Text("file"), warnings[0].Text("line"), test.line)
			}
		})
	}
}

// Blocks that never get an event are allowed, but hardly meant.
func TestUnreachableBlocksAreWarnings(t *testing.T) {
	const answer = " {\n respond 204\n }\n"
	for _, test := range []struct{ name, block, want, line string }{
		{
			"same event", "on CREATED" + answer + "on CREATED" + answer + "otherwise pass",
			"this on gets no event: the one in line 3 takes all that it could", "6",
		},
		{
			"same event with a rule", "on CREATED" + answer + "on CREATED when body.a == 1" + answer + "otherwise pass",
			"this on gets no event: the one in line 3 takes all that it could", "6",
		},
		{
			"covered by a pattern", "on PICKING_*" + answer + "on PICKING_STARTED PICKING_FINISHED" + answer + "otherwise pass",
			"this on gets no event: the one in line 3 takes all that it could", "6",
		},
		{"all events", "on *" + answer + "otherwise" + answer, "otherwise gets no event: the on in line 3 takes all", "2"},
		{"a rule before", "on CREATED when body.a == 1" + answer + "on CREATED" + answer + "otherwise pass", "", ""},
		{"partly covered", "on CREATED" + answer + "on CREATED CANCELLED" + answer + "otherwise pass", "", ""},
		{"the pattern comes later", "on PICKING_STARTED" + answer + "on PICKING_*" + answer + "otherwise pass", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := webhooktest.CaptureLog(t)
			if _, err := webhooktest.Adapt("http://:0 {\n handle_webhook instaleap secret {\n" + test.block + "\n }\n}"); err != nil {
				t.Fatal(err)
			}
			warnings := log.Find(func(e webhooktest.Entry) bool { return strings.Contains(e.Text("msg"), "gets no event") })
			switch {
			case test.want == "" && len(warnings) > 0:
				t.Errorf("warned: %v", warnings)
			case test.want == "":
			case len(warnings) != 1 || warnings[0].Text("msg") != test.want || warnings[0].Text("line") != test.line:
				t.Errorf("warnings are %v, want %q for line %s", warnings, test.want, test.line)
			}
		})
	}
}

// Credentials are filled in when a configuration loads, and a load is refused
// where nothing would be checked.
func TestValidateRefusesCredentials(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	blank, filled := write("blank", "\n"), write("filled", "test-secret\n")
	t.Setenv("WEBHOOK_EMPTY", "")
	t.Setenv("WEBHOOK_BLANK", "  ")
	t.Setenv("WEBHOOK_SECRET", "test-secret")
	os.Unsetenv("WEBHOOK_UNSET")

	tests := []struct{ name, line, want string }{
		{"variable", "secret {env.WEBHOOK_SECRET}", ""},
		{"file", "secret {file." + filled + "}", ""},
		{"inside other text", "secret prefix-{env.WEBHOOK_SECRET}", ""},
		{"escaped brace", `secret \{literal}`, ""},
		{"unset variable", "secret {env.WEBHOOK_UNSET}", "secret 1 cannot be used"},
		{"empty variable", "secret good {env.WEBHOOK_EMPTY}", "secret 2 cannot be used"},
		{"blank variable", "secret {env.WEBHOOK_BLANK}", "secret 1 is empty"},
		{"missing file", "secret {file." + filepath.Join(dir, "none") + "}", "secret 1 cannot be used"},
		{"blank file", "secret {file." + blank + "}", "secret 1"},
		{"placeholder of a request", "secret {http.request.header.X-Secret}", "secret 1 cannot be used"},
		{"unknown placeholder", "secret {vault.key}", "secret 1 cannot be used"},
		{"empty text", `secret ""`, "secret 1 is empty"},
		{"blank text", `secret " "`, "secret 1 is empty"},
		{"unset token", "token {env.WEBHOOK_UNSET}", "token 1 cannot be used"},
		{"empty token", `token ""`, "token 1 is empty"},
		{"unset named token", "token_header X-Token {env.WEBHOOK_UNSET}", "token_header X-Token 1 cannot be used"},
		{"empty named token", `token_header X-Token ""`, "token_header X-Token has an empty value"},
		{"unset password", "basic user {env.WEBHOOK_UNSET}", "basic account 1"},
		{"empty password", `basic user ""`, "basic account 1 has an empty password"},
		{"empty user", `basic "" password`, "basic account 1 has no user name"},
		{"colon in a user", `basic a:b password`, "a user name cannot contain a colon"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := webhooktest.Validate(t, "http://:0 {\n webhook_auth instaleap {\n "+test.line+"\n }\n}")
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			case err != nil && strings.Contains(err.Error(), "test-secret"):
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// What only JSON can say wrongly is refused as well.
func TestValidateRefusesJSON(t *testing.T) {
	const site = "http://:0 {\n webhook_auth github secret\n webhook_rewrite {\n body body\n }\n}"
	tests := []struct {
		name string
		edit webhooktest.Edit
		want string
	}{
		{"unknown provider", webhooktest.Set("webhook_auth", "provider", "githib"), "unknown provider githib; did you mean github?"},
		{"no provider", webhooktest.Set("webhook_auth", "provider", ""), "unknown provider"},
		{"no credentials", webhooktest.Set("webhook_auth", "secrets", []string{}), "no credentials for github"},
		{"negative max_size", webhooktest.Set("webhook_auth", "max_size", -1), "max_size and read_body cannot be negative"},
		{"negative read_body", webhooktest.Set("webhook_auth", "read_body", "-1s"), "max_size and read_body cannot be negative"},
		{"bad tolerance", webhooktest.Set("webhook_auth", "tolerance", "soon"), `"soon" is not a duration`},
		{"bad content", webhooktest.Set("webhook_auth", "content", "{body"), "lacks its closing brace"},
		{"built-in provider redefined", defineProvider("github", map[string]any{"scheme": "none"}), "provider github is built in"},
		{"bad provider", defineProvider("acme", map[string]any{"scheme": "hmac"}), "provider acme: content is not set"},
		{
			"bad expression of a provider", defineProvider("acme", map[string]any{"scheme": "none", "event": []string{"=bdy"}}),
			"provider acme: event: unknown name bdy",
		},
		{"unknown field of a provider", defineProvider("acme", map[string]any{"schem": "none"}), "schem"},
		{"unknown field", webhooktest.Set("webhook_auth", "secert", "x"), "unknown field"},
		{"bad expression", webhooktest.Set("webhook_rewrite", "body", "body +"), "webhook_rewrite: body:"},
		{"nothing to rewrite", webhooktest.Set("webhook_rewrite", "body", ""), "nothing to rewrite"},
		{"header without a value", webhooktest.Set("webhook_rewrite", "headers", []any{map[string]any{"name": "X-A"}}), "header X-A: the expression is empty"},
		{"header without a name", webhooktest.Set("webhook_rewrite", "headers", []any{map[string]any{"value": "event"}}), "name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := webhooktest.Validate(t, site, test.edit)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
}

// defineProvider adds a provider to the webhooks app.
func defineProvider(name string, spec map[string]any) webhooktest.Edit {
	return func(config map[string]any) {
		apps := config["apps"].(map[string]any)
		apps["webhooks"] = map[string]any{"providers": map[string]any{name: spec}}
	}
}
