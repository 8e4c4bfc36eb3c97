package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The first block that matches is taken, and only that one.
func TestRouting(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on push when body.ref == "refs/heads/main" {
			respond main
		}
		on push release {
			respond code
		}
		on issue* *_hook {
			respond pattern
		}
		on when body.size > 100 {
			respond large
		}
		on when header("X-Kind") == "urgent" && query("q") == "1" {
			respond urgent
		}
		on push {
			respond unreachable
		}
		otherwise {
			respond rest
		}`))
	for _, test := range []struct{ event, body, want string }{
		{"push", `{"ref":"refs/heads/main"}`, "main"},
		{"push", `{"ref":"refs/heads/next"}`, "code"},
		{"push", `{}`, "code"},
		{"push", `no JSON`, "code"},
		{"release", `{"ref":"refs/heads/main"}`, "code"},
		{"issues", `{"size":101}`, "pattern"},
		{"issue", `{}`, "pattern"},
		{"web_hook", `{}`, "pattern"},
		{"Issues", `{}`, "rest"},
		{"status", `{"size":101}`, "large"},
		{"status", `{"size":100}`, "rest"},
		{"pushed", `{}`, "rest"},
		{"", `{}`, "rest"},
	} {
		t.Run(test.event+" "+test.body, func(t *testing.T) {
			checkAnswer(t, event(srv, test.event, test.body), 200, test.want)
		})
	}
	urgent := webhooktest.GitHub(testSecret, "status", "{}")
	checkAnswer(t, srv.Post("/hook?q=1", "{}", append(urgent, "x-kind: urgent")...), 200, "urgent")
	checkAnswer(t, srv.Post("/hook?q=2", "{}", append(urgent, "x-kind: urgent")...), 200, "rest")
}

// Blocks exclude each other, but nothing outside: groups of a named route must
// not be taken for those of the site that invokes it.
func TestRoutingInNamedRoutes(t *testing.T) {
	srv := webhooktest.Start(t, `&(hooks) {
	handle_webhook github test-secret {
		on push {
			respond push
		}
		otherwise {
			respond other
		}
	}
}

http://:0 {
	handle /x {
		respond x
	}
	handle {
		invoke hooks
	}
}`)
	checkAnswer(t, push(srv, "{}"), 200, "push")
	checkAnswer(t, event(srv, "ping", "{}"), 200, "other")
}

// Several endpoints in one site, also one inside another, keep their groups
// apart.
func TestRoutingOfSeveralEndpoints(t *testing.T) {
	srv := webhooktest.Start(t, site(`handle_webhook /hook github test-secret {
		on push {
			respond push
		}
		on release {
			handle_webhook github test-secret {
				on push {
					respond never
				}
				otherwise {
					handle /other {
						respond never
					}
					handle {
						respond inner
					}
				}
			}
		}
		otherwise pass
	}
	handle_webhook /h* github test-secret {
		on ping {
			respond second
		}
		otherwise {
			respond last
		}
	}`))
	for name, want := range map[string]string{"push": "push", "release": "inner", "ping": "second", "status": "last"} {
		checkAnswer(t, event(srv, name, "{}"), 200, want)
	}
}

// A rule that fails for a payload does not match, and says so in the log.
func TestFailingRuleDoesNotMatch(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on push when body.commit.author.name == "a" {
			respond matched
		}
		otherwise {
			respond rest
		}`))
	checkAnswer(t, push(srv, `{"commit":{"author":{"name":"a"}}}`), 200, "matched")
	const failed = "a rule failed, so it does not match"
	if entries := srv.Log.Find(webhooktest.Message(failed)); len(entries) != 0 {
		t.Errorf("logged without need: %v", entries)
	}
	checkAnswer(t, push(srv, `{}`), 200, "rest")
	entry := srv.Log.Wait(t, webhooktest.Message(failed))
	if entry["event"] != "push" || entry["rule"] != `body.commit.author.name == "a"` || entry.Text("error") == "" {
		t.Errorf("the log line is %v", entry)
	}
}

