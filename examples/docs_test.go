package examples_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// TestCommands runs what the head of an example tells to send, as it stands and
// with --tamper.
func TestCommands(t *testing.T) {
	for _, e := range append(table(t), migrations(t)...) {
		env, sends := head(t, e.name)
		if sends == nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			e.env = env
			srv := start(t, e)
			t.Chdir("..") // where users stand
			_, port, _ := strings.Cut(srv.Addr(), ":")
			for _, line := range sends {
				line = strings.ReplaceAll(line, "localhost:8080", "localhost:"+port)
				if output := runCommand(t, line); !strings.Contains(output, "\nHTTP/1.1 2") && !strings.Contains(line, "--tamper") {
					t.Errorf("%s\n%s", line, output)
				}
				if e.name == "jelp-unverified" {
					continue // nothing protects it
				}
				if output := runCommand(t, line+" --tamper"); !strings.Contains(output, "\nHTTP/1.1 401 ") {
					t.Errorf("%s --tamper\n%s", line, output)
				}
			}
		})
	}
}

// head reads the commands in the comment that an example begins with.
func head(t *testing.T, name string) (env map[string]string, sends []string) {
	t.Helper()
	env = make(map[string]string)
	for line := range strings.Lines(read(t, name+"/Caddyfile")) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "#\t")
		switch {
		case !ok:
		case strings.HasPrefix(line, "caddy webhooks send "):
			sends = append(sends, line)
		case strings.Contains(line, "caddy run "):
			variables, ok := strings.CutSuffix(line, "caddy run --config examples/"+name+"/Caddyfile")
			if !ok {
				t.Errorf("this does not run the example %s: %s", name, line)
			}
			maps.Copy(env, assignments(variables))
		}
	}
	return env, sends
}

// assignments reads variables as they stand before a command.
func assignments(text string) map[string]string {
	env := make(map[string]string)
	for variable := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}

// runCommand runs a line "caddy webhooks …" at the root of the repository, and
// returns what it prints.
func runCommand(t *testing.T, line string) string {
	t.Helper()
	var output bytes.Buffer
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	root.SetOut(&output)
	root.SetArgs(strings.Fields(line)[2:])
	// A refusal is an error, too. The output shows what it was.
	if err := root.Execute(); err != nil {
		t.Logf("%s: %v", line, err)
	}
	return output.String()
}

// TestCases runs the test cases of the quickstart. The tour shows the output.
func TestCases(t *testing.T) {
	tour := read(t, "../docs/tour.md")
	t.Chdir("..")
	const line = "caddy webhooks test --config examples/quickstart/Caddyfile"
	if output := runCommand(t, line); !strings.Contains(tour, "$ "+line+"\n"+output) {
		t.Errorf("the tour does not show this:\n%s", output)
	}
}

// documents are the pages that are held against the repository.
func documents(t *testing.T) []string {
	t.Helper()
	return files(t, "..", ".md")
}

// files lists what ends so in a folder and below it, save for what Node has
// installed.
func files(t *testing.T, folder, ending string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ending) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%s has no files that end in %s: %v", folder, ending, err)
	}
	return found
}

// quoted is a block that shows a file: a comment with its name, then the block.
var quoted = regexp.MustCompile("(?s)<!-- (examples/[^ ]+) -->\n+```[a-z]*\n(.*?)```\n")

// TestQuotedFiles compares the examples that documents show with the files,
// and makes sure that each is shown or linked.
func TestQuotedFiles(t *testing.T) {
	var all strings.Builder
	for _, document := range documents(t) {
		text := read(t, document)
		all.WriteString(text)
		blocks := quoted.FindAllStringSubmatch(text, -1)
		for _, block := range blocks {
			if file := read(t, filepath.Join("..", block[1])); file != block[2] {
				t.Errorf("%s does not show %s as it is", document, block[1])
			}
		}
		if marks := strings.Count(text, "<!-- examples/"); marks != len(blocks) {
			t.Errorf("%s has %d marks of examples, and %d blocks after them", document, marks, len(blocks))
		}
	}
	for _, e := range table(t) {
		if !strings.Contains(all.String(), "examples/"+e.name+"/Caddyfile") {
			t.Errorf("no document mentions the example %s", e.name)
		}
	}
}

// configuration is a block of a Caddyfile, with the comment before it.
var configuration = regexp.MustCompile("(?s)(?:<!-- ([^>]*) -->\n+)?```caddyfile\n(.*?)```\n")

// generated is the page that a command writes, without marks.
const generated = "../docs/providers.md"

