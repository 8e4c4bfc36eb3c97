package e2e_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The inspector with bodies shows nobody's name, address or telephone number, nor
// what opens something, unless the operator says so; a member of an object keyed
// by ids is no exception.
func TestInspectorLeavesOutPersonalData(t *testing.T) {
	sample, err := os.ReadFile("testdata/shippify/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	for inspect, want := range map[string]struct{ person, secret bool }{
		"inspect 5 {\n bodies\n }":                     {},
		"inspect 5 {\n bodies\n redact personal\n }":   {},
		"inspect 5 {\n bodies\n redact price\n }":      {},
		"inspect 5 {\n bodies personal\n }":            {person: true},
		"inspect 5 {\n bodies personal\n redact *\n }": {},
	} {
		admin := "127.0.0.1:" + webhooktest.FreePort(t)
		srv := webhooktest.Start(t, "{\n admin "+admin+"\n}\n"+site(`handle_webhook /hook shippify {
		token a-token
		`+inspect+`
		otherwise {
			respond 204
		}
	}`))
		checkAnswer(t, srv.Post("/hook", string(sample), "Authorization: Bearer a-token"), 204, "")
		var list struct {
			Deliveries []struct {
				Number any `json:"number"`
			} `json:"deliveries"`
		}
		ask(t, admin, "/webhooks/deliveries", &list)
		var shown any
		ask(t, admin, "/webhooks/deliveries/"+jsonText(t, list.Deliveries[0].Number), &shown)
		text := jsonText(t, shown)
		if got := strings.Contains(text, "testrecip") || strings.Contains(text, "san marino"); got != want.person {
			t.Errorf("%s: personal data are shown: %t; want %t\n%s", inspect, got, want.person, text)
		}
		if strings.Contains(text, "track/t-xyz-123") {
			t.Errorf("%s: the link with a token is shown\n%s", inspect, text)
		}
		srv.Stop()
	}
}

// A rewrite leaves out the personal data that the provider's description names,
// of JSON and of a form, and lets nothing pass where it names none.
func TestDeletePersonal(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, `{
	webhooks {
		provider acme token {
			event body.kind
			personal customers.*.email
			secrets link
		}
		provider silent token {
			event body.kind
		}
	}
}
`+site(`handle_webhook /detrack detrack-v1 {
		token a-token
		otherwise {
			webhook_rewrite {
				delete personal
			}
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /acme acme {
		token a-token
		otherwise {
			webhook_rewrite {
				delete personal
				set seen true
			}
			reverse_proxy `+up.Addr()+`
		}
	}
	route /silent {
		webhook_auth silent {
			token a-token
		}
		webhook_rewrite {
			delete personal
		}
		reverse_proxy `+up.Addr()+`
	}`))
	bearer := "Authorization: Bearer a-token"
	form := "x=1&any=" + `%7B%22do%22%3A%22D1%22%2C%22deliver_to%22%3A%22Ann%22%2C%22status%22%3A%22Failed%22%7D`
	srv.Post("/detrack", form, bearer, "Content-Type: application/x-www-form-urlencoded")
	srv.Post("/acme", `{"kind":"k","customers":{"c1":{"email":"a@x.test"},"c2":[]},"link":"https://x"}`, bearer)
	checkAnswer(t, srv.Post("/silent", `{"kind":"k"}`, bearer), 500, "")
	want := []string{`{"do":"D1","status":"Failed"}`, `{"kind":"k","customers":{"c1":{},"c2":[]},"seen":true}`}
	got := up.Requests()
	if len(got) != len(want) {
		t.Fatalf("the app got %d requests; want %d", len(got), len(want))
	}
	for i := range want {
		if body := string(got[i].Body); body != want[i] {
			t.Errorf("the app got %s; want %s", body, want[i])
		}
	}
	_, err := webhooktest.Adapt("{\n webhooks {\n provider silent token {\n event body.kind\n }\n }\n}\nhttp://:0 {\n handle_webhook silent {\n" +
		" token a\n otherwise {\n webhook_rewrite {\n delete personal\n }\n respond 204\n }\n }\n}")
	if err == nil || !strings.Contains(err.Error(), "does not say where personal data are; write the paths instead") {
		t.Errorf("the error is %v", err)
	}
}
