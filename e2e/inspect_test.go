package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// inspected is a site whose webhooks are kept, and the address of its
// administration endpoint.
func inspected(t *testing.T, inspect string) (config, admin string) {
	t.Helper()
	admin = "127.0.0.1:" + webhooktest.FreePort(t)
	return `{
	admin ` + admin + `
	webhooks {
		provider looked token {
			event body.kind
			id body.id
		}
	}
}
` + site(`handle_webhook /hook looked {
		token `+testToken+`
		max_size 1KiB
		`+inspect+`
		on order.* when body.n > 1 {
			route {
				webhook_rewrite {
					body "{moved: body, loud: upper(body.password ?? ''), auth: header('Authorization'), q: query('key')}"
				}
				respond 202
			}
		}
		otherwise {
			respond 204
		}
	}`), admin
}

// ask gets something from an administration endpoint.
func ask(t *testing.T, admin, path string, answer any, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", "http://"+admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer == nil {
		return response
	}
	if err := json.Unmarshal(body, answer); err != nil {
		t.Fatalf("%s: %v in %s", path, err, body)
	}
	return response
}

// shown is what the endpoint tells of a delivery, as far as tests look at it.
type shown struct {
	Number                                            int
	Provider, Outcome, Detail, Event, ID, Route, Path string
	Status, Size                                      int
	Headers                                           []struct{ Name, Value string }
	Verification                                      []struct {
		Check  string
		Passed bool
		Reason string
	}
	Rules []struct {
		Events  []string
		When    string
		Matched bool
		Clauses []struct{ Source, Value, Error string }
	}
	Body, Sent struct{ Content, Omitted string }
	Rewrite    []string
	Rewritten  bool
}

type shownList struct {
	Instance   string
	Deliveries []shown
}

// What is kept tells why, and none of the credentials and redacted values,
// wherever a rewrite has moved them.
func TestInspector(t *testing.T) {
	config, admin := inspected(t, `inspect 3 {
			bodies
			redact password
		}`)
	srv := webhooktest.Start(t, config)
	const body = `{"kind":"order.paid","id":"<script>","n":2,"password":"hunter2"}`
	authorized := "Authorization: Bearer " + testToken
	checkStatus(t, srv.Post("/hook?key=in-query", body, authorized, "X-Api-Key: api-secret", "X-Seen: <b>"), 202)
	checkStatus(t, srv.Post("/hook", `{"kind":"order.paid"}`, authorized), 204)
	checkStatus(t, srv.Post("/hook", `{}`, "Authorization: Bearer wrong-secret"), 401)

	var list shownList
	ask(t, admin, "/webhooks/deliveries", &list)
	if len(list.Deliveries) != 3 {
		t.Fatalf("there are %d deliveries: %+v", len(list.Deliveries), list)
	}
	refused, other, first := list.Deliveries[0], list.Deliveries[1], list.Deliveries[2]
	if refused.Outcome != "bad_token" || refused.Status != 401 || refused.Detail == "" || refused.Event != "" {
		t.Errorf("the refused one is %+v", refused)
	}
	if other.Route != "otherwise" || other.Status != 204 {
		t.Errorf("the one for otherwise is %+v", other)
	}
	if first.Event != "order.paid" || first.ID != "<script>" || first.Route != "on 1" || first.Status != 202 ||
		first.Outcome != "accepted" || first.Path != "/hook" || first.Size != len(body) {
		t.Errorf("the first is %+v", first)
	}
	detail := func(number int) (d shown) {
		ask(t, admin, "/webhooks/deliveries/"+jsonText(t, number), &d)
		return d
	}
	d := detail(first.Number)
	if d.Body.Content != `{"kind":"order.paid","id":"<script>","n":2,"password":"[redacted]"}` {
		t.Errorf("the payload is %+v", d.Body)
	}
	want := `{"auth":"[redacted]","loud":"[REDACTED]","moved":{"id":"<script>","kind":"order.paid","n":2,"password":"[redacted]"},"q":""}`
	if d.Sent.Content != want || len(d.Rewrite) == 0 || !d.Rewritten {
		t.Errorf("the rewritten payload is %+v, want %s; the difference is %q", d.Sent, want, d.Rewrite)
	}
	if len(d.Verification) != 4 || !d.Verification[2].Passed {
		t.Errorf("the verification is %+v", d.Verification)
	}
	matched := 0
	for _, rule := range d.Rules {
		if rule.Matched {
			matched++
		}
	}
	if matched != 2 || len(d.Rules) != 2 {
		t.Errorf("the rules are %+v", d.Rules)
	}
	all := jsonText(t, d) + jsonText(t, detail(refused.Number)) + jsonText(t, detail(other.Number))
	for _, secret := range []string{"hunter2", "HUNTER2", testToken, "wrong-secret", "api-secret", "in-query"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is shown: %s", secret, all)
		}
	}
	if !strings.Contains(jsonText(t, detail(other.Number)), `invalid operation`) {
		t.Errorf("the failed rule is not explained: %+v", detail(other.Number).Rules)
	}

	// A reload keeps what there is, and the numbers go on.
	srv.Reload(config + "# changed\n")
	checkStatus(t, srv.Post("/hook", `{"kind":"x"}`, authorized), 204)
	var later shownList
	ask(t, admin, "/webhooks/deliveries?after="+jsonText(t, refused.Number), &later)
	if len(later.Deliveries) != 1 || later.Instance != list.Instance {
		t.Errorf("after a reload there is %+v", later)
	}
	ask(t, admin, "/webhooks/deliveries", &list)
	if len(list.Deliveries) != 3 {
		t.Errorf("%d are kept, want 3", len(list.Deliveries))
	}
	for query, want := range map[string]int{
		"provider=looked": 3, "provider=other": 0, "endpoint=/hook": 3, "endpoint=looked": 0, "event=order.*": 1, "outcome=bad_token": 1, "limit=2": 2, "text=ORDER.PAID": 1, "text=nosuch": 0, "before=1": 0,
	} {
		ask(t, admin, "/webhooks/deliveries?"+query, &list)
		if len(list.Deliveries) != want {
			t.Errorf("%s selects %d, want %d", query, len(list.Deliveries), want)
		}
	}
	if got := runTail(t, admin, "--outcome", "bad_token"); !strings.Contains(got, "  looked  at /hook  bad_token  401  POST ") ||
		strings.Count(got, "\n") != 1 {
		t.Errorf("caddy webhooks tail prints\n%s", got)
	}
}

