package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// days are what differs in the output of the commands from day to day.
var days = regexp.MustCompile(`\d+ days ago`)

func fileText(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The commands in the documentation print what it shows.
func TestTroubleshootingCommands(t *testing.T) {
	blocks := strings.Split(fileText(t, "docs/troubleshooting.md"), "\n```\n$ caddy webhooks ")[1:]
	if len(blocks) != 8 {
		t.Fatalf("%d commands are documented, want 8", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "\n```\n")
		line, want, _ := strings.Cut(block, "\n")
		t.Run(line, func(t *testing.T) {
			root := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
			command.New(os.DirFS(".")).CobraFunc(root)
			var output bytes.Buffer
			root.SetOut(&output)
			root.SetArgs(strings.Fields(line))
			if err := root.Execute(); (err != nil) != strings.HasPrefix(want, "not found") {
				t.Errorf("error %v", err)
			}
			got := strings.TrimSuffix(days.ReplaceAllString(output.String(), "N days ago"), "\n")
			if want := days.ReplaceAllString(want, "N days ago"); got != want {
				t.Errorf("it prints\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The log and the inspector of the documented configuration say what is shown.
func TestTroubleshootingLog(t *testing.T) {
	signed := time.Unix(1767225600, 0) // the time of the request for the wrong clock
	at := signed
	webhook.SetClock(func() time.Time { return at })
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	config := strings.Replace(fileText(t, "testdata/troubleshooting/Caddyfile"), "localhost:8080", "localhost:0", 1)
	srv := webhooktest.Start(t, strings.Replace(config, "{\n", "{\n\tadmin "+admin+"\n", 1))

	sections := strings.Split(fileText(t, "docs/troubleshooting.md"), "<!-- log ")[1:]
	if len(sections) != 8 {
		t.Fatalf("%d failures are documented, want 8", len(sections))
	}
	for i, section := range sections {
		name, rest, _ := strings.Cut(section, " -->\n```json\n")
		logged, rest, _ := strings.Cut(rest, "```")
		at = signed.AddDate(0, 0, i) // one endpoint is not diagnosed twice at once
		if name == "clock" {
			at = signed.Add(10 * time.Minute)
		}
		checkStatus(t, srv.Raw([]byte(fileText(t, "testdata/troubleshooting/"+name+".http"))), 401)
		ours := func(e webhooktest.Entry) bool {
			return e["msg"] == "webhook diagnosed" || e["msg"] == "webhook refused"
		}
		entries := srv.Log.WaitAll(t, ours, 2*(i+1))[2*i:]
		for j, line := range strings.Split(strings.TrimSpace(logged), "\n") {
			checkShown(t, name, line, entries[j])
		}
		var list struct{ Deliveries []struct{ Number int } }
		ask(t, admin, "/webhooks/deliveries?limit=1", &list)
		var kept webhooktest.Entry
		ask(t, admin, "/webhooks/deliveries/"+strconv.Itoa(list.Deliveries[0].Number), &kept)
		_, rest, _ = strings.Cut(rest, "<!-- inspector -->\n```json\n")
		inspected, _, _ := strings.Cut(rest, "```")
		checkShown(t, name, inspected, kept)
	}
}

// checkShown compares what the documentation shows with what there is, which
// may be more.
func checkShown(t *testing.T, name, shown string, there webhooktest.Entry) {
	t.Helper()
	var want webhooktest.Entry
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		t.Fatalf("%s: %v: %s", name, err, shown)
	}
	for field, value := range want {
		if !reflect.DeepEqual(there[field], value) {
			t.Errorf("%s: %s is %s, want %s", name, field, jsonText(t, there[field]), jsonText(t, value))
		}
	}
}
