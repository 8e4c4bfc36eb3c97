package command_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// secret is a shared key that is long enough for every algorithm.
const secret = "test-key-of-all-schemes-32-bytes-or-more"

// arrange returns the flags of the sender and the configuration of the
// receiver for one kind of credentials, or no flags where only the provider
// itself can sign.
func arrange(t *testing.T, spec *verify.Spec, kind string) (flags []string, config *verify.Config) {
	t.Helper()
	switch kind {
	case "secret":
		keys := secretsOf(t, spec)
		if keys.private == "" {
			return nil, nil
		}
		return []string{"--secret", keys.private}, &verify.Config{Secrets: []string{keys.public}}
	case "token":
		if spec.Token != nil && spec.Token.HandshakeOnly {
			return nil, nil
		}
		return []string{"--token", "token-value"}, &verify.Config{Tokens: []string{"token-value"}}
	case "basic":
		return []string{"--basic", "user-name:pass-word"}, &verify.Config{Basic: []verify.Account{{Username: "user-name", Password: "pass-word"}}}
	case "jwt":
		return nil, nil // by --token, with a token from the issuer
	default:
		t.Fatalf("say here how %s is sent", kind)
		return nil, nil
	}
}

func TestSend(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, kind := range spec.Credentials {
			t.Run(name+" by "+kind, func(t *testing.T) {
				flags, config := arrange(t, spec, kind)
				if flags == nil {
					return // TestSendCannotSign, TestSendToken
				}
				s := receive(t, name, config)
				args := append([]string{"send", name, "--to", s.URL + "/hook"}, flags...)
				output, code, err := run(args...)
				if err != nil || code != 0 || s.reason != "" {
					t.Fatalf("exit code %d, %v; refused for %q", code, err, s.reason)
				}
				expectAll(t, output, " to "+s.URL+"/hook\n\nHTTP/1.1 200 OK\n", "\nX-Answer: yes\n\nthe answer's body\n")
				expectNone(t, output, "token-value", "pass-word", "dXNlci1uYW1lOnBhc3Mtd29yZA", secret)
				if !strings.HasPrefix(s.header.Get("User-Agent"), "caddy-webhooks/") {
					t.Errorf("User-Agent is %q", s.header.Get("User-Agent"))
				}

				output, code, _ = run(append(args, "--tamper")...)
				if code != 1 || s.reason == "" {
					t.Errorf("spoilt: exit code %d, refused for %q; want 1 and a refusal", code, s.reason)
				}
				expectAll(t, output, "\n\nHTTP/1.1 401 Unauthorized\n")
			})
		}
	}
}

func TestSendCannotSign(t *testing.T) {
	for provider, key := range map[string]string{"aws-sns": "arn:aws:sns:us-east-1:123456789012:name", "paypal": "8PT597110X687430LKGECATA"} {
		s := receive(t, "jelp", &verify.Config{Unverified: true})
		if _, code, err := run("send", provider, "--to", s.URL, "--secret", key); code != 2 || err == nil || s.header != nil {
			t.Errorf("%s: exit code %d, %v; want 2 and nothing sent", provider, code, err)
		}
	}
}

// A token from its issuer is sent as it is.
func TestSendToken(t *testing.T) {
	s := receive(t, "google-pubsub", &verify.Config{Tokens: []string{"issued-token"}})
	output, code, err := run("send", "google-pubsub", "--to", s.URL, "--token", "issued-token")
	if err != nil || code != 0 || s.reason != "" || s.event != "OBJECT_FINALIZE" {
		t.Errorf("exit code %d, %v; refused for %q, event %q", code, err, s.reason, s.event)
	}
	expectNone(t, output, "issued-token")
}

// What the sender prints is what was sent: in short, or all of it.
func TestSendOutput(t *testing.T) {
	s := receive(t, "instaleap", &verify.Config{Secrets: []string{secret}})
	const id = "7e4f1d4e-1111-4222-8333-b8a1c2d3e4f5"
	args := []string{"send", "instaleap", "--to", s.URL + "/hook?a=b", "--secret", secret, "--id", id}
	output, _, err := run(args...)
	if err != nil || !strings.HasPrefix(output, "instaleap ALLOCATED "+id+" to "+s.URL+"/hook?a=b\n\nHTTP/1.1 200 OK\n") ||
		strings.Count(output, "\n") > 10 {
		t.Errorf("%v\n%s", err, output)
	}
	output, _, err = run(append(args, "--verbose", "--header", "X-Own: mine", "--header", "Host: hooks.example.com")...)
	if err != nil {
		t.Fatal(err)
	}
	expectAll(t, output, "> POST "+s.URL+"/hook?a=b\n", "> Instaleap-Signature: "+s.header.Get("InstaLeap-Signature")+"\n",
		"> Content-Type: application/json\n", "> X-Own: mine\n", strings.TrimSpace(s.body))
	if s.host != "hooks.example.com" || s.header.Get("X-Own") != "mine" {
		t.Errorf("it came to %s with %v", s.host, s.header)
	}
	sample, err := os.ReadFile("../testdata/instaleap/sample.json")
	if want := strings.ReplaceAll(string(sample), "5bf7128e-c481-48fe-86fa-d0d52282dde8", id); err != nil || s.body != want {
		t.Errorf("the body is not the sample: %v", err)
	}
}

