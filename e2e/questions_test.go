package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Who asks gets the app's own answer, whatever its status, be it that the
// provider asks or that the block says so.
func TestQuestionsGetTheAppsAnswer(t *testing.T) {
	for _, endpoint := range []string{"instaleap-query {\n", "github {\n synchronous\n methods GET POST\n"} {
		for _, proxy := range []string{"reverse_proxy", "webhook_proxy"} {
			up := webhooktest.NewUpstream(t)
			up.Answer(func(w http.ResponseWriter, r *http.Request) {
				status := 0
				_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
				w.Header().Set("X-App", "yes")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, r.Method+" in its own words")
			})
			srv := webhooktest.Start(t, site("handle_webhook /stock "+endpoint+" token_header X-Ask "+testToken+"\n otherwise {\n "+
				proxy+" "+up.Addr()+"\n }\n }"))
			for _, status := range []int{200, 201, 301, 307, 400, 401, 404, 410, 429, 500, 503} {
				for _, method := range []string{"GET", "POST"} {
					body := ""
					if method == "POST" {
						body = `{"sku":"1"}`
					}
					got := srv.Do(srv.NewRequest(method, fmt.Sprintf("/stock?status=%d", status), strings.NewReader(body), "X-Ask: "+testToken))
					if got.Status != status || got.Body != method+" in its own words" || got.Header.Get("X-App") != "yes" ||
						got.Header.Get("Location") != "/elsewhere" {
						t.Errorf("%s by %s: %s %d is answered with %d %q %v", endpoint, proxy, method, status, got.Status, got.Body, got.Header)
					}
				}
			}
			asked := len(up.Requests())
			checkStatus(t, srv.Post("/stock?status=200", "{}"), 401)
			checkStatus(t, srv.Do(srv.NewRequest("PUT", "/stock?status=200", strings.NewReader(""), "X-Ask: "+testToken)), 405)
			if len(up.Requests()) != asked {
				t.Error("what is refused has reached the app")
			}
		}
	}
}

// A token that webhook_token issues is good for questions, too, and only for
// those of its provider.
func TestQuestionsByIssuedToken(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such product", http.StatusNotFound) })
	srv := webhooktest.Start(t, site("webhook_token /token {\n client shop 0123456789abcdef for instaleap-query\n client other 0123456789abcdef for instaleap\n }\n"+
		"handle_webhook /stock instaleap-query {\n issued\n otherwise {\n webhook_proxy "+up.Addr()+"\n }\n }"))
	for client, want := range map[string]int{"shop": 404, "other": 401} {
		token := tokenOf(t, srv.Post("/token", "client_id="+client+"&client_secret=0123456789abcdef",
			"Content-Type: application/x-www-form-urlencoded"), "access_token")
		got := srv.Do(srv.NewRequest("GET", "/stock?sku=1", strings.NewReader(""), "Authorization: Bearer "+token))
		if got.Status != want || want == 404 && got.Body != "no such product\n" {
			t.Errorf("%s: the answer is %d %q, want %d", client, got.Status, got.Body, want)
		}
	}
}

// What would answer in the app's place does not load.
func TestQuestionsThatOthersWouldAnswer(t *testing.T) {
	hook := func(provider, lines, inside string) string {
		return "handle_webhook /stock " + provider + " {\n token_header X-Ask x\n " + lines + "\n otherwise {\n " + inside + "\n }\n }"
	}
	const deliver = "webhook_deliver {\n reverse_proxy localhost:1\n }"
	const inPlace = "webhook_deliver would acknowledge a question"
	for _, test := range []struct{ name, directives, want string }{
		{"replay", hook("instaleap-query", "replay 1h", "respond 204"), "replay answers to copies itself; remove replay"},
		{"replay of a block", hook("github", "synchronous\n replay 1h", "respond 204"), "synchronous means that the sender gets the app's own answer"},
		{"map_status", hook("instaleap-query", "map_status 404", "respond 204"), "remove map_status"},
		{"map_status off", hook("instaleap-query", "map_status off", "respond 204"), ""},
		{"a value", hook("github", "synchronous yes", "respond 204"), "synchronous takes no value"},
		{"deliver", hook("instaleap-query", "", deliver), inPlace},
		{"deliver in a block", hook("github", "synchronous", deliver), inPlace},
		{"deliver deeper", hook("instaleap-query", "", "handle /x {\n route {\n "+deliver+"\n }\n }"), inPlace},
		{"deliver elsewhere", hook("instaleap-query", "", "respond 204") + "\n" + hook("instaleap", "", deliver), ""},
		{"webhook_auth before", "webhook_auth instaleap-query {\n token_header X-Ask x\n }\n" + deliver, inPlace},
		{"webhook_auth behind", deliver + "\nwebhook_auth instaleap-query {\n token_header X-Ask x\n }", inPlace},
		{"webhook_auth of a path", "webhook_auth /stock instaleap-query {\n token_header X-Ask x\n }\n" + deliver, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := webhooktest.Validate(t, site(test.directives))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
	// In JSON, too.
	err := webhooktest.Validate(t, site(hook("instaleap", "", deliver)), webhooktest.Set("webhook_auth", "synchronous", true))
	if err == nil || !strings.Contains(err.Error(), inPlace) {
		t.Errorf("in JSON: error is %v", err)
	}
}

// What loading cannot see is an error when a question comes, and no 202.
func TestQuestionIsNotAcknowledged(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, "{\n webhooks {\n store "+filepath.Join(t.TempDir(), "deliveries.db")+"\n }\n}\n"+
		site("route /stock {\n webhook_auth /stock instaleap-query {\n token_header X-Ask x\n }\n webhook_deliver {\n mode queue\n reverse_proxy "+up.Addr()+"\n }\n }"))
	checkStatus(t, srv.Post("/stock", "{}", "X-Ask: x"), 500)
	srv.Log.Wait(t, func(e webhooktest.Entry) bool {
		return strings.HasPrefix(e.Text("msg"), "webhook_deliver would acknowledge a question") && e.Text("endpoint") == "/stock"
	})
	up.None()
}
