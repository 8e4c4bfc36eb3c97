package e2e_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// importHooks runs "caddy webhooks import" for a file with one content.
func importHooks(t *testing.T, name, content string) (output string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	root := &cobra.Command{Use: "webhooks", SilenceUsage: true, SilenceErrors: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(new(bytes.Buffer))
	root.SetArgs([]string{"import", file})
	err := root.Execute()
	return out.String(), exitCode(err)
}

// imported runs what is made of a hook with a rule, in front of an app.
func imported(t *testing.T, up *webhooktest.Upstream, rule string) *webhooktest.Server {
	t.Helper()
	output, code := importHooks(t, "hooks.json", `[{"id":"a","execute-command":"/bin/true","trigger-rule-mismatch-http-response-code":418,"trigger-rule":`+rule+`}]`)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, output)
	}
	return webhooktest.Start(t, strings.NewReplacer("127.0.0.1:9001", up.Addr(), ":9000", ":0").Replace(output))
}

// Each kind of rule lets through what it let through, and nothing else.
func TestImport(t *testing.T) {
	t.Setenv("HOOK_A_SECRET", "s3cret")
	t.Setenv("HOOK_A_SECRET_2", "another")
	t.Setenv("HOOK_A_TOKEN", "t0ken")
	const body = `{"ref":"main","n":7,"list":[{"x":"y"}],"a-b":"c"}`
	sha1Of := func(key string) string {
		mac := hmac.New(sha1.New, []byte(key))
		mac.Write([]byte(body))
		return hex.EncodeToString(mac.Sum(nil))
	}
	sha512Of := func(key string) string {
		mac := hmac.New(sha512.New, []byte(key))
		mac.Write([]byte(body))
		return hex.EncodeToString(mac.Sum(nil))
	}
	value := func(source, name, is string) string {
		return `{"match":{"type":"value","value":"` + is + `","parameter":{"source":"` + source + `","name":"` + name + `"}}}`
	}
	signed := func(kind, header, secret string) string {
		return `{"match":{"type":"` + kind + `","secret":"` + secret + `","parameter":{"source":"header","name":"` + header + `"}}}`
	}
	type request struct {
		target  string
		headers []string
		status  int // 200: the app gets it
	}
	for name, test := range map[string]struct {
		rule     string
		requests []request
	}{
		"sha256, as GitHub": {signed("payload-hash-sha256", "X-Hub-Signature-256", "s3cret"), []request{
			{"/hooks/a", []string{"X-Hub-Signature-256: sha256=" + webhooktest.HMAC("s3cret", body)}, 200},
			{"/hooks/a", []string{"X-Hub-Signature-256: sha256=" + webhooktest.HMAC("other", body)}, 401},
			{"/hooks/a", nil, 401},
		}},
		"sha1, with a prefix or without": {signed("payload-hmac-sha1", "X-Sig", "s3cret"), []request{
			{"/hooks/a", []string{"X-Sig: sha1=" + sha1Of("s3cret")}, 200},
			{"/hooks/a", []string{"X-Sig: " + sha1Of("s3cret")}, 200},
			{"/hooks/a", []string{"X-Sig: sha1=" + sha1Of("other")}, 401},
			{"/hooks/a", nil, 401},
		}},
		"sha512, while the secret is rotated": {`{"or":[` + signed("payload-hash-sha512", "X-Sig", "s3cret") + "," + signed("payload-hmac-sha512", "X-Sig", "another") + "]}", []request{
			{"/hooks/a", []string{"X-Sig: " + sha512Of("s3cret")}, 200},
			{"/hooks/a", []string{"X-Sig: " + sha512Of("another")}, 200},
			{"/hooks/a", []string{"X-Sig: " + sha512Of("other")}, 401},
		}},
		"a token in a header, and a value": {`{"and":[` + value("header", "X-Gitlab-Token", "t0ken") + "," + value("payload", "ref", "main") + "]}", []request{
			{"/hooks/a", []string{"X-Gitlab-Token: t0ken"}, 200},
			{"/hooks/a", []string{"X-Gitlab-Token: other"}, 401},
			{"/hooks/a", nil, 401},
		}},
		"a token in the query": {value("url", "token", "t0ken"), []request{
			{"/hooks/a?token=t0ken", nil, 200}, {"/hooks/a?token=other", nil, 401}, {"/hooks/a", nil, 401},
		}},
		"an address": {`{"match":{"type":"ip-whitelist","ip-range":"192.0.2.0/24 127.0.0.1"}}`, []request{{"/hooks/a", nil, 200}}},
		"another address": {`{"and":[{"match":{"type":"ip-whitelist","ip-range":"192.0.2.1/24"}},` + value("payload", "ref", "main") + "]}", []request{
			{"/hooks/a", nil, 403},
		}},
		"values": {`{"and":[` + strings.Join([]string{
			value("payload", "n", "7"), value("payload", "list.0.x", "y"), value("payload", "a-b", "c"), value("query", "q", "`{$HOME}"),
			value("header", "X-A", "b"), value("request", "method", "POST"),
			`{"match":{"type":"regex","regex":"^ma.n$","parameter":{"source":"payload","name":"ref"}}}`,
		}, ",") + "]}", []request{
			{"/hooks/a?q=%60%7B%24HOME%7D", []string{"X-A: b"}, 200},
			{"/hooks/a?q=%60%7B%24HOME%7D", []string{"X-A: c"}, 418},
			{"/hooks/a", []string{"X-A: b"}, 418},
		}},
		"one of several": {`{"or":[` + value("payload", "none", "x") + "," + value("header", "X-A", "b") + "]}", []request{
			{"/hooks/a", []string{"X-A: b"}, 200}, {"/hooks/a", nil, 418},
		}},
		"a not of what is there": {`{"not":` + value("header", "X-A", "b") + "}", []request{
			{"/hooks/a", []string{"X-A: c"}, 200}, {"/hooks/a", []string{"X-A: b"}, 418}, {"/hooks/a", nil, 418},
		}},
		"a not of several": {`{"not":{"and":[` + value("payload", "ref", "main") + "," + value("header", "X-A", "b") + "]}}", []request{
			{"/hooks/a", []string{"X-A: c"}, 200}, {"/hooks/a", []string{"X-A: b"}, 418}, {"/hooks/a", nil, 418},
		}},
		"a not of one of several": {`{"not":{"or":[` + value("payload", "none", "x") + "," + value("header", "X-A", "b") + "]}}", []request{
			{"/hooks/a", nil, 200}, {"/hooks/a", []string{"X-A: b"}, 418},
		}},
		"nothing of several": {`{"or":[]}`, []request{{"/hooks/a", nil, 418}}},
		"an empty rule":      {`{}`, []request{{"/hooks/a", nil, 418}}},
	} {
		t.Run(name, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			srv := imported(t, up, test.rule)
			passed := 0
			for _, r := range test.requests {
				got := srv.Post(r.target, body, append(r.headers, "Content-Type: application/json")...)
				if r.status == 200 {
					passed++
				}
				if got.Status != r.status || len(up.Requests()) != passed {
					t.Errorf("%s %q is answered %d, want %d; the app has got %d", r.target, r.headers, got.Status, r.status, len(up.Requests()))
				}
			}
			checkStatus(t, srv.Post("/hooks/b", body), 404)
		})
	}
}

