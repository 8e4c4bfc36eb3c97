package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// What people write wrongly is refused with what to write instead.
func TestMistakes(t *testing.T) {
	hook := func(first string, lines ...string) string {
		return "http://:0 {\n" + first + " {\n" + strings.Join(lines, "\n") + "\n}\n}"
	}
	const github = "handle_webhook /hook github {env.WEBHOOK_SECRET}"
	on := func(line string) string { return hook(github, line+" {", "respond 204", "}", "otherwise pass") }
	rewriteBy := func(line string) string {
		return hook(github, "otherwise {", "webhook_rewrite {", line, "}", "respond 204", "}")
	}
	for _, test := range []struct{ name, config, want string }{
		{"another provider as a secret", hook("handle_webhook /hook github stripe {env.WEBHOOK_SECRET}", "otherwise pass"), "secret 1 is the name of the provider stripe, so anybody can guess it; an endpoint has one provider: write a block for each, at Caddyfile:2"},
		{"a provider of one letter as a secret", hook("handle_webhook /hook github x {env.WEBHOOK_SECRET}", "otherwise pass"), "x is the name of a provider, and stands where a secret does; an endpoint has one provider: write a block for each, at Caddyfile:2"},
		{"the name of a variable", hook("handle_webhook /hook github $GITHUB_SECRET", "otherwise pass"), "secret 1 is the name of a variable or of a secret elsewhere, not its value: nothing replaces it here; write {env.NAME} or {file./path}"},
		{"a matcher after the provider", hook("handle_webhook github /hook {env.WEBHOOK_SECRET}", "otherwise pass"), "/hook is a matcher, and stands where a secret does; the order is matcher, provider, secrets: write handle_webhook /hook github <secret>"},
		{"a subdirective on the line", hook("handle_webhook /hook github token {env.WEBHOOK_SECRET}", "otherwise pass"), "token stands where a secret does, so it would be one; write it in the block of handle_webhook"},
		{"the word secret on the line", hook("handle_webhook /hook github secret {env.WEBHOOK_SECRET}", "otherwise pass"), "secrets on this line come without the word secret, which stands in the block"},
		{"if", on("on push if `body.ref == \"refs/heads/main\"`"), "if is no event; a rule comes after the word when: on <event...> when <expr>"},
		{"when in capitals", on("on push WHEN `body.a == 1`"), "WHEN is no event; a rule comes after the word when: on <event...> when <expr>"},
		{"a rule without when", on("on push `body.ref == \"refs/heads/main\"`"), `"body.ref == \"refs/heads/main\"" is a rule, not an event; write the word when before it`},
		{"a bare rule without when", on("on push body.ref == main"), `"body.ref" is a rule, not an event; write the word when before it`},
		{"a matcher", on("on @main"), "@main is no event, and a matcher cannot stand here; write it before a directive inside the block"},
		{"commas", on("on push, pull_request"), "push, is no event; several are written with spaces, without commas"},
		{"and", on("on push && pull_request"), "&& is no event; a rule comes after the word when"},
		{"a matcher with when", hook("webhook_auth /hook github {env.WEBHOOK_SECRET}", "") + "\nhttp://:0 {\n@m webhook_event push when body.a\nrespond @m 204\n}", "webhook_event: when is no event; a rule comes after the word when: on <event...> when <expr> (a matcher has webhook_expr <expr> for it"},
		{"a matcher with a rule", "http://:0 {\n@m webhook_event `body.a == 1`\nrespond @m 204\n}", "webhook_event: \"body.a == 1\" is a rule, not an event"},
		{"a directive in the block", hook(github, "webhook_proxy localhost:3000"), "unrecognized subdirective webhook_proxy; directives for webhooks stand in a block: put it into on <event...> { … }, or into otherwise { … }, at Caddyfile:3"},
		{"Caddy's directive in the block", hook(github, "reverse_proxy localhost:3000"), "unrecognized subdirective reverse_proxy; directives for webhooks stand in a block: put it into on <event...> { … }, or into otherwise { … }, at Caddyfile:3"},
		{"a directive in webhook_auth", hook("webhook_auth github {env.WEBHOOK_SECRET}", "reverse_proxy localhost:3000"), "unrecognized subdirective reverse_proxy; webhook_auth only verifies: write the directive after it, in the site, at Caddyfile:3"},
		{"a directive of the site", hook(github, "log"), "unrecognized subdirective log; it is a directive of the site: write it there, at Caddyfile:3"},
		{"an event without on", hook(github, "release {", "respond 204", "}", "otherwise pass"), "unrecognized subdirective release; an event is written with on: on release { … }, at Caddyfile:3"},
		{"a missing brace", "http://:0 {\n" + github + " {\non push {\nrespond 204\notherwise {\nrespond 204\n}\n}\n}\n}", "otherwise stands inside the block of the on in line 3; a closing brace } is missing before it, at Caddyfile:5"},
		{"a missing brace of a directive", "http://:0 {\n" + github + " {\non push {\nreverse_proxy a:1 {\nlb_retries 1\n}\non ping {\nrespond 204\n}\notherwise {\nrespond 204\n}\n}\n}\n}", "on stands inside the block of the on in line 3; a closing brace } is missing before it, at Caddyfile:7"},
		{"a path without slash", hook("handle_webhook hooks/github github {env.WEBHOOK_SECRET}", "otherwise pass"), "unknown provider hooks/github; a path begins with /: write handle_webhook /hooks/github, at Caddyfile:2"},
		{"the secret before the provider", hook("handle_webhook /hook {env.WEBHOOK_SECRET} github", "otherwise pass"), "stands before the provider github; the order is matcher, provider, secrets: write handle_webhook [<matcher>] github <secret>, at Caddyfile:2"},
		{"a literal secret before the provider", hook("handle_webhook /hook hush-hush github", "otherwise pass"), "stands before the provider github; the order is matcher, provider, secrets"},
		{"no provider", hook("handle_webhook /hook {env.WEBHOOK_SECRET}", "otherwise pass"), "a secret stands where the name of a provider has to; the order is matcher, provider, secrets"},
		{"words in the Caddyfile's quotes alone", rewriteBy("header X-Team \"payments team\""), "X-Team: text is written in quotes inside backticks, as in `\"payments team\"`"},
		{"a URI without quotes", rewriteBy("uri /x"), "uri: text is written in quotes inside backticks, as in `\"/x\"`; without them: unexpected token Operator(\"/\")"},
		{"a header without quotes", rewriteBy("header X-Team payments"), "X-Team: text is written in quotes inside backticks, as in `\"payments\"`; without them: unknown name payments"},
		{"a rule in double quotes", on(`on push when "body.ref == "refs/heads/main""`), "when: put the rule in backticks instead of quotes, as in `body.ref == \"refs/heads/main\"`; in quotes: "},
		{"a rule in single quotes", on(`on push when 'body.ref == "refs/heads/main"'`), "when: put the rule in backticks instead of quotes, as in `body.ref == \"refs/heads/main\"`; in quotes: "},
		{"an upstream as a name", hook(github, "otherwise {", "webhook_deliver localhost:3000", "}"), `"localhost:3000" cannot be a name; upstreams stand in the block: to app localhost:3000`},
		{"a URL as a name", hook(github, "otherwise {", "webhook_deliver {", "to http://localhost:3000", "}", "}"), `to app http://localhost:3000`},
		{"a path in an upstream", hook(github, "otherwise {", "webhook_proxy localhost:3000/hooks", "}"), "the upstream localhost:3000/hooks has a path; write webhook_proxy localhost:3000, and the path by rewrite /hooks, or by uri of webhook_rewrite"},
		{"a path in an upstream's URL", hook(github, "otherwise {", "webhook_proxy {", "to https://app.example.com/in/hooks", "}", "}"), "has a path; write webhook_proxy https://app.example.com, and the path by rewrite /in/hooks"},
		{"a key in the wrong form", hook("handle_webhook /hook clerk {env.WEBHOOK_SECRET}", "otherwise pass"), "secret 1 must begin with whsec_, and hold a key in base64 after it"},
		{"a key that is not hexadecimal", hook("handle_webhook /hook adyen {env.WEBHOOK_SECRET}", "otherwise pass"), "secret 1 must be the hexadecimal digits of a key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("WEBHOOK_SECRET", "test-secret")
			err := webhooktest.Validate(t, test.config)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v\nwant %q in it", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// What only looks like a mistake is allowed.
func TestNoMistakes(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", "test-secret")
	t.Setenv("WEBHOOK_DOLLAR", "$ecret-of-some-length")
	t.Setenv("WEBHOOK_VERSIONED", "v1,whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	for name, config := range map[string]string{
		"an event with a strange name":       "handle_webhook github {env.WEBHOOK_SECRET} {\n on \"when\" \"if\" \"@x\" \"a,b\" {\n respond 204\n }\n otherwise pass\n }",
		"a value that begins with a dollar":  "webhook_auth github {env.WEBHOOK_DOLLAR}",
		"base64 that begins with a slash":    "webhook_auth github /Ab+c9==",
		"a literal with a dollar in it":      "webhook_auth github pa$word",
		"days":                               "webhook_auth github {env.WEBHOOK_SECRET} {\n replay 7d\n expect_every 1d\n }",
		"a clock window of days":             "webhook_auth stripe {env.WEBHOOK_SECRET} {\n tolerance 1d12h\n }",
		"a key as Supabase shows it":         "webhook_auth supabase {env.WEBHOOK_VERSIONED}",
		"a key with the version's name":      "webhook_auth standard-webhooks {env.WEBHOOK_VERSIONED}",
		"a webhook inside an on":             "handle_webhook github {env.WEBHOOK_SECRET} {\n on push {\n handle_webhook github {env.WEBHOOK_SECRET} {\n on push {\n respond 204\n }\n otherwise pass\n }\n }\n otherwise pass\n }",
		"upstreams without a path":           "handle_webhook github {env.WEBHOOK_SECRET} {\n otherwise {\n webhook_proxy a.example:80 b:1 unix//run/app.sock {\n health_uri /up/ready\n }\n }\n }",
		"a text that is quoted as it should": "handle_webhook github {env.WEBHOOK_SECRET} {\n otherwise {\n webhook_rewrite {\n uri `\"/x\"`\n header X-Team `\"payments\"`\n }\n respond 204\n }\n }",
	} {
		t.Run(name, func(t *testing.T) {
			if err := webhooktest.Validate(t, "http://:0 {\n"+config+"\n}"); err != nil {
				t.Error(err)
			}
		})
	}
}

// written are credentials as people write them who think that they are replaced.
var written = []string{
	"$GITHUB_SECRET", "${GITHUB_SECRET}", "$env.GITHUB_SECRET", "$(cat secret)", "%GITHUB_SECRET%", "{$GITHUB_SECRET", "{env.GITHUB_SECRET",
	"env.GITHUB_SECRET", "env.GITHUB_SECRET}", "file./run/secrets/github", "text-${GITHUB_SECRET}", "process.env.GITHUB_SECRET",
	"op://vault/github/secret", "vault:secret/github", "Bearer $TOKEN", "GITHUB_SECRET", "JELP_API_KEY", "stripe", "Stripe", "acme",
}

// Whatever kind of credential it is, and wherever it stands, in a Caddyfile or in
// JSON, what is a reference or a provider's name does not load.
func TestCredentialsThatAreNone(t *testing.T) {
	for kind, place := range map[string]struct {
		line string
		edit func(value string) webhooktest.Edit // of the same in JSON
	}{
		"a secret on the line": {"webhook_auth github %s", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "secrets", []string{v})
		}},
		"secret": {"webhook_auth github {\n secret good %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "secrets", []string{"good", v})
		}},
		"token": {"webhook_auth gitlab {\n token %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "tokens", []string{v})
		}},
		"token_header": {"webhook_auth shippify {\n token_header X-Token %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "token_headers", []any{map[string]any{"name": "X-Token", "values": []string{v}}})
		}},
		"basic": {"webhook_auth shippify {\n basic user %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "basic", []any{map[string]any{"username": "user", "password": v}})
		}},
		"jwt key": {"webhook_auth shippify {\n jwt {\n key %s\n algorithms HS256\n audience a\n }\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "jwt", map[string]any{"keys": []string{v}, "algorithms": []string{"HS256"}, "audience": "a"})
		}},
		"issued key": {"webhook_auth instaleap {\n issued {\n key %s\n }\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_auth", "issued", map[string]any{"keys": []string{v}})
		}},
		"client": {"webhook_token instaleap {\n client id %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_token", "clients", []any{map[string]any{"id": "id", "secret": v}})
		}},
		"token key": {"webhook_token instaleap {\n client id 0123456789abcdef\n key %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_token", "keys", []string{v})
		}},
		"webhook_sign": {"webhook_sign {\n secret %s\n }", func(v string) webhooktest.Edit {
			return webhooktest.Set("webhook_sign", "secrets", []string{v})
		}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Setenv("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
			site := func(value string) string {
				return "{\n webhooks {\n provider acme hmac {\n content {body}\n signature header.X-S\n }\n }\n}\nhttp://:0 {\n" +
					strings.ReplaceAll(place.line, "%s", value) + "\n}"
			}
			for _, value := range written {
				own := value == "acme" && (kind == "client" || kind == "token key" || kind == "webhook_sign")
				own = own || strings.HasPrefix(value, "{$") // a Caddyfile cannot say it
				if err := webhooktest.Validate(t, site(`"`+value+`"`)); !own && (err == nil || !strings.Contains(err.Error(), "is the name of")) {
					t.Errorf("%s loads, or is refused for something else: %v", value, err)
				}
				own = value == "acme" && kind == "webhook_sign" // it knows no providers
				err := webhooktest.Validate(t, site("{env.WEBHOOK_SECRET}"), place.edit(value))
				if !own && (err == nil || !strings.Contains(err.Error(), "is the name of")) {
					t.Errorf("%s loads in JSON, or is refused for something else: %v", value, err)
				}
			}
		})
	}
}

