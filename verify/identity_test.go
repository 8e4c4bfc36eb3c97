package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestEventAndID(t *testing.T) {
	const body = `{"type":"order","action":"paid","empty":"","n":1130,"ok":true,"null":null,"list":[{"id":"x"}],"a.b":"dotted"}`
	tests := []struct {
		name    string
		sources []string
		want    string
	}{
		{"body", []string{"body.type"}, "order"},
		{"number", []string{"body.n"}, "1130"},
		{"boolean", []string{"body.ok"}, "true"},
		{"element", []string{"body.list.0.id"}, "x"},
		{"dot in a name", []string{`body.a\.b`}, "dotted"},
		{"object", []string{"body.list.0"}, ""},
		{"null", []string{"body.null"}, ""},
		{"absent", []string{"body.none"}, ""},
		{"first present", []string{"body.none", "body.null", "body.empty", "body.type", "body.action"}, "order"},
		{"header", []string{"header.x-event"}, "pushed"},
		{"header sent twice", []string{"header.X-Twice"}, ""},
		{"query", []string{"query.event"}, "asked"},
		{"template", []string{"{body.type}.{body.action}"}, "order.paid"},
		{"template with text", []string{"v1:{header.X-Event}/{body.n}!"}, "v1:pushed/1130!"},
		{"template with something absent", []string{"{body.type}.{body.none}", "body.action"}, "paid"},
		{"long names of placeholders", []string{"{http.request.header.X-Event}:{http.request.method}{http.request.uri.path}"}, "pushed:POST/hook"},
		{"method and path", []string{"{method} {path}"}, "POST /hook"},
		{"fixed", []string{"order.paid"}, "order.paid"},
		{"fixed after a field", []string{"body.none", "unknown"}, "unknown"},
		{"expression", []string{"=body.x"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := &verify.Config{Unverified: true, Event: test.sources, ID: test.sources}
			h := hook{
				url:    "https://hooks.example.com/hook?event=asked",
				header: with("X-Event", "pushed", "X-Twice", "a", "X-Twice", "b"),
				body:   body,
			}
			result, refused := h.send(t, builtin(t, "instaleap", config))
			if refused != "" {
				t.Fatalf("refused for %q", refused)
			}
			if result.Event != test.want || result.ID != test.want {
				t.Errorf("event %q, id %q; want %q", result.Event, result.ID, test.want)
			}
		})
	}
}

func TestEventInForm(t *testing.T) {
	v := custom(t, `{"name":"x","form_field":"payload","event":["form.kind","body.type"],"id":["body.id"]}`, &verify.Config{Unverified: true})
	tests := []struct{ body, event, id string }{
		{"payload=%7B%22type%22%3A%22a%22%2C%22id%22%3A7%7D", "a", "7"},
		{"payload=%7B%22type%22%3A%22a%22%7D&kind=b", "b", ""},
		{`{"type":"c","id":8}`, "c", "8"},
	}
	for _, test := range tests {
		h := hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: test.body}
		result, refused := h.send(t, v)
		if refused != "" || result.Event != test.event || result.ID != test.id {
			t.Errorf("%s: %+v, %q; want event %q, id %q", test.body, result, refused, test.event, test.id)
		}
	}
}

func TestLongNames(t *testing.T) {
	v := builtin(t, "instaleap", &verify.Config{Unverified: true})
	long := strings.Repeat("x", 1024)
	hook{body: `{"type":"` + long + `","id":"` + long + `"}`}.expect(t, v, "")
	hook{body: `{"type":"` + long + `x"}`}.expect(t, v, verify.Malformed)
	hook{body: `{"id":"` + long + `x"}`}.expect(t, v, verify.Malformed)
}