// What has no equivalent lets nothing through, says why, and does not keep the others from
// being taken over.
func TestImportCloses(t *testing.T) {
	sig := `{"match":{"type":"payload-hmac-sha256","secret":"s3cret","parameter":{"source":"header","name":"X-Sig"}}}`
	for rule, why := range map[string]string{
		`{"match":{"type":"scalr-signature","secret":"s3cret"}}`: `the type "scalr-signature"`,
		`{"not":` + sig + `}`: `the type "payload-hmac-sha256" at this place`,
		`{"or":[` + sig + `,{"match":{"type":"value","value":"a","parameter":{"source":"header","name":"X-A"}}}]}`: `the type "payload-hmac-sha256" at this place`,
		`{"and":[` + sig + `,` + sig + `]}`: `a signature beside another one`,
		`{"match":{"type":"payload-hmac-sha256","secret":"s3cret","parameter":{"source":"payload","name":"sig"}}}`:                                             `a signature in the source "payload"`,
		`{"match":{"type":"payload-hmac-sha256","secret":"","parameter":{"source":"header","name":"X-Sig"}}}`:                                                  `without a secret`,
		`{"match":{"type":"payload-hmac-sha256","secret":"s3cret","parameter":{"source":"header","name":"X","headers-to-add-to-signature-payload":["Date"]}}}`: `headers-to-add`,
		`{"or":[{"match":{"type":"value","value":"s3cret","parameter":{"source":"url","name":"token"}}}]}`:                                                     `a secret (token)`,
		`{"match":{"type":"value","value":"a","parameter":{"source":"context","name":"x"}}}`:                                                                   `the source "context"`,
		`{"match":{"type":"value","value":"a","parameter":{"source":"request","name":"remote-addr"}}}`:                                                         `the source "request"`,
		`{"match":{"type":"regex","regex":"(","parameter":{"source":"payload","name":"x"}}}`:                                                                   `the regular expression`,
		`{"match":{"type":"ip-whitelist","ip-range":"localhost"}}`:                                                                                             `the address "localhost"`,
		`{"match":{"type":"later","parameter":{"source":"payload","name":"x"}}}`:                                                                               `the type "later"`,
	} {
		output, code := importHooks(t, "hooks.json", `[{"id":"closed","trigger-rule":`+rule+`},{"id":"open","execute-command":"a\nrespond 200"}]`)
		if code != 1 || !strings.Contains(output, why) || !strings.Contains(output, "respond /hooks/closed 501") ||
			!strings.Contains(output, "handle_webhook /hooks/open") || strings.Contains(output, "s3cret") {
			t.Errorf("%s: exit code %d, want a comment with %s:\n%s", rule, code, why, output)
		}
		if _, err := webhooktest.Adapt(output); err != nil {
			t.Errorf("%s: %v\n%s", rule, err, output)
		}
	}
}