// No event that a provider documents is taken for a mistake.
func TestEventsAreNoMistakes(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		var quoted, bare strings.Builder
		for _, event := range spec.Events {
			quoted.WriteString(" \"" + event + "\"")
			if !strings.ContainsAny(event, " \t\"") {
				bare.WriteString(" " + event)
			}
		}
		for _, events := range []string{quoted.String(), bare.String()} {
			if events == "" {
				continue
			}
			config := "http://:0 {\n handle_webhook " + name + " {\n unverified\n on" + events + " {\n respond 204\n }\n otherwise pass\n }\n}"
			if _, err := webhooktest.Adapt(config); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// White space around what a variable or a file holds is left out, and told of, for
// every kind of credential.
func TestCredentialsAreTrimmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("  test-secret \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEBHOOK_SPACED", "test-secret\n")
	for name, from := range map[string]string{"a variable": "{env.WEBHOOK_SPACED}", "a file": "{file." + path + "}"} {
		for kind, line := range map[string]string{
			"secret": "secret " + from, "token": "token " + from, "token_header": "token_header X-Token " + from, "basic": "basic user " + from,
		} {
			t.Run(kind+" from "+name, func(t *testing.T) {
				provider := "instaleap"
				srv := webhooktest.Start(t, site("webhook_auth "+provider+" {\n"+line+"\n }\n respond 204"))
				body, signature := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
				got := srv.Post("/hook", body, map[string]string{
					"secret": signature, "token": "Authorization: Bearer test-secret", "token_header": "X-Token: test-secret",
					"basic": "Authorization: Basic dXNlcjp0ZXN0LXNlY3JldA==",
				}[kind])
				checkStatus(t, got, 204)
				srv.Log.Wait(t, webhooktest.Message("a credential has white space around it, which is left out"))
			})
		}
	}
}
