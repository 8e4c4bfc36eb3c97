package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// refusal is a request that must not reach the application.
type refusal struct {
	name     string
	provider string // with the lines of its block, separated by semicolons
	method   string // default: POST
	body     string
	headers  []string
	status   int
	reason   string
}

func (c refusal) site(up *webhooktest.Upstream) string {
	lines := strings.Split(c.provider, "; ")
	return endpoint(up, lines[0], lines[1:]...)
}

// send sends the request, with the header X-Tell or without.
func (c refusal) send(srv *webhooktest.Server, headers ...string) webhooktest.Response {
	method := c.method
	if method == "" {
		method = "POST"
	}
	return srv.Do(srv.NewRequest(method, "/hook", strings.NewReader(c.body), append(headers, c.headers...)...))
}

const (
	emptyMAC  = "X-Hub-Signature-256: sha256="
	validBody = `{"a":1}`
)

func validMAC() string {
	return "X-Hub-Signature-256: sha256=" + webhooktest.HMAC(testSecret, validBody)
}

func signatureRefusals() []refusal {
	mac := webhooktest.HMAC(testSecret, validBody)
	forged := webhooktest.HMAC("other-secret", validBody)
	const header = "X-Hub-Signature-256: "
	return []refusal{
		{name: "no signature", status: 401, reason: "missing_signature"},
		{name: "empty signature", headers: []string{header}, status: 401, reason: "missing_signature"},
		{name: "blank signature", headers: []string{header + "  "}, status: 401, reason: "missing_signature"},
		{name: "older algorithm only", headers: []string{"X-Hub-Signature: sha1=" + mac[:40]}, status: 401, reason: "missing_signature"},
		{name: "prefix only", headers: []string{emptyMAC}, status: 401, reason: "bad_signature"},
		{name: "no prefix", headers: []string{header + mac}, status: 401, reason: "bad_signature"},
		{name: "other prefix", headers: []string{header + "sha1=" + mac}, status: 401, reason: "bad_signature"},
		{name: "other secret", headers: []string{header + "sha256=" + forged}, status: 401, reason: "bad_signature"},
		{name: "other body", headers: []string{validMAC()}, body: `{"a":2}`, status: 401, reason: "bad_signature"},
		{name: "truncated", headers: []string{validMAC()[:len(validMAC())-2]}, status: 401, reason: "bad_signature"},
		{name: "a single digit", headers: []string{emptyMAC + mac[:1]}, status: 401, reason: "bad_signature"},
		{name: "too long", headers: []string{validMAC() + "00"}, status: 401, reason: "bad_signature"},
		{name: "not hexadecimal", headers: []string{emptyMAC + strings.Repeat("zz", 32)}, status: 401, reason: "bad_signature"},
		{name: "two, the first right", headers: []string{validMAC(), emptyMAC + forged}, status: 401, reason: "bad_signature"},
		{name: "two, the second right", headers: []string{emptyMAC + forged, validMAC()}, status: 401, reason: "bad_signature"},
		{name: "twice the right one", headers: []string{validMAC(), validMAC()}, status: 401, reason: "bad_signature"},
		{name: "a list", headers: []string{validMAC() + ", sha256=" + forged}, status: 401, reason: "bad_signature"},
	}
}