func TestProviderFacts(t *testing.T) {
	tests := []struct {
		provider string
		coverage verify.Coverage
		fields   string
		signs    []string
		not      []string
	}{
		{"github", verify.SignedBody, "body", []string{"body.ref", "body.a.b", "body"}, []string{"header.X-GitHub-Event", "header.X-GitHub-Delivery", "nonsense"}},
		{"instaleap", verify.SignedFields, "body.id body.created_at body.type", []string{"body.id", "body.created_at", "body.type"}, []string{"body.job", "body.job.id", "body", "header.X"}},
		{"instaleap-chat", verify.SignedFields, "timestamp body.client_id body.sender body.job_id", []string{"body.sender"}, []string{"body.notification_message", "body.created_at"}},
		{"jelp", verify.SignedNothing, "", nil, []string{"body.queueName", "body"}},
	}
	for _, test := range tests {
		t.Run(test.provider, func(t *testing.T) {
			spec, _ := verify.Builtin(test.provider)
			p, err := verify.Compile(spec)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Coverage(); got != test.coverage {
				t.Errorf("Coverage() = %q; want %q", got, test.coverage)
			}
			if got := strings.Join(p.SignedFields(), " "); got != test.fields {
				t.Errorf("SignedFields() = %q; want %q", got, test.fields)
			}
			for _, field := range test.signs {
				if !p.Signs(field) {
					t.Errorf("Signs(%q) = false", field)
				}
			}
			for _, field := range test.not {
				if p.Signs(field) {
					t.Errorf("Signs(%q) = true", field)
				}
			}
		})
	}
}

// The result says what the credentials in use vouch for, not what the
// provider could sign.
func TestResultCoverage(t *testing.T) {
	tests := []struct {
		provider string
		config   *verify.Config
		hook     hook
		want     verify.Coverage
	}{
		{"github", &verify.Config{Secrets: []string{secret}}, hook{header: with("X-Hub-Signature-256", "sha256="+mac(secret, "{}")), body: "{}"}, verify.SignedBody},
		{"instaleap", &verify.Config{Secrets: []string{secret}}, job(goodJob, goodText), verify.SignedFields},
		{"instaleap", &verify.Config{Tokens: []string{"t"}}, hook{header: with("Authorization", "Bearer t"), body: goodJob}, verify.SignedNothing},
		{"instaleap", &verify.Config{Unverified: true}, job(goodJob, goodText), verify.SignedNothing},
	}
	for _, test := range tests {
		result, refused := test.hook.send(t, builtin(t, test.provider, test.config))
		if refused != "" || result.Signed != test.want {
			t.Errorf("%s with %+v: %+v, %q; want %q signed", test.provider, test.config, result, refused, test.want)
		}
	}
}

func TestIdentify(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	v := builtin(t, "instaleap", &verify.Config{Unverified: true})
	p, err := verify.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Identify(hook{body: goodJob}.request(t, v))
	if err != nil || result.Event != "CREATED" || result.ID != "e1" || result.Signed != verify.SignedNothing {
		t.Errorf("Identify = %+v, %v", result, err)
	}
	if _, err := p.Identify(hook{body: `{"type":"a","type":"b"}`}.request(t, v)); err == nil || reason(t, err) != verify.Malformed {
		t.Errorf("Identify of a duplicate name: %v", err)
	}
}

func TestFixedEvent(t *testing.T) {
	for provider, want := range map[string]string{"instaleap-chat": "chat.message", "instaleap": "", "github": "", "jelp": ""} {
		p := builtin(t, provider, &verify.Config{Unverified: true}).Provider()
		if got, fixed := p.FixedEvent(); got != want || fixed != (want != "") {
			t.Errorf("%s: FixedEvent() = %q, %t; want %q", provider, got, fixed, want)
		}
	}
	p := builtin(t, "jelp", &verify.Config{Unverified: true, ID: []string{"body.x", "=body.y"}}).Provider()
	if p.EventExpression() == "" || p.IDExpression() != "body.y" {
		t.Errorf("the expressions are %q and %q", p.EventExpression(), p.IDExpression())
	}
}
