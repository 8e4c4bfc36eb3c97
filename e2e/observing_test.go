package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// observing is a site that only observes what GitHub sends. Its app is told what
// placeholders and rules know.
func observing(up *webhooktest.Upstream, options string) string {
	return "{\n\tmetrics\n}\n" + site(`metrics /metrics
	handle_webhook /hook github `+testSecret+` {
		observe
		`+options+`
		on push when body.ref == "main" {
			webhook_proxy `+up.Addr()+` {
				header_up X-Error <{http.webhook.error}>
				header_up X-Signed {http.webhook.signed}
				header_up X-Route push
			}
		}
		on when signed("body") {
			webhook_proxy `+up.Addr()+` {
				header_up X-Route signed
			}
		}
		otherwise {
			webhook_proxy `+up.Addr()+` {
				header_up X-Error <{http.webhook.error}>
				header_up X-Route otherwise
			}
		}
	}`)
}

// Whatever would be refused passes, says so, and takes the route that it will take.
func TestObserve(t *testing.T) {
	const body = `{"ref":"main"}`
	forged := func(lines ...string) []string { return append(webhooktest.GitHub("other", "push", body), lines...) }
	for _, test := range []struct {
		name, option, method, body string
		headers                    []string
		reason, route              string
	}{
		{"signed", "", "POST", body, webhooktest.GitHub(testSecret, "push", body), "", "push"},
		{"signed, another event", "", "POST", body, webhooktest.GitHub(testSecret, "ping", body), "", "signed"},
		{"a wrong signature", "", "POST", body, forged(), "bad_signature", "push"},
		{"no signature", "", "POST", body, []string{"X-GitHub-Event: push", "X-GitHub-Delivery: 6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"}, "missing_signature", "push"},
		{"another event", "", "POST", body, webhooktest.GitHub("other", "ping", body), "bad_signature", "otherwise"},
		{"another method", "", "PUT", body, forged(), "method", "push"},
		{"another address", "sources 192.0.2.1", "POST", body, forged(), "source", "push"},
		{"compressed", "", "POST", "\x1f\x8b not JSON", forged("Content-Encoding: gzip"), "encoding", "otherwise"},
		{"no JSON", "", "POST", "{", forged(), "bad_signature", "otherwise"},
		{"a name twice", "", "POST", `{"ref":"main","ref":"other"}`, forged(), "bad_signature", "otherwise"},
		{"a stranger says that it is verified", "", "POST", body, forged("Webhook-Verified: true", "webhook_verified: true",
			"Webhook-Provider: other", "Connection: Webhook-Verified"), "bad_signature", "push"},
	} {
		t.Run(test.name, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			srv := webhooktest.Start(t, observing(up, test.option))
			checkStatus(t, srv.Do(srv.NewRequest(test.method, "/hook", strings.NewReader(test.body), test.headers...)), 200)
			got := up.Only()
			want := map[string]string{"X-Route": test.route, "Webhook-Provider": "github", "Webhook-Verified": ""}
			if test.reason != "" {
				want["Webhook-Verified"], want["X-Error"] = "false", "<"+test.reason+">"
				want["Webhook-Delivery-Id"] = "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"
			}
			if test.route == "push" && test.reason != "" {
				want["X-Signed"], want["Webhook-Event"] = "none", "push"
			}
			for name, value := range want {
				if is := got.Header[name]; value == "" && len(is) > 0 || value != "" && (len(is) != 1 || is[0] != value) {
					t.Errorf("%s is %q, want %q", name, is, value)
				}
			}
			if string(got.Body) != test.body || got.Method != test.method {
				t.Errorf("the app gets %s %q", got.Method, got.Body)
			}
			told := srv.Log.Find(webhooktest.Message("webhook would be refused"))
			if (len(told) == 1) != (test.reason != "") || test.reason != "" && told[0].Text("reason") != test.reason {
				t.Errorf("the log says %v", told)
			}
		})
	}
}

