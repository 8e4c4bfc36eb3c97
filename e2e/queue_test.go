package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// kept is a Caddy whose admin API is on, with a webhook waiting for "later" and
// a dead letter of "never".
type kept struct {
	*testing.T
	srv   *webhooktest.Server
	up    *webhooktest.Upstream
	admin string
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{T: t, up: webhooktest.NewUpstream(t), admin: "127.0.0.1:" + webhooktest.FreePort(t)}
	answers(k.up, 400, 200)
	k.srv = webhooktest.Start(t, "{\n admin "+k.admin+"\n webhooks {\n store "+filepath.Join(t.TempDir(), "deliveries.db")+"\n }\n}\n"+routes(`on push {
			webhook_deliver never {
				mode queue
				reverse_proxy `+k.up.Addr()+`
			}
		}
		otherwise {
			webhook_deliver later {
				retry 1h
				respond 500
			}
		}`))
	checkStatus(t, k.send("push", "dead-1"), 202)
	checkStatus(t, k.send("ping", "waiting-1\u202e"), 202)
	eventually(t, "there is a dead letter", func() bool {
		return strings.Contains(k.run("dead", "list"), "dead-1")
	})
	return k
}

func (k *kept) send(event, id string) webhooktest.Response {
	body := `{"secret": "in the payload"}`
	return k.srv.Post("/hook", body, "X-GitHub-Event: "+event, "X-GitHub-Delivery: "+id,
		"X-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, body))
}

// run runs a command, which must succeed unless its output is about an error.
func (k *kept) run(args ...string) string {
	k.Helper()
	var output bytes.Buffer
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	root.SetOut(&output)
	root.SetErr(&output)
	root.SetArgs(append(args, "--address", k.admin))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(&output, "error:", err)
	}
	return output.String()
}

func TestQueueCommands(t *testing.T) {
	k := newKept(t)
	has := func(output string, patterns ...string) {
		t.Helper()
		for _, pattern := range patterns {
			if !regexp.MustCompile(pattern).MatchString(output) {
				t.Errorf("no %s in\n%s", pattern, output)
			}
		}
	}
	has(k.run("queue"), `(?m)^later +1 +\d+s +0`, `(?m)^never +0 +- +1`)
	// What comes out of a payload does nothing to a terminal.
	has(k.run("queue", "list"), `later +github +ping +waiting-1� +1 +\d+ +500 Internal Server Error`)
	list := k.run("dead", "list", "--provider", "github", "--event", "push", "--since", "1h")
	has(list, `never +github +push +dead-1 +1 +28 +400 Bad Request`)
	ref := strings.Fields(strings.Split(list, "\n")[1])[0]
	has(k.run("dead", "show", ref), "id +dead-1", "destination +never", "attempts +1", "last failure +400 Bad Request", `(?m)^POST /hook$`,
		`(?m)^X-Github-Event: push$`, `\{"secret": "in the payload"\}$`)
	has(k.run("dead", "show", ref, "--json"), `"destination": "never"`, `"attempts": 1`)
	has(k.run("queue", "--json"), `"destination": "later",\n +"waiting": 1`)
	has(k.run("dead", "list", "--json"), `"ref": "`+ref+`"`)
	has(k.run("dead", "show", "77.7"), "error:.*there is no such delivery .HTTP 404")
	has(k.run("dead", "drop"), "error:.*nothing is chosen.*HTTP 400")
	has(k.run("dead", "list", "--since", "yesterday"), "error: --since: \"yesterday\" is neither a time")
	has(k.run("dead", "drop", "--id", "other"), `^0 dropped\n(?s:.*)error: `)
	has(k.run("dead", "drop", "--until", time.Now().Add(-time.Hour).Format(time.RFC3339)), `^0 dropped\n`)
	has(k.run("dead", "requeue", "77.7", "77.8"), `77.7: there is no such delivery`, `0 requeued`)
	has(k.run("dead", "requeue", "77.7", "--ref", "77.8"), `error: give refs or --ref`)

	k.up.Only()
	has(k.run("dead", "requeue", ref), `^1 requeued\n$`)
	if again := reaches(t, k.up, 1)[0]; again.Header.Get("Webhook-Delivery-Id") != "dead-1" || again.Header.Get("Webhook-Attempt") != "2" {
		t.Errorf("the requeued one has the headers %v", again.Header)
	}
	eventually(t, "the requeued one is done", func() bool {
		return regexp.MustCompile(`(?m)^never +0 +- +0`).MatchString(k.run("queue"))
	})
	has(k.run("queue", "purge", "--all"), `^1 deleted\n$`)
	eventually(t, "nothing is kept", func() bool {
		return regexp.MustCompile(`(?m)^later +0 +- +0`).MatchString(k.run("queue"))
	})
}