func tokenRefusals() []refusal {
	const token, named = "jelp; token test-token", "shippify; token_header X-Key test-token; token_header X-Client client"
	const basic = "detrack; basic user password"
	return []refusal{
		{name: "no token", provider: token, status: 401, reason: "missing_token"},
		{name: "empty token", provider: token, headers: []string{"Authorization: "}, status: 401, reason: "missing_token"},
		{name: "wrong token", provider: token, headers: []string{"Authorization: Bearer test-tokem"}, status: 401, reason: "bad_token"},
		{name: "start of the token", provider: token, headers: []string{"Authorization: Bearer test-toke"}, status: 401, reason: "bad_token"},
		{name: "no scheme", provider: token, headers: []string{"Authorization: test-token"}, status: 401, reason: "bad_token"},
		{name: "two tokens", provider: token, headers: []string{"Authorization: Bearer test-token", "Authorization: Bearer x"}, status: 401, reason: "bad_token"},
		{name: "one header missing", provider: named, headers: []string{"X-Key: test-token"}, status: 401, reason: "missing_token"},
		{name: "one header wrong", provider: named, headers: []string{"X-Key: test-token", "X-Client: other"}, status: 401, reason: "bad_token"},
		{name: "headers swapped", provider: named, headers: []string{"X-Key: client", "X-Client: test-token"}, status: 401, reason: "bad_token"},
		{name: "no account", provider: basic, status: 401, reason: "missing_token"},
		{name: "wrong password", provider: basic, headers: []string{"Authorization: Basic dXNlcjpwYXNzd29yZQ=="}, status: 401, reason: "bad_token"},
		{name: "account not base64", provider: basic, headers: []string{"Authorization: Basic user:password"}, status: 401, reason: "bad_token"},
		{name: "token instead of account", provider: basic, headers: []string{"Authorization: Bearer dXNlcjpwYXNzd29yZA=="}, status: 401, reason: "bad_token"},
	}
}

