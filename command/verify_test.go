package command_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// captured is a recorded request.
func captured(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestVerify(t *testing.T) {
	const key = "test-secret-instaleap"
	tests := []struct {
		name   string
		args   []string
		code   int
		output string
	}{
		{"right", []string{"--provider", "instaleap", "--secret", key, "../testdata/instaleap/requests/signed.http"}, 0, "verified: instaleap\nsigned: fields\nevent: ALLOCATED\nid: 5bf7128e-c481-48fe-86fa-d0d52282dde8\n"},
		{"another secret", []string{"--provider", "instaleap", "--secret", "other", "../testdata/instaleap/requests/signed.http"}, 1, "refused: bad_signature\n"},
		{"old and new secret", []string{"--provider", "instaleap", "--secret", "other", "--secret", key, "../testdata/instaleap/requests/signed.http"}, 0, "verified: instaleap\n"},
		{"tampered", []string{"--provider", "instaleap", "--secret", key, "../testdata/instaleap/requests/tampered-type.http"}, 1, "refused: bad_signature\n"},
		{"no signature", []string{"--provider", "instaleap", "--secret", key, "../testdata/instaleap/requests/token.http"}, 1, "refused: missing_signature\n"},
		{"token", []string{"--provider", "instaleap", "--token", "X-Instaleap-Token=test-token-instaleap", "../testdata/instaleap/requests/token.http"}, 0, "signed: none\n"},
		{"basic", []string{"--provider", "detrack-v1", "--basic", "test-user:test-password-detrack-v1", "../testdata/detrack-v1/requests/form.http"}, 0, "event: Delivered\n"},
		{"event by expression", []string{"--provider", "jelp", "--basic", "test-user:test-password-jelp", "../testdata/jelp/requests/basic.http"}, 0, "event: order_update:assign_driver\n"},
		{"method", []string{"--provider", "github", "--secret", key, "../testdata/shippify/requests/put.http"}, 1, "refused: method\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, code, _ := run(append([]string{"verify"}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d; want %d", code, test.code)
			}
			expectAll(t, output, test.output)
			expectNone(t, output, key, "test-password", "test-token")
		})
	}
}

func TestVerifyJSON(t *testing.T) {
	output, code, err := run("verify", "--json", "--provider", "instaleap", "--secret", "test-secret-instaleap", "../testdata/instaleap/requests/signed.http")
	var verdict map[string]any
	if jsonErr := json.Unmarshal([]byte(output), &verdict); jsonErr != nil || err != nil || code != 0 {
		t.Fatalf("exit code %d, %v, %v: %s", code, err, jsonErr, output)
	}
	for name, want := range map[string]any{"verified": true, "provider": "instaleap", "event": "ALLOCATED", "signed": "fields"} {
		if verdict[name] != want {
			t.Errorf("%s is %v; want %v", name, verdict[name], want)
		}
	}
	output, code, _ = run("verify", "--json", "--provider", "instaleap", "--secret", "other", "../testdata/instaleap/requests/signed.http")
	verdict = nil
	if err := json.Unmarshal([]byte(output), &verdict); err != nil || code != 1 || verdict["verified"] != false || verdict["error"] != "bad_signature" {
		t.Errorf("exit code %d, %v: %s", code, err, output)
	}
}

func TestVerifyInput(t *testing.T) {
	request := captured(t, "instaleap/requests/signed.http")
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	var kept []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if !strings.HasPrefix(line, "Content-Length") {
			kept = append(kept, line)
		}
	}
	withoutLength := strings.Join(kept, "\r\n") + "\r\n\r\n" + body
	args := []string{"verify", "--provider", "instaleap", "--secret", "test-secret-instaleap"}
	for name, test := range map[string]struct {
		input string
		code  int
	}{
		"whole":                    {request, 0},
		"without a length":         {withoutLength, 0},
		"cut short":                {request[:len(request)-1], 2},
		"cut short, unknown to it": {withoutLength[:len(withoutLength)-10], 1},
		"no request":               {"hello", 2},
		"empty":                    {"", 2},
	} {
		for _, last := range [][]string{nil, {"-"}} {
			if output, code, err := runWith(strings.NewReader(test.input), append(args, last...)...); code != test.code {
				t.Errorf("%s, %q: exit code %d, %v; want %d\n%s", name, last, code, err, test.code, output)
			}
		}
	}
}