// The admin API answers what is wrong with a request, and changes nothing then.
func TestQueueAPIRefuses(t *testing.T) {
	k := newKept(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"POST", "", 405},
		{"GET", "/drop?all=true", 405},
		{"GET", "/entries?state=gone", 400},
		{"GET", "/entries?limit=0", 400},
		{"GET", "/entries?since=today", 400},
		{"GET", "/entries?destinatoin=later", 400},
		{"GET", "/entries?id=a&id=b", 400},
		{"GET", "/entries?id=", 400},
		{"GET", "/record", 404},
		{"GET", "/record?ref=1.x", 404},
		{"POST", "/drop", 400},
		{"POST", "/drop?state=dead", 400},
		{"POST", "/drop?all=yes", 400},
		{"POST", "/replay?limit=3", 400},
		{"POST", "/drop?after=1.1", 400},
		{"POST", "/drop?destination=later&after=1.1", 400},
		{"POST", "/drop?destination=later&limit=1", 400},
		{"GET", "/entries?state=dead&limit=1000", 200},
	} {
		request, err := http.NewRequest(test.method, "http://"+k.admin+"/webhooks/queue"+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != test.status {
			t.Errorf("%s %s: %d %s; want %d", test.method, test.path, answer.StatusCode, body, test.status)
		}
	}
	if output := k.run("queue"); !regexp.MustCompile(`(?m)^later +1 `).MatchString(output) {
		t.Errorf("something was changed:\n%s", output)
	}
}

// Without webhook_deliver there is no store, and the commands say so.
func TestQueueWithoutStore(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	k := &kept{T: t, admin: "127.0.0.1:" + webhooktest.FreePort(t)}
	webhooktest.Start(t, "{\n admin "+k.admin+"\n}\n"+routes("otherwise {\n respond 204\n }"))
	if output := k.run("queue"); !strings.Contains(output, "neither webhook_deliver nor store") {
		t.Errorf("the command says %s", output)
	}
}

// A token in the query is neither stored nor passed on.
func TestDeliverForgetsTokensInQueries(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	answers(up, 500, 200)
	store := filepath.Join(t.TempDir(), "deliveries.db")
	srv := webhooktest.Start(t, storing(store, "")+site(`handle_webhook /hook docker-hub {
		token query-token
		token_header X-Own header-token
		otherwise {
			webhook_deliver {
				retry 200ms
				reverse_proxy `+up.Addr()+`
			}
		}
	}`))
	checkStatus(t, srv.Post("/hook?a=b&token=query-token", `{}`, "X-Own: header-token", "Cookie: c=cookie-token"), 202)
	content, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range reaches(t, up, 2) {
		if r.URI != "/hook?a=b" || r.Header.Get("X-Own") != "" {
			t.Errorf("attempt %d gets %s %v", i+1, r.URI, r.Header)
		}
	}
	for _, token := range []string{"query-token", "header-token", "cookie-token"} {
		if bytes.Contains(content, []byte(token)) {
			t.Errorf("%s is in the store", token)
		}
	}
	if info, err := os.Stat(store); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store's mode is %v, %v", info.Mode(), err)
	}
}
