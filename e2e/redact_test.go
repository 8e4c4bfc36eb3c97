package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// quietly are the global options of a site whose log keeps credentials.
const quietly = "{\n debug\n log {\n format webhook_redact\n }\n}\n"

// leak is a credential that no log may have, or a part of it that is as good.
const leak = "THE-CREDENTIAL-0123456789abcdef"

// failing is a site whose endpoints have an app that is down, a rewrite that
// fails, no handler for the webhook, and one that panics.
func failing(lines string) string {
	dead := "127.0.0.1:1"
	webhook := func(path, handlers string) string {
		return fmt.Sprintf("handle_webhook %s %s\n otherwise%s\n}\n", path, lines, handlers)
	}
	return "http://:0 {\n log\n" +
		webhook("/dead-proxy", " {\n reverse_proxy "+dead+"\n }") +
		webhook("/dead-webhook-proxy", " {\n webhook_proxy "+dead+"\n }") +
		webhook("/rewrite", " {\n webhook_rewrite {\n set a.b body.x.y.z\n }\n webhook_proxy "+dead+"\n }") +
		webhook("/unrouted", " pass") +
		webhook("/panic", " {\n test_panic\n }") +
		webhook("/rewritten", " {\n rewrite * /other?{query}&from=/rewritten\n reverse_proxy "+dead+"\n }") +
		"}\n"
}

// Whatever fails after verification, the credential is in no log.
func TestNoCredentialInAnyLog(t *testing.T) {
	t.Setenv("LEAK", leak)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+leak))
	for _, test := range []struct{ name, lines, query, header string }{
		{"named header", "jelp {\n token_header X-Jelp-Token {env.LEAK}", "", "X-Jelp-Token: " + leak},
		{"provider's header", "gitlab {env.LEAK} {", "", "X-Gitlab-Token: " + leak},
		{"bearer", "jelp {\n token {env.LEAK}", "", "Authorization: Bearer " + leak},
		{"basic", "jelp {\n basic user {env.LEAK}", "", "Authorization: " + basic},
		{"query", "docker-hub {env.LEAK} {", "?a=b&token=" + leak + "&c=d", ""},
		{"query, escaped", "docker-hub {env.LEAK} {", "?to%6ben=" + leak, ""},
		{"query in a referrer", "docker-hub {env.LEAK} {", "?token=" + leak, "Referer: https://here/hook?x=1&token=" + leak},
		{"query within a query", "docker-hub {env.LEAK} {", "?token=" + leak + "&rd=" + url.QueryEscape("https://here/?token="+leak+"&x=y"), ""},
		{"cookie", "jelp {\n token_header Cookie session={env.LEAK}", "", "Cookie: session=" + leak},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := webhooktest.Start(t, quietly+failing(test.lines), func(config map[string]any) {
				for _, server := range config["apps"].(map[string]any)["http"].(map[string]any)["servers"].(map[string]any) {
					server.(map[string]any)["logs"] = map[string]any{"should_log_credentials": true}
				}
			})
			for _, path := range []string{"/dead-proxy", "/dead-webhook-proxy", "/rewrite", "/unrouted", "/panic", "/rewritten"} {
				request := srv.NewRequest("POST", path+test.query, strings.NewReader(`{"queueName":"x","status":"y"}`),
					"Content-Type: application/json")
				if name, value, ok := strings.Cut(test.header, ": "); ok {
					request.Header.Set(name, value)
				}
				answer, err := webhooktest.Send(request)
				switch {
				case path == "/panic":
				case err != nil:
					t.Errorf("%s: %v", path, err)
				case answer.Status < 500:
					t.Errorf("%s: status %d, so nothing has failed", path, answer.Status)
				}
			}
			srv.Stop()
			log := srv.Log.String()
			for _, form := range []string{leak, strings.TrimPrefix(basic, "Basic ")} {
				if at := strings.Index(log, form); at >= 0 {
					t.Errorf("the credential is in the log: %s", log[strings.LastIndex(log[:at], "\n")+1:][:600])
				}
			}
			if n := strings.Count(log, "REDACTED"); n < 6 {
				t.Errorf("%d are redacted in\n%s", n, log)
			}
			if strings.Contains(log, shownInLogs) {
				t.Error("a log that hides credentials is warned of")
			}
		})
	}
}