// A file that is not read as it is meant is not imported; YAML is as good as JSON.
func TestImportReads(t *testing.T) {
	output, code := importHooks(t, "hooks.yaml", `- id: deploy
  execute-command: /srv/deploy.sh
  http-methods: [" put "]
  trigger-rule:
    match:
      type: payload-hmac-sha256
      secret: s3cret
      parameter: {source: header, name: X-Hub-Signature-256}
- id: "a b"
`)
	if code != 1 || !strings.Contains(output, "handle_webhook /hooks/deploy github {") || !strings.Contains(output, "methods PUT") ||
		!strings.Contains(output, `The hook "a b" is left out`) || strings.Contains(output, "s3cret") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if _, err := webhooktest.Adapt(output); err != nil {
		t.Error(err)
	}
	for _, content := range []string{
		`[{"id":"a","trigger-rules":{}}]`, `[{"id":"a"},{"id":"a"}]`, `[{"execute-command":"x"}]`, `[]`, ``, `[{"id":"a"}] [`, `{"id":"a"}`,
		`[{"id":"{{ getenv "A" }}"}]`, "- id: a\n  trigger-rules: {}\n", `[{"id":"a","trigger-rule":{"match":{"typ":"value"}}}]`,
	} {
		if output, code := importHooks(t, "hooks.json", content); code != 2 || output != "" {
			t.Errorf("%s: exit code %d, %s", content, code, output)
		}
	}
}