// What would be refused is counted apart, and nobody is told that it was verified.
func TestObservedIsNotVerified(t *testing.T) {
	takeExecuted()
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, "{\n metrics\n events {\n on webhook_verified exec verified\n on webhook_rejected exec rejected\n }\n}\n"+
		strings.TrimPrefix(observing(up, "name "+fresh("observed")), "{\n\tmetrics\n}\n"))
	checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...), 200)
	entry := srv.Log.Wait(t, func(e webhooktest.Entry) bool { return e.Text("webhook_outcome") == "observed" })
	if entry.Text("webhook_would_refuse") != "bad_signature" || entry.Text("webhook_event") != "push" || entry["webhook_key"] != nil {
		t.Errorf("the access log says %v", entry)
	}
	labels := `endpoint="` + entry.Text("webhook_endpoint") + `"`
	for line, want := range map[string]float64{
		`caddy_webhook_would_refuse_total{` + labels + `,provider="github",reason="bad_signature"}`: 1,
		`caddy_webhook_would_refuse_total{` + labels + `,provider="github",reason="stale"}`:         0,
		`caddy_webhook_requests_total{` + labels + `,outcome="observed",provider="github"}`:         1,
		`caddy_webhook_requests_total{` + labels + `,outcome="accepted",provider="github"}`:         0,
		`caddy_webhook_requests_total{` + labels + `,outcome="bad_signature",provider="github"}`:    0,
		`caddy_webhook_last_verified_timestamp_seconds{` + labels + `,provider="github"}`:           0,
	} {
		if got := metric(t, srv, line); got != want {
			t.Errorf("%s is %v, want %v", line, got, want)
		}
	}
	srv.Stop()
	if got := takeExecuted(); len(got) > 0 {
		t.Errorf("events were emitted: %v", got)
	}
}

// Limits protect Caddy, and refuse as ever.
func TestObserveStillLimits(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, "{\n\twebhooks {\n\t\tmax_buffered 8MiB\n\t}\n}\n"+endpoint(up, "github "+testSecret, "observe", "max_size 1KiB"))
	checkReason(t, srv.Post("/hook", strings.Repeat("x", 2000), "X-Tell: 1"), 413, "too_large")
	checkReason(t, srv.Do(srv.NewRequest("POST", "/hook", webhooktest.Stream(bytes.Repeat([]byte("x"), 2000)), "X-Tell: 1")), 413, "too_large")
	checkReason(t, srv.Do(srv.NewRequest("PUT", "/hook", webhooktest.Stream(bytes.Repeat([]byte("x"), 2000)), "X-Tell: 1")), 413, "too_large")
	srv = webhooktest.Start(t, "{\n\twebhooks {\n\t\tmax_buffered 8MiB\n\t}\n}\n"+endpoint(up, "github "+testSecret, "observe", "max_size 32MiB"))
	checkReason(t, srv.Post("/hook", strings.Repeat("x", 20_000_000), "X-Tell: 1"), 503, "overloaded")
	up.None()
}

// A handshake is answered only if it verifies; else the app gets it, as it does today.
func TestObservedHandshake(t *testing.T) {
	const body = `{"type":"url_verification","challenge":"abc"}`
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "slack "+testSecret, "observe"))
	checkAnswer(t, srv.Post("/hook", body, "Content-Type: application/json", "X-Slack-Signature: v0=00", "X-Slack-Request-Timestamp: 1"), 200, "")
	if got := up.Only(); got.Header.Get("Webhook-Verified") != "false" {
		t.Errorf("the app gets %v", got.Header)
	}
}

// What is kept for later stays marked, and nothing of it is signed for the app.
func TestObservedLater(t *testing.T) {
	const key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	for _, mode := range []string{"spool", "queue"} {
		t.Run(mode, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			answers(up, 503, 200)
			srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "")+site(`handle_webhook /hook github `+testSecret+` {
				observe
				otherwise {
					webhook_deliver {
						mode `+mode+`
						retry 10ms
						webhook_sign `+key+`
						webhook_proxy `+up.Addr()+` {
							header_up X-Error {http.webhook.error}
							header_up X-Signed {http.webhook.signed}
						}
					}
				}
			}`))
			lines := append(webhooktest.GitHub("other", "push", validBody), "webhook-signature: v1,forged", "Webhook-Verified: true")
			checkStatus(t, srv.Post("/hook", validBody, lines...), 202)
			for i, got := range reaches(t, up, 2) {
				for name, want := range map[string]string{
					"Webhook-Verified": "false", "X-Error": "bad_signature", "X-Signed": "none", "Webhook-Event": "push",
					"Webhook-Signature": "", "Webhook-Id": "", "Webhook-Timestamp": "",
				} {
					if is := got.Header.Get(name); is != want {
						t.Errorf("attempt %d: %s is %q, want %q", i+1, name, is, want)
					}
				}
			}
		})
	}
}

