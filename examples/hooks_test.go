package examples_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
)

// TestHooks runs the test cases of every example. At least one has to be
// accepted, and one refused.
func TestHooks(t *testing.T) {
	for _, e := range append(table(t), migrations(t)...) {
		t.Run(e.name, func(t *testing.T) {
			setHead(t, e)
			output, code := runTests(e.name)
			if code != 0 {
				t.Errorf("exit code %d\n%s", code, output)
			}
			accepted, refused := 0, 0
			for line := range strings.Lines(output) {
				switch fields := strings.Fields(line); {
				case len(fields) < 3 || fields[0] != "pass":
				case fields[2] == "accepted":
					accepted++
				default:
					refused++
				}
			}
			if accepted == 0 || refused == 0 {
				t.Errorf("%d accepted and %d refused; there must be one of each\n%s", accepted, refused, output)
			}
		})
	}
}

// TestWrongHooks gives every case one wrong expectation, of each kind that
// there is. Each must fail.
func TestWrongHooks(t *testing.T) {
	testdata, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[string]string{
		"outcome": "outcome handshake", "status": "status 599", "route": "route on 99", "upstream": "upstream nowhere:1",
		"method": "method BREW", "uri": "uri /elsewhere", "header": "header Webhook-Event other", "that": "that body == 1",
	}
	for _, e := range append(table(t), migrations(t)...) {
		t.Run(e.name, func(t *testing.T) {
			setHead(t, e)
			files, err := filepath.Glob(e.name + "/*.hook")
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			var changed []string
			for _, file := range files {
				request, _, _ := strings.Cut(read(t, file), "\n---\n")
				request = strings.Replace(request, "../../testdata", relative(t, folder, testdata), 1)
				for kind, expectation := range wrong {
					name := filepath.Join(folder, kind+"-"+filepath.Base(file))
					if err := os.WriteFile(name, []byte(request+"\n---\n"+expectation+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
					changed = append(changed, name)
				}
			}
			output, code := runTests(e.name, changed...)
			if failed := strings.Count(output, "FAIL "); code != 1 || failed != len(changed) || strings.Contains(output, "pass ") {
				t.Errorf("exit code %d, and %d of %d cases fail\n%s", code, failed, len(changed), output)
			}
		})
	}
}

// TestShownHook runs the case that docs/testing.md shows to fail.
func TestShownHook(t *testing.T) {
	text := read(t, "../docs/testing.md")
	const begin = "```\n# A cancelled order goes to the refunds team.\n"
	_, shown, ok := strings.Cut(text, begin)
	shown, _, closed := strings.Cut(shown, "```\n")
	if !ok || !closed {
		t.Fatal("docs/testing.md does not show the case")
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "refund.hook")
	if err := os.WriteFile(file, []byte(strings.TrimPrefix(begin, "```\n")+shown), 0o600); err != nil {
		t.Fatal(err)
	}
	output, code := runTests("quickstart", file)
	output = strings.ReplaceAll(output, folder+string(filepath.Separator), "")
	if want := "Caddyfile refund.hook\n" + output + "```\n"; code != 1 || !strings.Contains(text, want) {
		t.Errorf("exit code %d; docs/testing.md does not show this:\n%s", code, output)
	}
}

// A case whose event the provider does not document is told of: it may be misspelt.
func TestUnknownEventInHook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "paid.hook")
	if err := os.WriteFile(file, []byte("POST /github\n\nsample github event pulll_request\n---\noutcome accepted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GITHUB_SECRET", "s3cret")
	output, code := runTests("smallest", file)
	if want := "note: " + file + ": github documents no event pulll_request; did you mean pull_request?\n"; code != 0 || !strings.Contains(output, want) {
		t.Errorf("exit code %d; %q is not in\n%s", code, want, output)
	}
	if output, code := runTests("smallest", file, "--json"); code != 0 || !strings.Contains(output, `"outcome": "accepted"`) {
		t.Errorf("exit code %d\n%s", code, output)
	}
}

// A request that no endpoint takes is told which one there is.
func TestExplainNearest(t *testing.T) {
	t.Setenv("GITHUB_SECRET", "s3cret")
	for path, want := range map[string]string{"/githb": "Did you mean the endpoint /github?\n", "/elsewhere": "The endpoints are /github.\n"} {
		file := filepath.Join(t.TempDir(), "captured.http")
		if err := os.WriteFile(file, []byte("POST "+path+" HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 2\r\n\r\n{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		output, code := runExample("explain", "smallest", file)
		if code != 1 || !strings.Contains(output, want) {
			t.Errorf("exit code %d; %q is not in\n%s", code, want, output)
		}
	}
}

// setHead sets the variables of an example as its head says, where it has one.
func setHead(t *testing.T, e example) {
	t.Helper()
	variables := maps.Clone(e.env)
	if env, _ := head(t, e.name); len(env) > 0 {
		variables = env
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// runTests runs "caddy webhooks test" for an example, and returns its exit code.
func runTests(name string, files ...string) (output string, code int) {
	return runExample("test", name, files...)
}

// runExample runs a command for an example, and returns its exit code.
func runExample(subcommand, name string, files ...string) (output string, code int) {
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS("..")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{subcommand, "--config", name + "/Caddyfile"}, files...))
	err := root.Execute()
	return out.String(), exitCode(err)
}

// exitCode is what Caddy's main function makes of an error. Its type is not
// exported.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if value := reflect.ValueOf(err); value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct {
		if code := value.Elem().FieldByName("ExitCode"); code.IsValid() && code.CanInt() {
			return int(code.Int())
		}
	}
	return 1
}

// relative is how a file in a folder names another one.
func relative(t *testing.T, folder, target string) string {
	t.Helper()
	path, err := filepath.Rel(folder, target)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(path)
}
