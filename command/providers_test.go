package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestProviders(t *testing.T) {
	output, code, err := run("providers")
	if err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	names := verify.BuiltinNames()
	if len(lines) != len(names)+1 || !strings.HasPrefix(lines[0], "PROVIDER") {
		t.Fatalf("%d lines for %d providers:\n%s", len(lines), len(names), output)
	}
	for i, line := range lines {
		if before, _, _ := strings.Cut(line, "http"); len(before) > 230 {
			t.Errorf("line %d is %d wide before the address", i, len(before))
		}
	}
	for i, name := range names {
		spec, _ := verify.Builtin(name)
		fields := strings.Fields(lines[i+1])
		if fields[0] != name || fields[len(fields)-1] != spec.Docs {
			t.Errorf("the line of %s is %q", name, lines[i+1])
		}
		for _, kind := range spec.Credentials {
			if !strings.Contains(lines[i+1], kind) {
				t.Errorf("the line of %s lacks %s: %q", name, kind, lines[i+1])
			}
		}
	}
	for name, want := range map[string]string{
		"instaleap ": " fields ", "github ": " header.X-GitHub-Event ", "jelp ": " expression ", "shippify ": " body.status +1 ",
	} {
		for _, line := range lines {
			if strings.HasPrefix(line, name) && !strings.Contains(line, want) {
				t.Errorf("the line lacks %q: %q", want, line)
			}
		}
	}
}

func TestProvidersAsJSON(t *testing.T) {
	for line, want := range map[string]int{"providers": len(verify.BuiltinNames()), "providers --evidence": len(verify.BuiltinNames())} {
		output, code, err := run(append(strings.Fields(line), "--json")...)
		var list []map[string]any
		if code != 0 || err != nil || json.Unmarshal([]byte(output), &list) != nil || len(list) < want {
			t.Errorf("%s: %d, %v, %d", line, code, err, len(list))
		}
	}
	output, code, err := run("providers", "github", "--json")
	var spec verify.Spec
	if code != 0 || err != nil || json.Unmarshal([]byte(output), &spec) != nil || spec.Name != "github" {
		t.Errorf("%d, %v\n%s", code, err, output)
	}
	if _, code, _ := run("providers", "--json", "--markdown"); code != 2 {
		t.Errorf("two formats: exit code %d", code)
	}
}

func TestProvider(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		output, code, err := run("providers", name)
		if err != nil || code != 0 {
			t.Errorf("%s: exit code %d, %v", name, code, err)
		}
		expectAll(t, output, spec.Title, spec.Docs, "handle_webhook /"+name+" "+name+" {", "otherwise")
	}
	output, _, _ := run("providers", "instaleap")
	expectAll(t, output, "body.id, body.created_at, body.type", "secret {env.INSTALEAP_SECRET}", "hmac-sha256")
	for name, want := range map[string][]string{
		"github":        {"headers              X-Github-Event, X-Github-Delivery, X-Hub-Signature-256\n"},
		"gitlab":        {"headers              X-Gitlab-Token, "},
		"google-pubsub": {"headers              Authorization, X-Goog-Pubsub-Message-Id\n", "\t\taudience https://", "\t\trequire `claims.email == "},
	} {
		output, _, _ := run("providers", name)
		for _, text := range want {
			expectAll(t, output, text)
		}
	}
}

func TestProvidersMarkdown(t *testing.T) {
	output, code, err := run("providers", "--markdown")
	if err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	for _, name := range verify.BuiltinNames() {
		expectAll(t, output, "\n## "+name+"\n", "| ["+name+"](#"+name+") |")
	}
}

// Each piece of evidence has a line, which says where to look.
func TestProvidersEvidence(t *testing.T) {
	output, code, err := run("providers", "--evidence")
	if err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")[1:]
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, e := range spec.Evidence {
			if len(lines) == 0 {
				t.Fatalf("no line for %s", name)
			}
			line := lines[0]
			lines = lines[1:]
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[0] != name || fields[1] != e.Kind || fields[2] != e.Read || !strings.HasSuffix(line, e.Source) {
				t.Errorf("the line of %s is %q", name, line)
			}
		}
	}
}

func TestProvidersMistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"did you mean instaleap?": {"providers", "instalap"},
		"leave the name out":      {"providers", "--markdown", "github"},
		"leave the rest out":      {"providers", "--evidence", "github"},
		"at most 1 arg":           {"providers", "github", "jelp"},
		"unknown flag":            {"providers", "--md"},
	} {
		_, code, err := run(args...)
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: exit code %d, %v; want 2 and %q", args, code, err, want)
		}
	}
}
