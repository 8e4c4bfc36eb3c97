package e2e_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
)

// Alerts read metrics that exist.
func TestAlerts(t *testing.T) {
	content, err := os.ReadFile("monitoring/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var docs []byte
	for _, document := range []string{"docs/delivery.md", "docs/observability.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, text...)
	}
	for _, name := range metricName.FindAllString(string(content), -1) {
		if family := strings.TrimSuffix(name, "_bucket"); !strings.Contains(string(docs), "`"+family+"`") {
			t.Errorf("an alert reads %s, which the docs do not have", name)
		}
	}
}

// runbook is what an alert tells to type: one command, or some in a block.
var runbook = regexp.MustCompile(`(?m)^          runbook: (?:\|\n((?:            .*\n)+)|(.*)\n)`)

// Each alert has a runbook, whose commands work as they stand: they are known, ask a
// running Caddy, and find or do something, or nothing.
func TestRunbooks(t *testing.T) {
	content, err := os.ReadFile("monitoring/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	k := newKept(t)
	alerts := strings.Split(string(content), "- alert: ")[1:]
	for _, alert := range alerts {
		name, _, _ := strings.Cut(alert, "\n")
		found := runbook.FindStringSubmatch(alert)
		if found == nil {
			t.Errorf("%s has no runbook", name)
			continue
		}
		for line := range strings.Lines(found[1] + found[2]) {
			if args, ok := strings.CutPrefix(strings.TrimSpace(line), "caddy webhooks "); !ok {
				t.Errorf("%s tells to type %q", name, line)
			} else if output, err := runbookCommand(k.admin, args); err != nil {
				t.Errorf("%s tells to type %q: %v\n%s", name, line, err, output)
			}
		}
	}
	for _, alert := range usefulAlerts(t) {
		if !slices.ContainsFunc(alerts, func(a string) bool { return strings.HasPrefix(a, alert+"\n") }) {
			t.Errorf("the docs name the alert %s, which there is not", alert)
		}
	}
}

// usefulAlerts are those that the docs name.
func usefulAlerts(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile("(?m)^\\| `(Webhook[A-Za-z]+)` \\|").FindAllStringSubmatch(string(content), -1) {
		names = append(names, match[1])
	}
	if len(names) < 10 {
		t.Errorf("the docs name the alerts %v only", names)
	}
	return names
}

// runbookCommand runs a line as a shell would. That nothing was found is no error.
func runbookCommand(admin, line string) (string, error) {
	labels := strings.NewReplacer("{{ $labels.endpoint }}", "/hook", "{{ $labels.destination }}", "later")
	root := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var output bytes.Buffer
	root.SetOut(&output)
	root.SetErr(&output)
	root.SetArgs(append(strings.Fields(strings.ReplaceAll(labels.Replace(line), "'", "")), "--address", admin))
	if err := root.Execute(); err != nil && !strings.HasPrefix(output.String(), "0 ") {
		return output.String(), err
	}
	return output.String(), nil
}