// Each webhook has an id of its own, like that of the sample, so that it is no
// duplicate; with --id it has that one.
func TestSendID(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		if len(spec.ID) == 0 {
			continue
		}
		kind := append(spec.Credentials, "")[0]
		if kind == "" {
			continue
		}
		flags, config := arrange(t, spec, kind)
		if flags == nil || strings.HasPrefix(spec.ID[0], "=") || strings.Contains(spec.ID[0], "form.") ||
			slices.Contains([]string{"discord", "mandrill", "mailgun", "mailgun-form"}, name) {
			continue // nothing can sign it, or the sample's id has no place in JSON, or is made when it is signed
		}
		s := receive(t, name, config)
		ids := make(map[string]bool)
		for range 2 {
			if _, code, err := run(append([]string{"send", name, "--to", s.URL}, flags...)...); code != 0 || err != nil {
				t.Fatalf("%s: %d, %v", name, code, err)
			}
			ids[s.id] = true
		}
		if len(ids) != 2 {
			t.Errorf("%s is sent twice as %v", name, ids)
		}
		_, code, err := run(append([]string{"send", name, "--to", s.URL, "--id", "1234567"}, flags...)...)
		if code != 0 || err != nil || !strings.Contains(s.id, "1234567") {
			t.Errorf("%s with --id is sent as %q: %d, %v", name, s.id, code, err)
		}
	}
}

// What may not be meant is said, and so is what has no proof.
// Where a provider signs in several ways, each can be sent.
func TestSendWays(t *testing.T) {
	several := 0
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		ways := spec.Ways()
		if len(ways) == 1 {
			continue
		}
		several++
		keys := secretsOf(t, spec)
		for i, way := range ways {
			s := receiveAs(t, way, &verify.Config{Secrets: []string{keys.public}})
			args := []string{"send", name, "--to", s.URL + "/hook?data.id=1", "--secret", keys.private, "--way", strconv.Itoa(i + 1)}
			if name == "segment" && i == 1 { // batches are signed in this way
				args = append(args, "--payload", file(t, "batch.json", `[{"type":"track"},{"type":"page"}]`))
			}
			if _, code, err := run(args...); err != nil || code != 0 {
				t.Errorf("%s, way %d: exit code %d, %v; refused for %q", name, i+1, code, err, s.reason)
			}
		}
	}
	if several == 0 {
		t.Error("no provider signs in several ways")
	}

	const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	polar, _ := verify.Builtin("polar")
	s := receiveAs(t, polar.Ways()[0], &verify.Config{Secrets: []string{whsec}})
	if _, code, _ := run("send", "polar", "--to", s.URL, "--secret", whsec, "--way", "2"); code != 1 {
		t.Errorf("the second way is taken for the first: exit code %d", code)
	}
}

func TestSendNotes(t *testing.T) {
	for line, want := range map[string]string{
		"stripe --event invoice.payed --secret whsec_x":         "note: stripe documents no event invoice.payed; did you mean invoice.paid?\n",
		"stripe --event charge.dispute.closed --secret whsec_x": "note: no sample of charge.dispute.closed is built in; the payload is that of invoice.paid\n",
		"github": "note: it is sent without any proof, as neither --secret, --token, --basic nor --tenant is given\n",
		"stripe --event customer.subscription.deleted --secret whsec_x": "",
	} {
		s := receive(t, "jelp", &verify.Config{Unverified: true})
		output, code, err := run(append([]string{"send"}, strings.Fields(line+" --to "+s.URL)...)...)
		if code != 0 || err != nil || !strings.Contains(output, want) || strings.Contains(output, "note: ") != (want != "") {
			t.Errorf("send %s: %d, %v\n%s", line, code, err, output)
		}
	}
}