// The same for the tokens of all built-in providers.
func TestNoTokenOfAnyProviderInALog(t *testing.T) {
	t.Setenv("LEAK", leak)
	var site strings.Builder
	site.WriteString(quietly + "http://:0 {\n log\n")
	type sent struct{ path, query, header string }
	var requests []sent
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		kind := "token"
		switch {
		case spec.Token == nil || spec.Token.HandshakeOnly:
			continue
		case slices.Contains(spec.Credentials, "token"):
		case spec.Scheme == "token":
			kind = "secret"
		default:
			continue
		}
		fmt.Fprintf(&site, "handle_webhook /%s %s {\n %s {env.LEAK}\n otherwise {\n reverse_proxy 127.0.0.1:1\n }\n }\n", name, name, kind)
		from, value := spec.Token.From, strings.TrimSpace(spec.Token.Prefix+" "+leak)
		if header, ok := strings.CutPrefix(from, "header."); ok {
			requests = append(requests, sent{"/" + name, "", header + ": " + value})
		} else if query, ok := strings.CutPrefix(from, "query."); ok {
			requests = append(requests, sent{"/" + name, "?" + query + "=" + url.QueryEscape(value), ""})
		}
	}
	site.WriteString("}\n")
	if len(requests) < 5 {
		t.Fatalf("only %d providers have tokens", len(requests))
	}
	srv := webhooktest.Start(t, site.String())
	for _, request := range requests {
		var headers []string
		if request.header != "" {
			headers = []string{request.header}
		}
		srv.Post(request.path+request.query, `{"a":"b"}`, headers...)
	}
	srv.Stop()
	for line := range strings.Lines(srv.Log.String()) {
		if strings.Contains(line, leak) {
			t.Errorf("a token is in the log: %s", line)
		}
	}
	t.Logf("%d providers", len(requests))
}

// Without any log in the configuration nothing shows a token either: the error is
// logged without the request.
func TestNoTokenInTheDefaultLog(t *testing.T) {
	t.Setenv("LEAK", leak)
	site := strings.Replace(failing("jelp {\n token_header X-Jelp-Token {env.LEAK}"), " log\n", "", 1)
	srv := webhooktest.Start(t, "{\n log {\n level INFO\n }\n}\n"+site)
	for path, want := range map[string]int{"/dead-proxy": 502, "/dead-webhook-proxy": 502, "/rewrite": 500, "/unrouted": 503} {
		checkStatus(t, srv.Post(path, `{"queueName":"x","status":"y"}`, "X-Jelp-Token: "+leak), want)
		failed := srv.Log.Wait(t, func(e webhooktest.Entry) bool { return e["msg"] == "webhook failed" && e["path"] == path })
		if failed.Text("status") != fmt.Sprint(want) || failed.Text("error") == "" || failed.Text("err_id") == "" {
			t.Errorf("%s: %v", path, failed)
		}
	}
	srv.Stop()
	if log := srv.Log.String(); strings.Contains(log, leak) {
		t.Errorf("the log is\n%s", log)
	}
}

// Error routes still answer, and the server's log entry is for debugging only.
func TestErrorRoutesKeepAnswering(t *testing.T) {
	t.Setenv("LEAK", leak)
	srv := webhooktest.Start(t, "{\n log {\n level INFO\n }\n}\n"+`http://:0 {
		handle_webhook /hook gitlab {env.LEAK} {
			otherwise {
				reverse_proxy 127.0.0.1:1
			}
		}
		handle_errors {
			respond "sorry {err.status_code}" 502
		}
	}`)
	checkAnswer(t, srv.Post("/hook", `{}`, "X-Gitlab-Token: "+leak, "X-Gitlab-Event: Push Hook"), 502, "sorry 502")
	srv.Stop()
	if strings.Contains(srv.Log.String(), leak) {
		t.Errorf("the log is\n%s", srv.Log)
	}
}