func payloadRefusals() []refusal {
	const provider = "instaleap test-secret"
	good, mac := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	signed := func(name, body string) refusal {
		return refusal{name: name, provider: provider, body: body, headers: []string{mac}, status: 400, reason: "malformed"}
	}
	truth, truthMAC := instaleap("true", `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	amp, ampMAC := instaleap(`"a&b"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	return []refusal{
		signed("empty", ""),
		signed("not JSON", "id=a&type=CREATED"),
		signed("byte order mark", "\ufeff"+good),
		signed("invalid UTF-8", strings.Replace(good, `"a"`, "\"a\xff\"", 1)),
		signed("lone surrogate", strings.Replace(good, `"a"`, `"\ud800"`, 1)),
		signed("duplicate name", strings.Replace(good, `{`, `{"id":"b",`, 1)),
		signed("escaped duplicate name", strings.Replace(good, `{`, `{"\u0069d":"b",`, 1)),
		signed("case variant", strings.Replace(good, `{`, `{"ID":"b",`, 1)),
		signed("absent", strings.Replace(good, `"type"`, `"kind"`, 1)),
		signed("null", strings.Replace(good, `"a"`, `null`, 1)),
		{name: "boolean", provider: provider, body: truth, headers: []string{truthMAC}, status: 400, reason: "malformed"},
		{name: "separator in a signed value", provider: provider, body: amp, headers: []string{ampMAC}, status: 400, reason: "malformed"},
		signed("object", strings.Replace(good, `"a"`, `{"a":"a"}`, 1)),
		signed("array", strings.Replace(good, `"a"`, `["a"]`, 1)),
		signed("separator in a value", strings.Replace(good, `"a"`, `"a&2023"`, 1)),
		signed("trailing data", good+"{}"),
		signed("trailing comma", strings.Replace(good, `}`, `,}`, 1)),
		signed("comment", good+"// x"),
	}
}

func otherRefusals() []refusal {
	old, oldMAC := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	future, futureMAC := instaleap(`"a"`, `"2123-06-02T15:42:44Z"`, `"CREATED"`, "")
	noTime, noTimeMAC := instaleap(`"a"`, `"yesterday"`, `"CREATED"`, "")
	const window = "instaleap test-secret; tolerance 5m"
	return []refusal{
		{name: "old", provider: window, body: old, headers: []string{oldMAC}, status: 401, reason: "stale"},
		{name: "from the future", provider: window, body: future, headers: []string{futureMAC}, status: 401, reason: "stale"},
		{name: "no time", provider: window, body: noTime, headers: []string{noTimeMAC}, status: 401, reason: "stale"},
		{name: "old and forged", provider: window, body: old, headers: []string{futureMAC}, status: 401, reason: "bad_signature"},
		{name: "address", provider: "github test-secret; sources 192.0.2.1 2001:db8::/32", headers: []string{validMAC()}, status: 403, reason: "source"},
		{name: "address before the signature", provider: "github test-secret; sources 192.0.2.1", status: 403, reason: "source"},
		{name: "GET", method: "GET", headers: []string{validMAC()}, status: 405, reason: "method"},
		{name: "PUT", method: "PUT", headers: []string{validMAC()}, status: 405, reason: "method"},
		{name: "method override", method: "GET", headers: []string{validMAC(), "X-HTTP-Method-Override: POST"}, status: 405, reason: "method"},
		{name: "gzip", headers: []string{validMAC(), "Content-Encoding: gzip"}, status: 415, reason: "encoding"},
		{name: "two encodings", headers: []string{validMAC(), "Content-Encoding: identity", "Content-Encoding: br"}, status: 415, reason: "encoding"},
		{name: "too large", provider: "github test-secret; max_size 6", headers: []string{validMAC()}, status: 413, reason: "too_large"},
	}
}

// Every refusal has its status and its reason, an empty body unless an error
// route writes one, and stays away from the application.
func TestRefusals(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for group, cases := range map[string][]refusal{
		"signature": signatureRefusals(), "token": tokenRefusals(), "payload": payloadRefusals(), "other": otherRefusals(),
	} {
		for _, c := range cases {
			if c.provider == "" {
				c.provider = "github test-secret"
			}
			if c.body == "" && group != "payload" {
				c.body = validBody
			}
			t.Run(group+"/"+c.name, func(t *testing.T) {
				srv := webhooktest.Start(t, c.site(up))
				checkAnswer(t, c.send(srv), c.status, "")
				told := c.send(srv, "X-Tell: yes")
				checkReason(t, told, c.status, c.reason)
				if allow := told.Header.Get("Allow"); (c.status == 405) != (allow == "POST") {
					t.Errorf("Allow is %q", allow)
				}
				up.None()
				checkRefusalLog(t, srv, c)
			})
		}
	}
}

func checkRefusalLog(t *testing.T, srv *webhooktest.Server, c refusal) {
	t.Helper()
	if t.Failed() {
		return // it may not have been refused at all
	}
	entry := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	provider := strings.Fields(c.provider)[0]
	provider = strings.TrimSuffix(provider, ";")
	for field, want := range map[string]string{
		"level": "warn", "reason": c.reason, "provider": provider, "client_ip": "127.0.0.1", "path": "/hook",
	} {
		if got := entry.Text(field); got != want {
			t.Errorf("the log line has %s %q, want %q", field, got, want)
		}
	}
	if entry.Text("detail") == "" {
		t.Error("the log line has no detail")
	}
	access := srv.Log.Wait(t, webhooktest.Access("/hook"))
	if access.Text("webhook_provider") != provider || access.Text("webhook_outcome") != c.reason {
		t.Errorf("the access log has provider %q and outcome %q, want %q and %q",
			access.Text("webhook_provider"), access.Text("webhook_outcome"), provider, c.reason)
	}
	if _, ok := access["webhook_event"]; ok {
		t.Error("the access log has an event that nobody has verified")
	}
}

// Without any error routes an answer has its status and nothing more.
func TestRefusalWithoutErrorRoutes(t *testing.T) {
	srv := webhooktest.Start(t, "http://:0 {\n handle_webhook github test-secret {\n otherwise {\n respond reached\n }\n }\n}")
	checkAnswer(t, srv.Post("/hook", validBody), 401, "")
	request := srv.NewRequest("DELETE", "/hook", nil)
	answer := srv.Do(request)
	checkAnswer(t, answer, 405, "")
	if answer.Header.Get("Allow") != "POST" {
		t.Errorf("Allow is %q, want POST", answer.Header.Get("Allow"))
	}
}

// A provider's methods, or the operator's, are all that is allowed.
func TestAllowNamesTheMethods(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for lines, want := range map[string]string{
		"token test-token":                  "POST, PUT, PATCH",
		"token test-token\nmethods put GET": "PUT, GET",
	} {
		srv := webhooktest.Start(t, endpoint(up, "shippify", lines))
		answer := srv.Do(srv.NewRequest("DELETE", "/hook", nil, "Authorization: Bearer test-token", "X-Tell: yes"))
		checkReason(t, answer, 405, "method")
		if allow := answer.Header.Get("Allow"); allow != want {
			t.Errorf("Allow is %q, want %q", allow, want)
		}
		for method := range strings.SplitSeq(want, ", ") {
			checkStatus(t, srv.Do(srv.NewRequest(method, "/hook", strings.NewReader("{}"), "Authorization: Bearer test-token")), 200)
			if got := up.Only(); got.Method != method {
				t.Errorf("the upstream got %s, want %s", got.Method, method)
			}
		}
	}
}

// A 401 tells which credentials would do, whatever was wrong with those sent.
func TestChallenges(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const basic, bearer = `Basic realm="webhooks", charset="UTF-8"`, `Bearer realm="webhooks"`
	tests := []struct {
		provider string
		lines    []string
		want     []string
	}{
		{"jelp", []string{"basic user password"}, []string{basic}},
		{"jelp", []string{"token test-token"}, []string{bearer}},
		{"jelp", []string{"token_header X-Key test-token"}, nil},
		{"github test-secret", nil, nil},
	}
	for _, test := range tests {
		srv := webhooktest.Start(t, endpoint(up, test.provider, test.lines...))
		for _, header := range []string{"X-None: x", "Authorization: Bearer wrong", "Authorization: Basic d3Jvbmc="} {
			answer := srv.Post("/hook", "{}", header)
			checkStatus(t, answer, 401)
			if got := answer.Header.Values("WWW-Authenticate"); strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("%v with %q: WWW-Authenticate is %q, want %q", test.lines, header, got, test.want)
			}
		}
	}
	up.None()
}