// TestFragments adapts the configurations that documents show and that no file
// holds. They are marked, so that nothing is left out by mistake.
func TestFragments(t *testing.T) {
	global := regexp.MustCompile(`^(\{|\()`)
	for _, document := range documents(t) {
		for _, block := range configuration.FindAllStringSubmatch(read(t, document), -1) {
			mark, text := block[1], block[2]
			switch {
			case strings.HasPrefix(mark, "examples/"), strings.HasPrefix(mark, "testdata/"):
			case strings.HasPrefix(mark, "fragment of "):
				if file := strings.TrimPrefix(mark, "fragment of "); !strings.Contains(read(t, filepath.Join("..", file)), text) {
					t.Errorf("%s: this is not in %s:\n%s", document, file, text)
				}
			case mark == "fragment", document == generated:
				if !global.MatchString(text) {
					text = "http://localhost:8080 {\n" + text + "}\n"
				}
				if _, err := webhooktest.Adapt(text); err != nil {
					t.Errorf("%s: %v\n%s", document, err, text)
				}
			default:
				t.Errorf("%s shows a configuration without a mark, <!-- examples/… --> or <!-- fragment -->:\n%s", document, text)
			}
		}
	}
}

// TestReadmeCommands runs what the README tells to send to Stripe's and GitHub's
// endpoints.
func TestReadmeCommands(t *testing.T) {
	e := find(t, "stripe-github")
	var sends []string
	for line := range strings.Lines(read(t, "../README.md")) {
		line = strings.TrimSpace(line)
		if variables, ok := strings.CutSuffix(line, "./caddy run"); ok {
			e.env = assignments(variables)
		}
		if strings.HasPrefix(line, "./caddy webhooks send ") {
			sends = append(sends, line)
		}
	}
	srv := start(t, e)
	t.Chdir("..") // where users stand
	_, port, _ := strings.Cut(srv.Addr(), ":")
	for _, line := range sends {
		line = strings.ReplaceAll(line, "localhost:8080", "localhost:"+port)
		if output := runCommand(t, line); !strings.Contains(output, "HTTP/1.1 200 ") {
			t.Errorf("%s\n%s", line, output)
		}
	}
	if len(sends) != 2 {
		t.Errorf("the README has %d commands that send", len(sends))
	}
}

// TestQuotedOutput makes sure that the tour shows what the quickstart answers
// and logs.
func TestQuotedOutput(t *testing.T) {
	tour := read(t, "../docs/tour.md")
	e := find(t, "quickstart")
	if answer := e.steps[0].want; !strings.Contains(tour, answer) {
		t.Errorf("the tour lacks the answer\n%s", answer)
	}
	_, quote, ok := strings.Cut(tour, "webhook refused\t")
	var fields map[string]string
	if err := json.NewDecoder(strings.NewReader(quote)).Decode(&fields); !ok || err != nil {
		t.Fatalf("the tour has no line of the log: %v", err)
	}
	srv := start(t, e)
	srv.Do(e.steps[len(e.steps)-1].send.request(t, srv)) // the tampered one
	entry := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	for name, value := range fields {
		if entry.Text(name) != value {
			t.Errorf("the tour says %s is %q, the log %q", name, value, entry.Text(name))
		}
	}
}

// TestDependencies makes sure that each direct dependency is explained.
func TestDependencies(t *testing.T) {
	explained := read(t, "../docs/dependencies.md")
	for line := range strings.Lines(read(t, "../go.mod")) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") && !strings.Contains(explained, "`"+fields[0]+"`") {
			t.Errorf("docs/dependencies.md does not mention %s", fields[0])
		}
	}
}

// TestReference makes sure that the reference names all that can be written.
func TestReference(t *testing.T) {
	var reference strings.Builder
	for _, page := range files(t, "../docs/directives", ".md") {
		reference.WriteString(read(t, page))
	}
	for _, name := range slices.Concat(fieldNames(reflect.TypeFor[verify.Spec]()), fieldNames(reflect.TypeFor[verify.Config]())) {
		if name == "name" || name == "scheme" || name == "evidence" {
			continue // stand before the block, or nowhere
		}
		singular := strings.TrimSuffix(name, "s")
		if !strings.Contains(reference.String(), "`"+name) && !strings.Contains(reference.String(), "`"+singular) {
			t.Errorf("no page in docs/directives mentions %s", name)
		}
	}
}

// fieldNames returns the JSON names of a struct and of those inside it.
func fieldNames(structure reflect.Type) []string {
	var names []string
	for i := range structure.NumField() {
		field := structure.Field(i)
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && field.Name != "Content" && field.Name != "Evidence" && field.Name != "TokenHeaders" && field.Name != "Basic" {
			names = append(names, fieldNames(inner)...)
		}
	}
	return names
}