// A verified webhook is signed for the app as ever, without the mark.
func TestObservedAndVerifiedIsSigned(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /hook github `+testSecret+` {
		observe
		otherwise {
			webhook_sign whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
			webhook_proxy `+up.Addr()+`
		}
	}`))
	checkStatus(t, push(srv, validBody), 200)
	if got := up.Only().Header; got.Get("Webhook-Signature") == "" || got.Get("Webhook-Verified") != "" {
		t.Errorf("the app gets %v", got)
	}
}

// Tenants are told apart by what anybody can say, so nothing that belongs to one is
// given to a request that proves nothing.
func TestObservedTenant(t *testing.T) {
	root := t.TempDir()
	tenantFile(t, root, "acme", shop("secret-of-acme", "unused:1"))
	site := func(lines string) string {
		return "{\n webhooks {\n tenants shops file " + root + "\n }\n}\n" + site("handle_webhook /t/*/shopify shopify {\n tenant {path.1} from shops\n observe\n"+
			"otherwise {\n"+lines+"\n}\n}")
	}
	srv := webhooktest.Start(t, site(`respond "{http.webhook.error}|{http.webhook.tenant}|{header.Webhook-Verified}"`))
	checkAnswer(t, toTenant(srv, "acme", "secret-of-acme"), 200, "|acme|")
	checkAnswer(t, toTenant(srv, "acme", "other"), 200, "bad_signature|acme|false")
	checkAnswer(t, toTenant(srv, "nobody", "other"), 200, "unknown_tenant||false")

	for _, lines := range []string{
		"webhook_proxy {http.webhook.tenant.upstream}",
		"webhook_rewrite {\n uri `\"/\" + vars(\"plan\")`\n }\n respond 204",
	} {
		if _, err := webhooktest.Adapt(site(lines)); err == nil || !strings.Contains(err.Error(), "observe lets unverified requests pass, which have no vars of a tenant") {
			t.Errorf("%s: %v", lines, err)
		}
	}
	// In JSON, too.
	config := strings.Replace(site("respond {http.webhook.tenant.upstream}"), " observe\n", "", 1)
	if err := webhooktest.Load(t, config, webhooktest.Set("webhook_auth", "observe", true)); err == nil || !strings.Contains(err.Error(), "have no vars of a tenant") {
		t.Errorf("in JSON: %v", err)
	}
}

// forgeries are webhooks of providers that prove themselves in different ways, with
// flags for caddy webhooks send.
var forgeries = []struct{ provider, credential, flag string }{
	{"github", "secret s3cret-of-github", "--secret=s3cret-of-github"},
	{"instaleap", "secret s3cret-of-instaleap", "--secret=s3cret-of-instaleap"},
	{"stripe", "secret whsec_stripe\n tolerance off", "--secret=whsec_stripe"},
	{"slack", "secret s3cret-of-slack", "--secret=s3cret-of-slack"},
	{"shopify", "secret s3cret-of-shopify", "--secret=s3cret-of-shopify"},
	{"standard-webhooks", "secret whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "--secret=whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
	{"twilio", "secret s3cret-of-twilio", "--secret=s3cret-of-twilio"},
	{"jelp", "token t0ken-of-jelp", "--token=t0ken-of-jelp"},
	{"detrack", "basic user pass-of-detrack", "--basic=user:pass-of-detrack"},
	{"shippify", "token_header X-Token t0ken-of-shippify", "--token=X-Token=t0ken-of-shippify"},
}

// Of every kind of provider, a forged webhook takes the same route marked under observe,
// and is refused without; a genuine one is the same under both.
func TestObserveForgeries(t *testing.T) {
	for _, f := range forgeries {
		t.Run(f.provider, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			config := func(option string) string {
				return site("handle_webhook /hook " + f.provider + " {\n" + f.credential + "\n" + option + "\n otherwise {\n webhook_proxy " + up.Addr() + "\n}\n}")
			}
			send := func(srv *webhooktest.Server, more ...string) error {
				root := &cobra.Command{Use: "webhooks", SilenceUsage: true, SilenceErrors: true}
				command.New(os.DirFS(".")).CobraFunc(root)
				root.SetOut(new(bytes.Buffer))
				root.SetErr(new(bytes.Buffer))
				root.SetArgs(append([]string{"send", f.provider, "--to", srv.URL("/hook"), f.flag}, more...))
				return root.Execute()
			}
			srv := webhooktest.Start(t, config("observe"))
			for i, more := range [][]string{nil, {"--tamper"}} {
				if err := send(srv, more...); err != nil {
					t.Fatalf("observing, send %v: %v", more, err)
				}
				got := up.Requests()
				if len(got) != i+1 || (got[i].Header.Get("Webhook-Verified") == "false") != (more != nil) {
					t.Fatalf("observing, send %v: the app got %d requests, the last with %v", more, len(got), got[len(got)-1].Header)
				}
			}
			if got := up.Requests(); got[0].Header.Get("Webhook-Event") != got[1].Header.Get("Webhook-Event") && f.provider != "instaleap" {
				t.Errorf("the forged one is taken for %q, the genuine one for %q", got[1].Header.Get("Webhook-Event"), got[0].Header.Get("Webhook-Event"))
			}
			srv = webhooktest.Start(t, config(""))
			if err := send(srv); err != nil {
				t.Errorf("enforcing, send: %v", err)
			}
			if err := send(srv, "--tamper"); err == nil {
				t.Error("enforcing, a forged one is accepted")
			}
			if got := len(up.Requests()); got != 3 {
				t.Errorf("the app got %d requests, want 3", got)
			}
		})
	}
}