// A copy is kept as one, and of two endpoints that a request passes through each
// keeps what it has seen itself.
func TestInspectorOfCopiesAndTwoEndpoints(t *testing.T) {
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, `{
	admin `+admin+`
	webhooks {
		inspect
		provider outer token
		provider inner token {
			event body.kind
			id body.id
		}
	}
}
`+site(`handle_webhook /hook outer {
		token `+testToken+`
		otherwise {
			handle_webhook inner {
				token `+testToken+`
				replay 1h `+t.Name()+`
				otherwise {
					respond 202
				}
			}
		}
	}`))
	for range 2 {
		checkStatus(t, sendKind(srv, `{"kind":"paid","id":"1"}`), 202)
	}
	var list shownList
	ask(t, admin, "/webhooks/deliveries", &list)
	var got []string
	for _, d := range list.Deliveries {
		got = append(got, fmt.Sprint(d.Provider, " ", d.Outcome, " ", d.Event, " ", d.Status))
		var whole shown
		ask(t, admin, "/webhooks/deliveries/"+jsonText(t, d.Number), &whole)
		for _, header := range whole.Headers {
			if d.Provider == "outer" && strings.HasPrefix(header.Name, "Webhook-") {
				t.Errorf("the outer one shows a header of ours: %v", header)
			}
		}
	}
	if want := "outer accepted  202, inner duplicate paid 202, outer accepted  202, inner accepted paid 202"; strings.Join(got, ", ") != want {
		t.Errorf("kept is %s, want %s", strings.Join(got, ", "), want)
	}
}

