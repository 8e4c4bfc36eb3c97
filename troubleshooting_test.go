package caddywebhooks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/handlers"
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

// The log of the documented configuration has the entries that are shown.
func TestTroubleshootingLog(t *testing.T) {
	signed := time.Unix(1767225600, 0) // the time of the request for the wrong clock
	at := signed
	handlers.SetClock(func() time.Time { return at })
	t.Cleanup(func() { handlers.SetClock(time.Now) })
	srv := webhooktest.Start(t, strings.Replace(fileText(t, "testdata/troubleshooting/Caddyfile"), "localhost:8080", "localhost:0", 1))

	sections := strings.Split(fileText(t, "docs/troubleshooting.md"), "<!-- log ")[1:]
	if len(sections) != 8 {
		t.Fatalf("%d logs are documented, want 8", len(sections))
	}
	seen := 0
	for _, section := range sections {
		name, rest, _ := strings.Cut(section, " -->\n```json\n")
		shown, _, _ := strings.Cut(rest, "```")
		at = signed.AddDate(0, 0, seen) // one endpoint is not diagnosed twice at once
		if name == "clock" {
			at = signed.Add(10 * time.Minute)
		}
		checkStatus(t, srv.Raw([]byte(fileText(t, "testdata/troubleshooting/"+name+".http"))), 401)
		ours := func(e webhooktest.Entry) bool {
			return e["msg"] == "webhook diagnosed" || e["msg"] == "webhook refused"
		}
		entries := srv.Log.WaitAll(t, ours, 2*(seen+1))[2*seen:]
		seen++
		for i, line := range strings.Split(strings.TrimSpace(shown), "\n") {
			var want webhooktest.Entry
			if err := json.Unmarshal([]byte(line), &want); err != nil {
				t.Fatalf("%s: %v: %s", name, err, line)
			}
			for field, value := range want {
				if !reflect.DeepEqual(entries[i][field], value) {
					t.Errorf("%s: %s is %v, want %v", name, field, entries[i][field], value)
				}
			}
		}
	}
}