// The report says what would have been refused, and whether that can begin: not before
// something was verified, and not while the app takes what would be refused.
func TestObserveReport(t *testing.T) {
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	up := webhooktest.NewUpstream(t)
	status := 200
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	config := func(options string) string {
		return "{\n admin " + admin + "\n}\n" + endpoint(up, "github "+testSecret, options)
	}
	srv := webhooktest.Start(t, config("observe"))
	report := func(want string, code int) {
		t.Helper()
		output, got := observeCommand(admin)
		if !strings.Contains(strings.Join(strings.Fields(output), " "), want) || got != code {
			t.Errorf("exit code %d, want %d:\n%s\nwant %s", got, code, output, want)
		}
	}
	report("github /hook", 1) // nothing has come, so nothing is known
	checkStatus(t, push(srv, validBody), 200)
	report("1 0 0 yes", 0)
	status = 401 // a stranger: the app knows, too
	checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...), 401)
	report("1 1 0 yes", 0)
	status = 200 // the app takes it
	checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...), 200)
	report("1 2 1 no", 1)
	report("bad_signature 2", 1)
	srv.Reload(config("observe")) // the same configuration
	report("1 2 1 no", 1)

	var states []map[string]any
	output, code := observeCommand(admin, "--json")
	if err := json.Unmarshal([]byte(output), &states); err != nil || code != 1 || len(states) != 1 || states[0]["safe"] != false ||
		states[0]["taken"] != 1.0 || states[0]["since"] == nil {
		t.Errorf("exit code %d, %v:\n%s", code, err, output)
	}

	srv.Reload(config("observe\n max_size 2MiB")) // another one: what was seen is not of it
	report("0 0 0 no", 1)
	srv.Reload(config(""))
	report("no endpoint has observe", 0)
	if output, code := observeCommand("127.0.0.1:" + webhooktest.FreePort(t)); code != 2 {
		t.Errorf("without a Caddy, exit code %d:\n%s", code, output)
	}
}

// Secrets that change in their file begin the count anew.
func TestObserveRenewed(t *testing.T) {
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	up := webhooktest.NewUpstream(t)
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong")
	srv := webhooktest.Start(t, "{\n admin "+admin+"\n}\n"+endpoint(up, "github {file."+secret+"}", "observe"))
	checkStatus(t, push(srv, validBody), 200)
	if output, code := observeCommand(admin); code != 1 || !strings.Contains(output, "bad_signature") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	write(testSecret)
	eventually(t, "the new secret is used", func() bool {
		checkStatus(t, push(srv, validBody), 200)
		_, code := observeCommand(admin)
		return code == 0
	})
}

// observeCommand runs "caddy webhooks observe", and returns what it ends with.
func observeCommand(admin string, args ...string) (string, int) {
	root := &cobra.Command{Use: "webhooks", SilenceUsage: true, SilenceErrors: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"observe", "--address", admin}, args...))
	err := root.Execute()
	return out.String(), exitCode(err)
}

// Whatever becomes of what would be refused, the archive does not take it for verified: it
// is verified before it is handed over again.
func TestObservedIsArchivedAsRefused(t *testing.T) {
	for name, blocks := range map[string]string{
		"observed":       "otherwise {\n respond 204\n }",
		"unrouted":       "otherwise {\n vars unanswered true\n }",
		"rewrite_failed": "otherwise {\n webhook_rewrite {\n body `[1][body.a + 5]`\n }\n reverse_proxy localhost:1\n }",
	} {
		t.Run(name, func(t *testing.T) {
			config, admin, _ := archived(t, "refused", "observe\n"+blocks)
			srv := webhooktest.Start(t, config)
			srv.Post("/hook", `{"a":1}`, webhooktest.GitHub("other", "push", `{"a":1}`)...)
			var found []pastEvent
			eventually(t, "it is kept", func() bool { found = search(t, admin, "refused=true").Events; return len(found) == 1 })
			if !found[0].Refused || found[0].Outcome != name {
				t.Errorf("it is kept as %+v", found)
			}
			if all := search(t, admin, "refused=false").Events; len(all) > 0 {
				t.Errorf("it is kept as accepted: %+v", all)
			}
		})
	}
}