func TestVerifyTime(t *testing.T) {
	spec := file(t, "spec.json", `{"scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":"{timestamp}.{body}",
		"timestamp":{"from":["header.X-Timestamp"],"tolerance":"5m"}}`)
	// HMAC-SHA256 of "1715688000.body" with the key "key".
	request := "POST / HTTP/1.1\r\nHost: example.com\r\nX-Timestamp: 1715688000\r\n" +
		"X-Signature: 628ba8e1dabe2c3a866761d2da75c6be2c178945ed0ea0fe31c1a8a62e456196\r\nContent-Length: 4\r\n\r\nbody"
	for at, want := range map[string]int{
		"1715688000": 0, "1715688300": 0, "2024-05-14T12:05:00Z": 0, "1715688301": 1, "2024-05-14T11:54:59Z": 1, "": 1, "noon": 2,
	} {
		output, code, err := runWith(strings.NewReader(request), "verify", "--spec", spec, "--secret", "key", "--at", at)
		if code != want {
			t.Errorf("--at %q: exit code %d, %v; want %d\n%s", at, code, err, want, output)
		}
		if want == 1 {
			expectAll(t, output, "refused: stale")
		}
	}
}

func TestVerifyMistakes(t *testing.T) {
	request := "../testdata/instaleap/requests/signed.http"
	for want, args := range map[string][]string{
		"either --provider or --spec": {"verify", request},
		"either --provider":           {"verify", "--provider", "github", "--spec", "x.json", request},
		"did you mean instaleap?":     {"verify", "--provider", "instalap", request},
		"no credentials":              {"verify", "--provider", "instaleap", request},
		"no such file":                {"verify", "--provider", "instaleap", "--secret", "s", "absent.http"},
		"unknown field":               {"verify", "--spec", file(t, "spec.json", `{"nam":"x"}`), "--secret", "s", request},
		"public_url":                  {"verify", "--provider", "instaleap", "--secret", "s", "--public-url", "hooks", request},
		"at most 1 arg":               {"verify", request, request},
		"unknown flag":                {"verify", "--tamper", request},
	} {
		output, code, err := run(args...)
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: exit code %d, %v; want 2 and %q\n%s", args, code, err, want, output)
		}
	}
}

// Requests as people and tools save them are read as a server would.
func TestVerifyForms(t *testing.T) {
	body := `{"action":"opened"}`
	signature := "X-Hub-Signature-256: sha256=" + webhooktest.HMAC(secret, body)
	lines := []string{"POST /hook HTTP/1.1", "Host: hooks.example.com", "X-GitHub-Event: issues", signature}
	request := func(lineEnd, target, body string, more ...string) string {
		head := append(slices.Clone(lines), more...)
		head[0] = "POST " + target + " HTTP/1.1"
		return strings.Join(head, lineEnd) + lineEnd + lineEnd + body
	}
	length := fmt.Sprintf("Content-Length: %d", len(body))
	for name, test := range map[string]struct {
		request string
		code    int
	}{
		"CRLF":                      {request("\r\n", "/hook", body, length), 0},
		"LF":                        {request("\n", "/hook", body, length), 0},
		"without a length":          {request("\n", "/hook", body), 0},
		"line after the body":       {request("\n", "/hook", body+"\n", length), 0},
		"line after it, no length":  {request("\n", "/hook", body+"\n"), 1},
		"empty lines before it":     {"\n\r\n" + request("\r\n", "/hook", body, length), 0},
		"chunked":                   {request("\r\n", "/hook", fmt.Sprintf("5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", body[:5], len(body)-5, body[5:]), "Transfer-Encoding: chunked"), 0},
		"absolute-form":             {request("\r\n", "https://hooks.example.com/hook", body), 0},
		"length of less":            {request("\r\n", "/hook", body, "Content-Length: 3"), 1},
		"length of more":            {request("\r\n", "/hook", body, "Content-Length: 300"), 2},
		"chunked by its head alone": {request("\r\n", "/hook", body, "Transfer-Encoding: chunked"), 0},
		"a chunk is missing":        {request("\r\n", "/hook", fmt.Sprintf("5\r\n%s\r\n", body[:5]), "Transfer-Encoding: chunked"), 2},
		"HTTP/2":                    {strings.Replace(request("\r\n", "/hook", body), "HTTP/1.1", "HTTP/2", 1), 0},
		"HTTP/3":                    {strings.Replace(request("\n", "/hook", body), "HTTP/1.1", "HTTP/3", 1), 0},
		"no version":                {strings.Replace(request("\r\n", "/hook", body), " HTTP/1.1", "", 1), 0},
		"a byte order mark":         {"\ufeff" + request("\r\n", "/hook", body, length), 0},
		"as curl -v shows it":       {"> " + strings.ReplaceAll(strings.TrimSuffix(request("\r\n", "/hook", ""), "\r\n\r\n"), "\r\n", "\r\n> ") + "\r\n> \r\n" + body, 0},
	} {
		args := []string{"verify", "--provider", "github", "--secret", "older", "--secret", secret}
		if output, code, err := runWith(strings.NewReader(test.request), args...); code != test.code {
			t.Errorf("%s: exit code %d, %v; want %d\n%s", name, code, err, test.code, output)
		}
	}
}