// A log that shows a token is warned of, once for each place, with what to write.
func TestOpenLogsAreWarnedOf(t *testing.T) {
	t.Setenv("LEAK", leak)
	const global, other = "log { format webhook_redact } in the global options", "format webhook_redact in the other logs (1)"
	for _, test := range []struct {
		name, options, log, endpoint, want string
	}{
		{"no log", "level INFO", "", "gitlab {env.LEAK} {", ""},
		{"debugging", "level DEBUG", "", "gitlab {env.LEAK} {", global},
		{"access log", "level INFO", "log", "gitlab {env.LEAK} {", global},
		{"access log in a file", "format webhook_redact", "log {\n output file DIR/access.log\n }", "gitlab {env.LEAK} {", other},
		{"both", "level DEBUG", "log {\n output file DIR/access.log\n format filter {\n request>uri delete\n }\n }", "gitlab {env.LEAK} {", global + ", and " + other},
		{"all hidden", "level DEBUG\n format webhook_redact", "log {\n output file DIR/access.log\n format webhook_redact json\n }", "gitlab {env.LEAK} {", ""},
		{"wrapped", "format filter {\n wrap webhook_redact\n request>uri delete\n }", "log", "gitlab {env.LEAK} {", ""},
		{"hidden by Caddy, but for the operator's wish", "level INFO\n }\n servers {\n log_credentials", "", "jelp {\n token {env.LEAK}", "header.Authorization"},
		{"hidden by Caddy", "level DEBUG", "log", "jelp {\n token {env.LEAK}", ""},
		{"signature only", "level DEBUG", "log", "github {env.LEAK} {", ""},
		{"query", "level DEBUG", "log", "shippo {\n token {env.LEAK}", "query.token"},
		{"jwt", "level DEBUG", "log", "jelp {\n jwt {\n key {env.LEAK}\n algorithms HS256\n audience me\n header X-Jwt\n }", "header.X-Jwt"},
		{"handshake", "level DEBUG", "log", "asana {env.LEAK} {", "header.X-Hook-Secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := fmt.Sprintf("{\n log {\n %s\n }\n}\nhttp://:0 {\n %s\n handle_webhook /a %s\n otherwise {\n respond 204\n }\n }\n"+
				"handle_webhook /b %[3]s\n otherwise {\n respond 204\n }\n }\n}", test.options, test.log, test.endpoint)
			srv := webhooktest.Start(t, strings.ReplaceAll(config, "DIR", t.TempDir()))
			warnings := srv.Log.Find(func(e webhooktest.Entry) bool { return strings.Contains(e.Text("msg"), shownInLogs) })
			want := 1
			if test.want == "" {
				want = 0
			}
			if len(warnings) != want || want > 0 && !strings.Contains(fmt.Sprint(warnings[0]), test.want) {
				t.Errorf("warnings are %v, want %q", warnings, test.want)
			}
		})
	}
}

// After a reload that changes the header, the old configuration's credentials stay
// hidden as long as it runs, and those of the new one are.
func TestReloadKeepsHiding(t *testing.T) {
	t.Setenv("LEAK", leak)
	config := func(name string) string {
		return quietly + "http://:0 {\n log\n handle_webhook /hook jelp {\n token_header " + name + " {env.LEAK}\n otherwise {\n respond 204\n }\n }\n}"
	}
	srv := webhooktest.Start(t, config("X-Old"))
	checkStatus(t, srv.Post("/hook", `{}`, "X-Old: "+leak), 204)
	srv.Reload(config("X-New"))
	checkStatus(t, srv.Post("/hook", `{}`, "X-New: "+leak), 204)
	srv.Stop()
	if strings.Contains(srv.Log.String(), leak) {
		t.Errorf("the log is\n%s", srv.Log)
	}
}

// The variable that holds a webhook shows neither its payload nor more.
func TestVariableShowsNoPayload(t *testing.T) {
	srv := webhooktest.Start(t, routes("otherwise {\n respond \"{http.vars.webhook}|{http.vars.webhook.body}\"\n}"))
	checkAnswer(t, push(srv, `{"a":"the-payload"}`), 200, "webhook of github|")
}