// What is right is accepted, so that the refusals above prove something.
func TestAccepted(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	mac := webhooktest.HMAC(testSecret, validBody)
	number, numberMAC := instaleap(`12345678901234567890123`, `1.50e+2`, `"CREATED"`, `,"x":1e400`)
	escaped := `{"\u0069d":"\u0061","created_at":"2023-06-02T15:42:44Z","type":"CREATED"}`
	_, escapedMAC := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	for _, c := range []refusal{
		{name: "signature", headers: []string{validMAC()}},
		{name: "upper case", headers: []string{emptyMAC + strings.ToUpper(mac)}},
		{name: "identity encoding", headers: []string{validMAC(), "Content-Encoding: Identity"}},
		{name: "no content type", headers: []string{validMAC()}},
		{name: "address", provider: "github test-secret; sources 192.0.2.1 127.0.0.0/8", headers: []string{validMAC()}},
		{name: "as large as allowed", provider: "github test-secret; max_size 7", headers: []string{validMAC()}},
		{name: "numbers as written", provider: "instaleap test-secret", body: number, headers: []string{numberMAC}},
		{name: "escapes", provider: "instaleap test-secret", body: escaped, headers: []string{escapedMAC}},
		{name: "scheme in lower case", provider: "jelp; token test-token", headers: []string{"Authorization: bearer test-token"}},
		{name: "unverified", provider: "jelp; unverified"},
	} {
		if c.provider == "" {
			c.provider = "github test-secret"
		}
		if c.body == "" {
			c.body = validBody
		}
		t.Run(c.name, func(t *testing.T) {
			srv := webhooktest.Start(t, c.site(up))
			checkStatus(t, c.send(srv), 200)
			if got := up.Only(); string(got.Body) != c.body {
				t.Errorf("the upstream got %q, want %q", got.Body, c.body)
			}
		})
	}
}