// Bytes that Content-Length leaves over are told of where they may be why nothing
// verifies.
func TestVerifyTellsOfBytesLeftOver(t *testing.T) {
	body := `{"action":"opened"}`
	request := "POST /hook HTTP/1.1\r\nHost: a\r\nX-GitHub-Event: issues\r\nX-Hub-Signature-256: sha256=" + webhooktest.HMAC(secret, body) +
		fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)-1) + body
	for _, args := range [][]string{{"verify", "--provider", "github", "--secret", secret}, {"diagnose", "--secret", secret, "-"}} {
		output, code, err := runWith(strings.NewReader(request), args...)
		if code != 1 {
			t.Errorf("%s: exit code %d, %v", args[0], code, err)
		}
		expectAll(t, output, "1 more byte stands after the body")
	}
}

// Tokens of a provider that publishes its keys verify by a key that is given,
// alone or in a set, without a network.
func TestVerifyPublished(t *testing.T) {
	spec, _ := verify.Builtin("google-pubsub")
	keys := keyPairs()["RS256"]
	sender := &verify.Config{JWT: &verify.JWTCredential{
		Keys: []string{keys.private}, Audience: "https://hooks.example.com/pubsub", Require: `claims.email == "a@example.com"`,
	}}
	at := time.Date(2026, 3, 4, 9, 15, 30, 0, time.UTC)
	body := captured(t, "google-pubsub/sample.json")
	r := &verify.Request{
		Method: "POST", URL: &url.URL{Scheme: "https", Host: "hooks.example.com", Path: "/pubsub"}, Header: make(http.Header),
		Received: at, Body: payload.New([]byte(body), "application/json", ""),
	}
	if err := verify.SignWithClaims(spec, sender, r, map[string]any{"email": "a@example.com", "email_verified": true}); err != nil {
		t.Fatal(err)
	}
	request := "POST /pubsub HTTP/1.1\nHost: hooks.example.com\nAuthorization: " + r.Header.Get("Authorization") + "\n\n" + body
	args := func(key, audience, email string) []string {
		return []string{
			"verify", "--provider", "google-pubsub", "--secret", key, "--audience", audience,
			"--require", `claims.email == "` + email + `"`, "--at", at.Format(time.RFC3339),
		}
	}
	const audience = "https://hooks.example.com/pubsub"
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		output string
	}{
		{"right", args(keys.public, audience, "a@example.com"), 0, "verified: google-pubsub\nsigned: none\nevent: OBJECT_FINALIZE\nid: 2070443601311540\n"},
		{"key set", args(publicSet(t, keys.public), audience, "a@example.com"), 0, "verified: google-pubsub\n"},
		{"another audience", args(keys.public, "other", "a@example.com"), 1, "refused: bad_token\nthe token's audience does not include \"other\"\n"},
		{"another sender", args(keys.public, audience, "b@example.com"), 1, "refused: bad_token\n"},
		{"too late", append(args(keys.public, audience, "a@example.com"), "--at", "2026-03-05T00:00:00Z"), 1, "refused: bad_token\nthe token has expired"},
	} {
		output, code, err := runWith(strings.NewReader(request), test.args...)
		if code != test.code {
			t.Errorf("%s: exit code %d, %v; want %d", test.name, code, err, test.code)
		}
		expectAll(t, output, test.output)
	}
	for want, args := range map[string][]string{
		"google-pubsub needs audience":             {"verify", "--provider", "google-pubsub", "--require", "true"},
		"are for providers that publish their key": {"verify", "--provider", "github", "--secret", "s", "--audience", "a"},
		"require: unknown name body":               {"verify", "--provider", "google-pubsub", "--audience", "a", "--require", "body.a == 1"},
	} {
		if _, code, err := runWith(strings.NewReader(request), args...); code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("exit code %d, %v; want 2, %s", code, err, want)
		}
	}
}

// publicSet is a JSON Web Key Set of a public key in PEM.
func publicSet(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(set)
}