// A name is looked up as --resolve says, and with --insecure any certificate is good.
func TestSendResolve(t *testing.T) {
	var host string
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	address, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	args := []string{"send", "github", "--secret", secret, "--to", "https://hooks.example.com:" + port + "/", "--resolve", "hooks.example.com:" + port + ":" + address}
	if _, code, err := run(args...); code != 2 || err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %d, %v", code, err)
	}
	if output, code, err := run(append(args, "--insecure")...); code != 0 || err != nil || host != "hooks.example.com:"+port {
		t.Errorf("%d, %v, at %q\n%s", code, err, host, output)
	}
}

// A provider of one's own is read out of the configuration. What it is like has a
// sample; else the payload is given.
func TestSendOwnProvider(t *testing.T) {
	config := file(t, "Caddyfile", `{
	webhooks {
		provider ours like stripe {
			event body.type
		}
		provider inhouse hmac {
			signature header.X-Inhouse-Signature
			content {body}
			event body.kind
			id body.id
		}
	}
}
`)
	s := receive(t, "jelp", &verify.Config{Unverified: true})
	if output, code, err := run("send", "ours", "--config", config, "--to", s.URL, "--secret", "whsec_x", "--event", "invoice.paid"); code != 0 ||
		s.header.Get("Stripe-Signature") == "" {
		t.Errorf("ours: %d, %v\n%s", code, err, output)
	}
	args := []string{"send", "inhouse", "--config", config, "--to", s.URL, "--secret", secret}
	if _, code, err := run(args...); code != 2 || err == nil || !strings.Contains(err.Error(), "no sample is built in of inhouse; give one with --payload") {
		t.Errorf("without a payload: %d, %v", code, err)
	}
	output, code, err := run(append(args, "--payload", file(t, "x.json", `{"kind":"paid","id":7}`), "--id", "8")...)
	if code != 0 || !strings.HasPrefix(output, "inhouse paid 8 to ") || s.body != `{"kind":"paid","id":8}` || s.header.Get("X-Inhouse-Signature") == "" {
		t.Errorf("inhouse: %d, %v, %s\n%s", code, err, s.body, output)
	}
}

// A tampered webhook differs in what the scheme protects and nowhere else.
func TestTamper(t *testing.T) {
	tests := []struct {
		provider string
		flags    []string
		config   *verify.Config
		want     verify.Reason
	}{
		{"github", []string{"--secret", secret}, &verify.Config{Secrets: []string{secret}}, verify.BadSignature},
		{"instaleap", []string{"--secret", secret}, &verify.Config{Secrets: []string{secret}}, verify.BadSignature},
		{"instaleap", []string{"--token", "t"}, &verify.Config{Tokens: []string{"t"}}, verify.BadToken},
		{"shippify", []string{"--token", "X-A=a", "--token", "X-B=b"}, twoHeaders, verify.BadToken},
		{"detrack", []string{"--basic", "u:p"}, &verify.Config{Basic: []verify.Account{{Username: "u", Password: "p"}}}, verify.BadToken},
	}
	for _, test := range tests {
		s := receive(t, test.provider, test.config)
		args := append([]string{"send", test.provider, "--to", s.URL}, test.flags...)
		if spec, _ := verify.Builtin(test.provider); len(spec.ID) > 0 {
			args = append(args, "--id", "1")
		}
		if _, code, err := run(args...); code != 0 || s.reason != "" {
			t.Errorf("%q: exit code %d, %v, refused for %q", args, code, err, s.reason)
		}
		plain := s.body
		if _, code, _ := run(append(args, "--tamper")...); code != 1 || s.reason != test.want {
			t.Errorf("%q, spoilt: exit code %d, refused for %q; want %q", args, code, s.reason, test.want)
		}
		if changed := s.body != plain; changed != (test.want == verify.BadSignature) {
			t.Errorf("%q, spoilt: the body changed: %t", args, changed)
		}
	}
	s := receive(t, "jelp", &verify.Config{Unverified: true})
	if _, code, err := run("send", "jelp", "--to", s.URL, "--tamper"); code != 2 || err == nil || s.header != nil {
		t.Errorf("spoiling what nothing protects: exit code %d, %v", code, err)
	}
}

var twoHeaders = &verify.Config{TokenHeaders: []verify.TokenHeader{
	{Name: "X-A", Values: []string{"a"}}, {Name: "X-B", Values: []string{"b"}},
}}

