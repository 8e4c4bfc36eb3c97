package examples_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// shown is what the app of the example delivery-status gets, as the tour
// shows it.
var shown = regexp.MustCompile("(?s)```\n(POST /deliveries\n.*?)\n\n(\\{.*?\n\\})\n```\n")

// TestShowcase makes sure that the tour shows what the example
// delivery-status makes of the request that stands beside it.
func TestShowcase(t *testing.T) {
	found := shown.FindStringSubmatch(read(t, "../docs/tour.md"))
	if found == nil {
		t.Fatal("the tour does not show what the app gets")
	}
	var body bytes.Buffer
	if err := json.Compact(&body, []byte(found[2])); err != nil {
		t.Fatal(err)
	}
	e := find(t, "delivery-status")
	e.env, _ = head(t, e.name)
	srv := start(t, e)
	captured := stored(t, "../examples/delivery-status/captured.http")
	answer := srv.Do(captured.request(t, srv))
	// These two depend on the time.
	masked := regexp.MustCompile(`(webhook-(timestamp|signature): ).*`)
	want := masked.ReplaceAllString(found[1]+"\n\n"+body.String(), "$1")
	if got := masked.ReplaceAllString(strings.TrimSpace(answer.Body), "$1"); got != want {
		t.Errorf("the app gets\n%s\nand the tour shows\n%s", got, want)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.env["APP_SECRET"], "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{found[1] + "\n\n" + body.String(), strings.TrimSpace(answer.Body)} {
		checkSignature(t, key, text)
	}
}

// checkSignature recomputes the signature in a text that shows the headers and
// the body of a webhook.
func checkSignature(t *testing.T, key []byte, text string) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	value := func(name string) string {
		_, rest, _ := strings.Cut(head, "\n"+name+": ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(value("webhook-id") + "." + value("webhook-timestamp") + "." + body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); value("webhook-signature") != want {
		t.Errorf("this is not signed by %s:\n%s", want, text)
	}
}

// TestExplain makes sure that the tour shows what the command says.
func TestExplain(t *testing.T) {
	tour := read(t, "../docs/tour.md")
	setHead(t, find(t, "delivery-status"))
	t.Chdir("..")
	const line = "caddy webhooks explain --config examples/delivery-status/Caddyfile examples/delivery-status/captured.http"
	if output := runCommand(t, line); !strings.Contains(tour, "$ "+line+"\n"+output+"```\n") {
		t.Errorf("the tour does not show this:\n%s", output)
	}
}

// TestSnippets makes sure that the tour's part of an example stands in it.
func TestSnippets(t *testing.T) {
	_, snippet, ok := strings.Cut(read(t, "../docs/tour.md"), "```caddyfile\n(delivery_status) {\n")
	snippet, _, closed := strings.Cut(snippet, "```\n")
	if !ok || !closed || !strings.Contains(read(t, "delivery-status/Caddyfile"), "(delivery_status) {\n"+snippet) {
		t.Errorf("examples/delivery-status/Caddyfile lacks what the tour shows of it:\n%s", snippet)
	}
}

// TestProviders makes sure that the README does not promise more providers than
// there are.
func TestProviders(t *testing.T) {
	found := regexp.MustCompile(`More than (\d+) providers`).FindStringSubmatch(read(t, "../README.md"))
	if found == nil {
		t.Fatal("the README does not say how many providers there are")
	}
	if promised, err := strconv.Atoi(found[1]); err != nil || len(verify.BuiltinNames()) <= promised {
		t.Errorf("the README says %s, and there are %d: %v", found[0], len(verify.BuiltinNames()), err)
	}
}
