package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// runWebhooks runs a line of caddy webhooks, and returns what it prints and whether it ends
// well.
func runWebhooks(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	root := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), err == nil
}

// An operator asks: was it received, what did the app say, give it to me, send it again.
func TestEventsCommands(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	config, admin, folder := archived(t, "refused", "on push {\n webhook_proxy "+up.Addr()+"\n}\notherwise {\n respond 204\n}")
	srv := webhooktest.Start(t, config)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	const body = `{"customer":{"email":"ann@example.com"}}`
	checkStatus(t, push(srv, body), 500)
	checkStatus(t, event(srv, "ping", `{"zen":"\u001b[31m"}`), 204)
	checkStatus(t, srv.Post("/hook", `{"n":2}`, "X-GitHub-Event: push", "X-GitHub-Delivery: forged", "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)), 401)
	up.Only()
	pushed := search(t, admin, "event=push&refused=false").Events[0]
	id := pushed.ID
	events := func(args ...string) (string, bool) {
		return runWebhooks(t, append(append([]string{"events"}, args...), "--address", admin)...)
	}
	contains := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in\n%s", part, text)
			}
		}
	}
	out, ok := events("list", "--id", id, "--event", "push")
	if contains(out, pushed.Ref, "accepted", "500", id); !ok || strings.Count(out, "\n") != 2 {
		t.Errorf("list prints\n%s", out)
	}
	out, _ = events("list", "--refused", "--since", "1h")
	contains(out, "forged", "bad_signature")
	if out, ok = events("list", "--id", "evt_0"); ok || !strings.Contains(out, "0 found") {
		t.Errorf("nothing found: %s", out)
	}
	if out, ok = events("list", "--where", "body."); ok {
		t.Errorf("a wrong rule: %s", out)
	}
	out, _ = events("list", "--json", "--where", `body.customer.email == "ann@example.com"`)
	contains(out, `"ref": "`+pushed.Ref+`"`)
	out, _ = events("show", pushed.Ref)
	contains(out, "outcome   accepted", "answer    500 after ", "X-Github-Event: push", body)
	ping := search(t, admin, "event=ping").Events[0]
	if out, _ = events("show", ping.Ref); strings.Contains(out, "\x1b") {
		t.Errorf("a terminal is told what to do: %q", out)
	}

	// What export writes is what the other commands read.
	out, _ = events("export", pushed.Ref)
	captured := filepath.Join(t.TempDir(), "captured.http")
	if err := os.WriteFile(captured, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok = runWebhooks(t, "verify", "--provider", "github", "--secret", testSecret, captured); !ok {
		t.Errorf("verify says of it\n%s", out)
	}
	cases := t.TempDir()
	if out, ok = events("export", "--event", "p*", "--hook", "--output", cases); !ok || strings.Count(out, ".hook\n") != 3 {
		t.Errorf("export says\n%s", out)
	}
	if out, ok = events("export", "--event", "p*"); ok {
		t.Errorf("several to the standard output: %s", out)
	}
	caddyfile := filepath.Join(cases, "Caddyfile")
	if err := os.WriteFile(caddyfile, []byte(strings.ReplaceAll(config, "http://:0", "http://"+srv.Addr())), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok = runWebhooks(t, "test", "--config", caddyfile); !ok {
		t.Errorf("the test cases fail:\n%s", out)
	}

	// To the routes, and to a URL; what is refused is not sent.
	if out, ok = events("resend", pushed.Ref); ok {
		t.Errorf("the app still fails, and resend says\n%s", out)
	}
	contains(out, "resent  500", "0 of 1 taken")
	up.Only()
	up.Answer(nil)
	if out, ok = events("resend", "--event", "push", "--rate", "1000/s"); ok {
		t.Errorf("one is refused, and resend says\n%s", out)
	}
	contains(out, pushed.Ref+"  push  "+id+"  resent  200", "forged  bad_signature  (", "1 of 2 taken")
	if got := up.Only(); got.Header.Get("Webhook-Resend") != "1" {
		t.Errorf("the app got %+v", got)
	}
	laptop := webhooktest.NewUpstream(t)
	if out, ok = events("resend", "--event", "push", "--rate", "1000/s", "--to", "http://"+laptop.Addr()+"/mine?x=1"); ok {
		t.Errorf("one is refused, and resend --to says\n%s", out)
	}
	if got := laptop.Only(); got.URI != "/mine?x=1" || string(got.Body) != body || got.Header.Get("Webhook-Resend") != "1" || got.Header.Get("X-Hub-Signature-256") == "" {
		t.Errorf("the laptop got %+v", got)
	}
	up.None()
	if out, ok = events("resend", "--provider", "github", "--after", pushed.Ref, "--limit", "1"); ok || !strings.Contains(out, "more than 1 ") {
		t.Errorf("more than the limit: %s", out)
	}
	if out, ok = events("resend", pushed.Ref, "--rate", "fast"); ok || !strings.Contains(out, "10/s") {
		t.Errorf("a wrong rate: %s", out)
	}

	if out, ok = events("purge"); ok || !strings.Contains(out, "nothing is chosen") {
		t.Errorf("purge of nothing: %s", out)
	}
	if out, ok = events("purge", "--where", `body.customer.email == "ann@example.com"`); !ok || out != "1 erased\n" {
		t.Errorf("purge says %s", out)
	}
	if holds(t, folder, "ann@example.com") {
		t.Error("the disk has what was erased")
	}
	if out, ok = events("purge", "--all"); !ok || out != "2 erased\n" {
		t.Errorf("purge --all says %s", out)
	}
}

// safeBuffer is what a command prints to while a test reads.
type safeBuffer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// A copy of what comes goes to a laptop, as the provider sent it or signed anew, while the
// app is served as ever; also over a reload.
func TestListen(t *testing.T) {
	up, laptop := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	config, admin, _ := archived(t, "", "otherwise {\n webhook_proxy "+up.Addr()+"\n}")
	srv := webhooktest.Start(t, config)
	checkStatus(t, event(srv, "push", `{"n":0}`), 200)
	checkStatus(t, event(srv, "push", `{"n":1}`), 200)

	ctx, cancel := context.WithCancel(t.Context())
	done, out := make(chan error), new(safeBuffer)
	go func() {
		root := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
		command.New(os.DirFS(".")).CobraFunc(root)
		root.SetOut(out)
		root.SetArgs([]string{"listen", "--address", admin, "--to", "http://" + laptop.Addr(), "--event", "pu*", "--last", "1", "--secret", "laptop-secret"})
		done <- root.ExecuteContext(ctx)
	}()
	arrive := func(count int) {
		t.Helper()
		eventually(t, "the laptop has it", func() bool { return len(laptop.Requests()) == count })
	}
	arrive(1)
	laptop.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	checkStatus(t, event(srv, "ping", `{}`), 200)
	checkStatus(t, event(srv, "push", `{"n":2}`), 200)
	arrive(2)
	srv.Reload(config + "# changed\n")
	checkStatus(t, event(srv, "push", `{"n":3}`), 200)
	arrive(3)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("listen ends with %v", err)
	}
	for i, got := range laptop.Requests() {
		body := string([]byte{'{', '"', 'n', '"', ':', byte('1' + i), '}'})
		if string(got.Body) != body || got.URI != "/hook" || got.Header.Get("X-Hub-Signature-256") != "sha256="+webhooktest.HMAC("laptop-secret", body) || got.Header.Get("Webhook-Event") != "" {
			t.Errorf("the laptop got %s %+v", got.Body, got)
		}
	}
	if text := out.String(); !strings.Contains(text, "/hook  push  ") || !strings.Contains(text, "  200 OK in ") || !strings.Contains(text, "  503 Service Unavailable in ") || strings.Contains(text, "\x1b") {
		t.Errorf("listen prints\n%s", text)
	}
	if got := len(up.Requests()); got != 5 {
		t.Errorf("the app got %d", got)
	}
}