func TestSendEvent(t *testing.T) {
	tests := []struct {
		provider, event, want string
	}{
		{"github", "pull_request", "pull_request"}, // in a header
		{"github", "", "push"},
		{"instaleap", "CANCELLED", "CANCELLED"}, // in the body, signed
		{"instaleap", "", "ALLOCATED"},
		{"detrack", "failed", "failed"}, // in a field that an expression reads
		{"detrack", "scheduled", "scheduled"},
		{"jelp", "order_update:comment", "order_update:comment"}, // by the shape of a sample
		{"jelp", "order_update:tracking", "order_update:tracking"},
		{"jelp", "order_update:complete_order", "order_update:complete_order"},
		{"jelp", "", "order_update:assign_driver"},
		{"shippify", "returned", "returned"},
	}
	for _, test := range tests {
		spec, _ := verify.Builtin(test.provider)
		flags, config := arrange(t, spec, spec.Credentials[0])
		s := receive(t, test.provider, config)
		args := append([]string{"send", test.provider, "--to", s.URL, "--event", test.event}, flags...)
		if _, code, err := run(args...); err != nil || code != 0 || s.reason != "" || s.event != test.want {
			t.Errorf("%s %q: exit code %d, %v, refused for %q, event %q; want %q",
				test.provider, test.event, code, err, s.reason, s.event, test.want)
		}
	}
	// Events that no field and no sample has.
	for provider, event := range map[string]string{"jelp": "unheard_of", "instaleap-chat": "other"} {
		s := receive(t, provider, &verify.Config{Unverified: true})
		if _, code, err := run("send", provider, "--to", s.URL, "--event", event); code != 2 || err == nil || s.header != nil {
			t.Errorf("%s %s: exit code %d, %v; want 2 and nothing sent", provider, event, code, err)
		}
	}
}

func TestSendPayload(t *testing.T) {
	config := func() *verify.Config { return &verify.Config{Secrets: []string{secret}} }
	request := "POST /other HTTP/1.1\r\nHost: example.com\r\nX-GitHub-Event: star\r\nX-Extra: kept\r\n" +
		"X-Hub-Signature-256: sha256=00\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
	tests := []struct{ provider, name, content, body, contentType, event string }{
		{"github", "x.json", `{"a":1}` + "\n", `{"a":1}` + "\n", "application/json", "branch_protection_configuration"},
		{"github", "x.form", "payload=%7B%7D", "payload=%7B%7D", "application/x-www-form-urlencoded", "branch_protection_configuration"},
		{"github", "x.txt", "text", "text", "text/plain", "branch_protection_configuration"},
		{"github", "x.bin", "\x00\xff", "\x00\xff", "application/octet-stream", "branch_protection_configuration"},
		{"github", "x.http", request, `{"a":1}`, "application/json", "star"},
		{"instaleap", "x.json", `{"id":"i","created_at":"c","type":"T"}`, `{"id":"i","created_at":"c","type":"T"}`, "application/json", "T"},
	}
	for _, test := range tests {
		s := receive(t, test.provider, config())
		output, code, err := run("send", test.provider, "--to", s.URL, "--secret", secret, "--payload", file(t, test.name, test.content))
		if err != nil || code != 0 || s.reason != "" {
			t.Errorf("%s: exit code %d, %v, refused for %q\n%s", test.name, code, err, s.reason, output)
		}
		if s.body != test.body || s.header.Get("Content-Type") != test.contentType || s.event != test.event {
			t.Errorf("%s: body %q, type %q, event %q", test.name, s.body, s.header.Get("Content-Type"), s.event)
		}
	}
	s := receive(t, "instaleap", config())
	path := file(t, "x.json", `{"id": "i", "created_at":"c", "type" : "T", "n": 38.90}`)
	if _, code, err := run("send", "instaleap", "--to", s.URL, "--secret", secret, "--payload", path, "--event", "U"); err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
	if want := `{"id": "i", "created_at":"c", "type" : "U", "n": 38.90}`; s.body != want || s.reason != "" {
		t.Errorf("the body is %s; want %s", s.body, want)
	}
}

func TestSendValuesFromFiles(t *testing.T) {
	s := receive(t, "instaleap", &verify.Config{
		Secrets:      []string{secret},
		TokenHeaders: []verify.TokenHeader{{Name: "X-Token", Values: []string{"from=a=file"}}},
		Basic:        []verify.Account{{Username: "u", Password: "p:q"}},
	})
	for _, end := range []string{"", "\n", "\r\n"} {
		output, code, err := run("send", "instaleap", "--to", s.URL,
			"--secret", "@"+file(t, "secret", secret+end),
			"--token", "X-Token=@"+file(t, "token", "from=a=file"+end),
			"--basic", "@"+file(t, "basic", "u:p:q"+end))
		if err != nil || code != 0 || s.reason != "" {
			t.Errorf("with %q at the end: exit code %d, %v, refused for %q", end, code, err, s.reason)
		}
		expectNone(t, output, secret, "from=a=file", "p:q", "dTpwOnE")
	}
	if _, code, err := run("send", "instaleap", "--to", s.URL, "--secret", "@"+filepath.Join(t.TempDir(), "absent")); code != 2 || err == nil {
		t.Errorf("a file that is not there: exit code %d, %v", code, err)
	}
}