// What a function says of a value it cannot use quotes the value. The log does
// not, and a rule is not asked about events that its on does not name.
func TestFailingRuleKeepsThePayload(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on pu* when int(body.private) > 1 {
			respond matched
		}
		on release {
			route {
				webhook_rewrite {
					set number int(body.private)
				}
				respond rewritten
			}
		}
		on when int(body.private) > 1 {
			respond any
		}
		otherwise {
			respond rest
		}`))
	const failed = "a rule failed, so it does not match"
	checkAnswer(t, push(srv, `{"private":"of a person"}`), 200, "rest")
	checkStatus(t, event(srv, "release", `{"private":"of a person"}`), 500)
	entry := srv.Log.Wait(t, webhooktest.Message(failed))
	srv.Log.Wait(t, webhooktest.Message("rewriting a webhook failed; it is not forwarded"))
	if !strings.HasPrefix(entry.Text("error"), "invalid operation: int(of … …) (1:1)\n | int(body.private) > 1") {
		t.Errorf("the log line is %v", entry)
	}
	if strings.Contains(srv.Log.String(), "of a person") {
		t.Error("the log holds the payload")
	}
	checkAnswer(t, event(srv, "issue", `{"private":"2"}`), 200, "any")
}

// A rule is not asked about events that its on does not name.
func TestRuleIsNotAskedAboutOtherEvents(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on pu* release when body.commit.author.name == "a" {
			respond matched
		}
		otherwise {
			respond rest
		}`))
	for range 20 { // matchers are asked in random order
		checkAnswer(t, event(srv, "status", "{}"), 200, "rest")
	}
	if entries := srv.Log.Find(webhooktest.Message("a rule failed, so it does not match")); len(entries) != 0 {
		t.Errorf("asked: %v", entries)
	}
	checkAnswer(t, event(srv, "release", "{}"), 200, "rest")
	srv.Log.Wait(t, webhooktest.Message("a rule failed, so it does not match"))
}

// otherwise pass leaves the event to the directives that follow.
func TestOtherwisePass(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /hook github test-secret {
		on ping {
			respond pong
		}
		otherwise pass
	}
	@pushed webhook_event push
	handle /hook {
		respond @pushed "pushed {http.webhook.body.ref}"
		reverse_proxy `+up.Addr()+`
	}`))
	checkAnswer(t, event(srv, "ping", "{}"), 200, "pong")
	up.None()
	checkAnswer(t, push(srv, `{"ref":"main"}`), 200, "pushed main")
	up.None()
	checkAnswer(t, event(srv, "status", "{}"), 200, "")
	if got := up.Only(); got.Header.Get("Webhook-Event") != "status" {
		t.Errorf("the upstream got %v", got.Header)
	}
	checkStatus(t, srv.Post("/hook", "{}"), 401)
	up.None()
}

// A verified event that nothing answers is not acknowledged: Caddy's own answer
// would be an empty 200.
func TestUnroutedIsNotAcknowledged(t *testing.T) {
	for name, directives := range map[string]string{
		"pass and nothing follows": "handle_webhook /hook github test-secret {\n otherwise pass\n }",
		"no on matches":            "handle_webhook /hook github test-secret {\n on ping {\n respond pong\n }\n otherwise pass\n }",
		"the block answers nothing": "handle_webhook /hook github test-secret {\n on push {\n header X-A b\n }\n" +
			" otherwise {\n respond 204\n }\n }",
		"a matcher inside does not match": "handle_webhook /hook github test-secret {\n otherwise {\n" +
			" @other webhook_event other\n respond @other 204\n }\n }",
		"another path follows": "handle_webhook /hook github test-secret {\n otherwise pass\n }\n handle /other {\n respond 200\n }",
		"webhook_auth alone":   "webhook_auth /hook github test-secret",
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, site(directives))
			checkAnswer(t, push(srv, "{}"), 503, "")
			entry := srv.Log.Wait(t, webhooktest.Message("no directive answers this webhook; it is not acknowledged"))
			if entry["level"] != "error" || entry["event"] != "push" || entry["uri"] != "/hook" {
				t.Errorf("the log line is %v", entry)
			}
			access := srv.Log.Wait(t, webhooktest.Access("/hook"))
			if access["webhook_outcome"] != "unrouted" || access["webhook_event"] != "push" {
				t.Errorf("the access log has %v", access)
			}
		})
	}
	srv := webhooktest.Start(t, routes("on push {\n respond 200\n }\n otherwise {\n respond \"\" 204\n }"))
	checkAnswer(t, push(srv, "{}"), 200, "")
	checkAnswer(t, event(srv, "ping", "{}"), 204, "")
}

// The application's own answer goes back, whatever it is.
func TestAnswersOfTheApplication(t *testing.T) {
	srv := webhooktest.Start(t, routes(`
		on push {
			error "down" 502
		}
		on ping {
			redir https://example.com/ 307
		}
		otherwise {
			respond "no" 410
		}`))
	checkAnswer(t, push(srv, "{}"), 502, "")
	checkReason(t, push(srv, "{}", "X-Tell: yes"), 502, "")
	checkStatus(t, event(srv, "ping", "{}"), 307)
	checkAnswer(t, event(srv, "status", "{}"), 410, "no")
}

// Where requests go does not depend on how the path is spelt: what is not
// verified is not routed.
func TestOtherPathsAreNotVerified(t *testing.T) {
	srv := webhooktest.Start(t, site(`handle_webhook /hook github test-secret {
		otherwise {
			respond reached
		}
	}
	respond other 404`))
	for _, path := range []string{"/", "/hook/", "/hook/x", "/hookx", "//hook", "/x/../hook", "/hook%2F", "/./hook"} {
		answer := srv.Raw([]byte("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"))
		if strings.Contains(answer.Body, "reached") || answer.Status == 200 {
			t.Errorf("%s is answered with %d %q", path, answer.Status, answer.Body)
		}
	}
}