// Without bodies no payload is kept, nor anything computed of it; without
// inspect nothing is, and what was is forgotten.
func TestInspectorKeepsNoMoreThanAsked(t *testing.T) {
	config, admin := inspected(t, "inspect")
	srv := webhooktest.Start(t, config)
	const body = `{"kind":"order.paid","n":2,"password":"hunter2"}`
	checkStatus(t, sendKind(srv, body), 202)
	checkStatus(t, sendKind(srv, strings.Repeat("x", 2000)), 413)
	var list shownList
	ask(t, admin, "/webhooks/deliveries", &list)
	if len(list.Deliveries) != 2 {
		t.Fatalf("there is %+v", list)
	}
	var large, d shown
	ask(t, admin, "/webhooks/deliveries/"+jsonText(t, list.Deliveries[0].Number), &large)
	if large.Outcome != "too_large" || len(large.Verification) != 1 || large.Verification[0].Passed {
		t.Errorf("what was refused before it was read is %+v", large)
	}
	ask(t, admin, "/webhooks/deliveries/"+jsonText(t, list.Deliveries[1].Number), &d)
	if text := jsonText(t, d); strings.Contains(text, "hunter2") || d.Body.Content != "" || d.Sent.Content != "" || !d.Rewritten {
		t.Errorf("the delivery is %s", text)
	}
	var providers []struct {
		Provider  string
		Outcomes  map[string]int
		Inspected bool
	}
	config, admin = inspected(t, "")
	srv.Reload(config)
	checkStatus(t, sendKind(srv, body), 202)
	ask(t, admin, "/webhooks/deliveries", &list)
	if len(list.Deliveries) != 0 {
		t.Errorf("without inspect there is %+v", list)
	}
	ask(t, admin, "/webhooks/providers", &providers)
	if len(providers) != 1 || providers[0].Provider != "looked" || providers[0].Inspected || providers[0].Outcomes["accepted"] < 2 {
		t.Errorf("the providers are %+v", providers)
	}
}

// The endpoint is for reading, by those whom Caddy lets, and tells browsers to
// run nothing but its own script.
func TestInspectorEndpoint(t *testing.T) {
	config, admin := inspected(t, "inspect")
	webhooktest.Start(t, config)
	for path, contentType := range map[string]string{
		"/webhooks/": "text/html; charset=utf-8", "/webhooks/inspector.js": "text/javascript; charset=utf-8",
		"/webhooks/detail.js": "text/javascript; charset=utf-8", "/webhooks/actions.js": "text/javascript; charset=utf-8",
		"/webhooks/dom.js": "text/javascript; charset=utf-8", "/webhooks/tenants.js": "text/javascript; charset=utf-8", "/webhooks/inspector.css": "text/css; charset=utf-8", "/webhooks/deliveries": "application/json",
		"/webhooks/providers": "application/json",
	} {
		header := ask(t, admin, path, nil).Header
		policy := header.Get("Content-Security-Policy")
		if header.Get("Content-Type") != contentType || header.Get("X-Content-Type-Options") != "nosniff" ||
			header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; ") ||
			strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s has the headers %v", path, header)
		}
	}
	for path, want := range map[string]int{
		"/webhooks/deliveries/0": 404, "/webhooks/deliveries/1?instance=other": 404, "/webhooks/deliveries/99999": 404, "/webhooks/deliveries/x": 404,
		"/webhooks/deliveries?after=x": 400, "/webhooks/deliveries?outcome=acceptd": 400, "/webhooks/../config/": 200, "/webhooks/elsewhere": 404,
		"/webhooks/inspector/index.html": 404,
	} {
		if got := ask(t, admin, path, nil).StatusCode; got != want {
			t.Errorf("%s is answered with %d, want %d", path, got, want)
		}
	}
	for _, foreign := range []string{"Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Mode: no-cors"} {
		if got := ask(t, admin, "/webhooks/deliveries", nil, foreign).StatusCode; got != 403 && got != 400 {
			t.Errorf("%s is answered with %d", foreign, got)
		}
	}
	answer, err := http.Post("http://"+admin+"/webhooks/deliveries", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 405 {
		t.Errorf("POST is answered with %d", answer.StatusCode)
	}
}

// A terminal gets no control characters from strangers.
func TestTailIsPrintable(t *testing.T) {
	config, admin := inspected(t, "inspect")
	srv := webhooktest.Start(t, config)
	checkStatus(t, sendKind(srv, `{"kind":"a\u001b[31mb\u202ec","id":"x\ny"}`), 204)
	got := runTail(t, admin)
	if strings.ContainsAny(got, "\x1b\u202e") || strings.Count(got, "\n") != 1 || !strings.Contains(got, "a�[31mb�c") {
		t.Errorf("caddy webhooks tail prints %q", got)
	}
	if got := runTail(t, admin, "--json"); !strings.HasPrefix(got, `{"number":`) {
		t.Errorf("caddy webhooks tail --json prints %q", got)
	}
}

// runTail runs caddy webhooks tail once.
func runTail(t *testing.T, admin string, args ...string) string {
	t.Helper()
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"tail", "--once", "--address", admin}, args...))
	if err := root.Execute(); err != nil {
		t.Errorf("caddy webhooks tail %v: %v", args, err)
	}
	return out.String()
}

func jsonText(t *testing.T, value any) string {
	t.Helper()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}