func TestSendTokens(t *testing.T) {
	tests := []struct {
		flag, header, value string
	}{
		{"plain", "Authorization", "Bearer plain"},
		{"x-token=value", "X-Token", "value"},
		{"X-Token=a=b==", "X-Token", "a=b=="},
		{"cGFkZGVk", "Authorization", "Bearer cGFkZGVk"},
		{"cGFkZGVkZA==", "Authorization", "Bearer cGFkZGVkZA=="},
		{"cGFkZGVkMQ=", "Authorization", "Bearer cGFkZGVkMQ="},
		{"a+b/c=d", "Authorization", "Bearer a+b/c=d"},
	}
	for _, test := range tests {
		s := receive(t, "jelp", &verify.Config{Unverified: true})
		output, code, err := run("send", "jelp", "--to", s.URL, "--verbose", "--token", test.flag)
		if err != nil || code != 0 || s.header.Get(test.header) != test.value {
			t.Errorf("--token %s: exit code %d, %v, headers %v", test.flag, code, err, s.header)
		}
		expectNone(t, output, test.value)
		expectAll(t, output, "> "+test.header+": (not shown)\n")
	}
}

func TestSendExitCodes(t *testing.T) {
	status := func(code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for url, want := range map[string]int{
		status(200): 0, status(204): 0, status(302): 0, status(400): 1, status(401): 1, status(404): 1, status(503): 1,
		closed.URL: 2, "localhost:8080": 2, "": 2, "/hook": 2, "http://": 2, "http://a b/": 2, "ftp://localhost/": 2,
	} {
		output, code, _ := run("send", "jelp", "--to", url)
		if code != want {
			t.Errorf("--to %q: exit code %d; want %d\n%s", url, code, want, output)
		}
	}
}

func TestSendMistakes(t *testing.T) {
	s := receive(t, "instaleap", &verify.Config{Secrets: []string{secret}})
	for want, args := range map[string][]string{
		"did you mean instaleap?": {"send", "instalap", "--to", s.URL},
		"USER:PASSWORD":           {"send", "detrack", "--to", s.URL, "--basic", "user"},
		"empty password":          {"send", "detrack", "--to", s.URL, "--basic", "user:"},
		"no scheme":               {"send", "jelp", "--to", s.URL, "--secret", secret},
		"secret 1 is empty":       {"send", "instaleap", "--to", s.URL, "--secret", ""},
		"accepts 1 arg":           {"send", "--to", s.URL},
		"unknown flag":            {"send", "instaleap", "--to", s.URL, "--tampre"},
		"no such file":            {"send", "instaleap", "--to", s.URL, "--secret", secret, "--payload", "absent.json"},
		"signing":                 {"send", "instaleap", "--to", s.URL, "--secret", secret, "--payload", file(t, "x.json", `{"id":"i"}`)},
		"HOST:PORT:ADDRESS":       {"send", "instaleap", "--to", s.URL, "--secret", secret, "--resolve", "localhost"},
		"'NAME: VALUE'":           {"send", "instaleap", "--to", s.URL, "--secret", secret, "--header", "X-Own"},
		"counted from 1 to 2":     {"send", "polar", "--to", s.URL, "--secret", secret, "--way", "3"},
		"--way is 0":              {"send", "polar", "--to", s.URL, "--secret", secret, "--way", "0"},
		"no place is known":       {"send", "jelp", "--to", s.URL, "--id", "1"},
		"not an HTTP request":     {"send", "instaleap", "--to", s.URL, "--secret", secret, "--payload", file(t, "x.http", "no")},
	} {
		_, code, err := run(args...)
		if code != 2 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: exit code %d, %v; want 2 and %q", args, code, err, want)
		}
		if err != nil {
			expectNone(t, err.Error(), secret)
		}
	}
	if s.header != nil {
		t.Error("something was sent")
	}
}

// Every provider has a sample, and each folder of samples is a provider's.
func TestSamples(t *testing.T) {
	folders, err := filepath.Glob("../testdata/*/sample.*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	names := verify.BuiltinNames()
	for _, sample := range folders {
		if name := filepath.Base(filepath.Dir(sample)); !slices.Contains(names, name) {
			t.Errorf("%s is no provider's", sample)
		}
	}
}
