package command_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDiagnose(t *testing.T) {
	const key = "test-secret-instaleap"
	signed := "../testdata/instaleap/requests/signed.http"
	tests := []struct {
		name   string
		args   []string
		code   int
		output []string
	}{
		{"built in", []string{"--secret", key, signed}, 0, []string{
			"instaleap\n- a built-in provider\n- signed: body.id, body.created_at, body.type\n", "handle_webhook /instaleap instaleap {env.INSTALEAP_SECRET} {\n",
		}},
		{"second secret", []string{"--secret", "other", "--secret", key, signed}, 0, []string{"instaleap\n", "- secret 2 is the right one\n"}},
		{"secret with white space", []string{"--secret", " " + key + "\n", signed}, 0, []string{"instaleap\n", "- the secret has white space or quotation marks around it"}},
		{"another secret", []string{"--secret", "other", signed}, 1, []string{
			"not found\n", "- header.Instaleap-Signature holds 32 bytes in hex, as SHA256 makes them\n", "- check the secret",
		}},
		{"unsigned", []string{"--secret", key, "../testdata/detrack-v1/requests/form.http"}, 1, []string{"not found\n- no header, parameter or field has the form of a signature"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, code, err := run(append([]string{"diagnose"}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, %v; want %d", code, err, test.code)
			}
			expectAll(t, output, test.output...)
			expectNone(t, output, key)
			if len(test.output) > 0 && !strings.HasPrefix(output, strings.SplitAfter(test.output[0], "\n")[0]) {
				t.Errorf("it does not begin with %q: %.100s", test.output[0], output)
			}
		})
	}
}

func TestDiagnoseJSON(t *testing.T) {
	output, code, err := run("diagnose", "--json", "--secret", "test-secret-github", "../testdata/github/requests/signed.http")
	var outcome map[string]any
	if jsonErr := json.Unmarshal([]byte(output), &outcome); jsonErr != nil || code != 0 {
		t.Fatalf("exit code %d, %v, %v: %s", code, err, jsonErr, output)
	}
	for name, want := range map[string]any{"found": true, "provider": "github", "builtin": true} {
		if outcome[name] != want {
			t.Errorf("%s is %v; want %v", name, outcome[name], want)
		}
	}
	output, code, _ = run("diagnose", "--json", "--secret", "other", "../testdata/github/requests/signed.http")
	if !strings.HasPrefix(output, `{"found":false,"notes":["header.X-Hub-Signature-256`) || code != 1 {
		t.Errorf("exit code %d: %s", code, output)
	}
}

func TestDiagnoseMistakes(t *testing.T) {
	request := "../testdata/github/requests/signed.http"
	for want, args := range map[string][]string{
		"no secret is given":  {"diagnose", request},
		"--secret is empty":   {"diagnose", "--secret", " ", request},
		"accepts 1 arg(s)":    {"diagnose", "--secret", "s"},
		"no such file":        {"diagnose", "--secret", "s", "absent.http"},
		"not an HTTP request": {"diagnose", "--secret", "s", file(t, "x.http", "hello")},
		"public-url":          {"diagnose", "--secret", "s", "--public-url", "hooks", request},
		"unknown flag":        {"diagnose", "--provider", "github", request},
		"no such file or dir": {"diagnose", "--secret", "@absent.txt", request},
	} {
		output, code, err := run(args...)
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: exit code %d, %v; want 2 and %q\n%s", args, code, err, want, output)
		}
	}
}

// The keys of a tenant are tried as those of the flag --secret are, and never printed.
func TestDiagnoseKnowsTenants(t *testing.T) {
	const request = "../testdata/github/requests/signed.http"
	tenant := func(secret string) string {
		return "@" + file(t, "acme.json", `{"credentials": {"a": {"secrets": ["another-secret-1"]}, "b": {"secrets": ["`+secret+`"]}}}`)
	}
	output, code, err := run("diagnose", "--tenant", tenant("test-secret-github"), request)
	if err != nil || code != 0 || !strings.Contains(output, "github") || strings.Contains(output, "test-secret-github") {
		t.Errorf("exit code %d, %v:\n%s", code, err, output)
	}
	if output, code, _ = run("diagnose", "--tenant", tenant("some-other-secret"), request); code != 1 {
		t.Errorf("another secret: exit code %d:\n%s", code, output)
	}
	for from, want := range map[string]string{
		"acme.json":    "as @FILE",
		"@absent.json": "no such file",
		"@" + file(t, "empty.json", `{"credentials": {"a": {"tokens": ["a-token-of-acme-1"]}}}`): "neither secrets nor public keys",
	} {
		if _, code, err := run("diagnose", "--tenant", from, request); code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, %v; want %q", from, code, err, want)
		}
	}
}
