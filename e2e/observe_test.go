package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The log tells of refusals, but a flood of them does not flood the log: of
// each reason so many lines, then a number.
func TestFloodOfRefusals(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github "+testSecret))
	const sent = 25
	for range sent {
		checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...), 401)
	}
	checkStatus(t, srv.Post("/hook", "{}"), 401)
	checkStatus(t, srv.Post("/hook", "{}", append(webhooktest.GitHub("other", "push", "{}"), "Content-Encoding: gzip")...), 415)
	srv.Stop()
	told := make(map[string]int)
	for _, entry := range srv.Log.Find(webhooktest.Message("webhook refused")) {
		told[entry.Text("reason")]++
		if entry.Text("level") != "warn" || entry.Text("provider") != "github" || entry.Text("client_ip") != "127.0.0.1" ||
			entry.Text("path") != "/hook" || entry.Text("method") != "POST" || entry.Text("detail") == "" {
			t.Errorf("the entry lacks something: %v", entry)
		}
	}
	if told["bad_signature"] != 10 || told["missing_signature"] != 1 || told["encoding"] != 1 {
		t.Errorf("the log tells of %v", told)
	}
	rest := srv.Log.Find(webhooktest.Message("more webhooks were refused than are logged"))
	if len(rest) != 1 || rest[0].Text("left_out") != "15" || rest[0].Text("reason") != "bad_signature" ||
		rest[0].Text("provider") != "github" {
		t.Errorf("what was left out is told of by %v", rest)
	}
}

// An accepted webhook is a line at debug, with the way it took and its answer,
// and without anything of its payload or credentials.
func TestAcceptedLog(t *testing.T) {
	srv := webhooktest.Start(t, routes(`on push {
		respond 202
	}
	otherwise {
		respond 204
	}`))
	checkStatus(t, push(srv, `{"password":"hunter2"}`), 202)
	entry := srv.Log.Wait(t, webhooktest.Message("webhook accepted"))
	for field, want := range map[string]string{
		"level": "debug", "provider": "github", "event": "push", "id": "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911",
		"signed": "body", "route": "on 1", "status": "202",
	} {
		if got := entry.Text(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	srv.Stop()
	if text := srv.Log.String(); strings.Contains(text, "hunter2") {
		t.Error("the log holds the payload")
	}
}

// exec stands for the events handler of that name, which runs a command. It
// notes the command.
type exec struct {
	Command []string `json:"command,omitempty"`
}

var executed struct {
	sync.Mutex
	commands []string
}

func init() { caddy.RegisterModule(exec{}) }

func (exec) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.exec", New: func() caddy.Module { return new(exec) }}
}

func (e *exec) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	e.Command = d.RemainingArgs()
	return nil
}

func (e *exec) Handle(ctx context.Context, event caddy.Event) error {
	repl := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	executed.Lock()
	defer executed.Unlock()
	executed.commands = append(executed.commands, repl.ReplaceAll(strings.Join(e.Command, " "), ""))
	return nil
}

var _ caddyevents.Handler = (*exec)(nil)

// takeExecuted returns what was executed since the last call.
func takeExecuted() []string {
	executed.Lock()
	defer executed.Unlock()
	commands := executed.commands
	executed.commands = nil
	return commands
}

// Caddy events tell of webhooks without their payload.
func TestCaddyEvents(t *testing.T) {
	takeExecuted()
	data := "{event.data.provider} {event.data.event} {event.data.id} {event.data.outcome} {event.module} {event.data}"
	srv := webhooktest.Start(t, `{
	events {
		on webhook_verified exec verified `+data+`
		on webhook_rejected exec rejected `+data+` left out {event.data.left_out}
	}
}
`+routes(`on push {
		respond 202
	}
	otherwise {
		vars unanswered true
	}`))
	const id = "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"
	checkStatus(t, push(srv, `{"password":"hunter2"}`), 202)
	checkStatus(t, event(srv, "ping", `{"password":"hunter2"}`), 503)
	for range 12 {
		checkStatus(t, srv.Post("/hook", `{"password":"hunter2"}`, "X-GitHub-Event: forged", "X-Hub-Signature-256: sha256=00"), 401)
	}
	srv.Stop()
	const module = "http.handlers.webhook_auth"
	got := takeExecuted()
	want := []string{
		"verified github push " + id + " accepted " + module + " map[endpoint:/hook event:push id:" + id + " outcome:accepted provider:github]",
		"verified github ping " + id + " unrouted " + module + " map[endpoint:/hook event:ping id:" + id + " outcome:unrouted provider:github]",
	}
	for range 10 {
		want = append(want, "rejected github   bad_signature "+module+
			" map[endpoint:/hook event: id: left_out:0 outcome:bad_signature provider:github] left out 0")
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("executed is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What docs/observability.md shows of events works.
func TestDocumentedEvents(t *testing.T) {
	takeExecuted()
	t.Setenv("GITHUB_SECRET", testSecret)
	content, err := os.ReadFile("testdata/observability/events.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```\n"+string(content)+"```\n") {
		t.Error("docs/observability.md does not show testdata/observability/events.Caddyfile as it is")
	}
	srv := webhooktest.Start(t, strings.Replace(string(content), "localhost:8080", "127.0.0.1:0", 1))
	checkStatus(t, srv.Post("/github", "{}"), 401)
	srv.Stop()
	if got := takeExecuted(); len(got) != 1 || got[0] != "logger -t webhooks github: missing_signature" {
		t.Errorf("executed is %q", got)
	}
}
