package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// countries is a site that takes the webhooks of one provider for two countries:
// at paths, with secrets and tokens of their own.
func countries(t *testing.T, admin string, up *webhooktest.Upstream) string {
	block := func(name string) string {
		return fmt.Sprintf(`handle_webhook /%[1]s/jobs land-il test-secret-%[1]s {
		name %[1]s
		replay 1h
		inspect
		on when endpoint == "mx" {
			respond "for Mexico: {http.webhook.endpoint}"
		}
		otherwise {
			webhook_deliver %[1]s {
				mode queue
				@co webhook_expr endpoint == "co" && provider == "land-il"
				handle @co {
					reverse_proxy %[2]s {
						header_up X-Endpoint {http.webhook.endpoint}
					}
				}
				handle {
					respond 400
				}
			}
		}
	}
	handle_webhook /%[1]s/chat instaleap-chat {
		issued
		name %[1]s-chat
		otherwise {
			respond 204
		}
	}
`, name, up.Addr())
	}
	return `{
	admin ` + admin + `
	metrics
	webhooks {
		store ` + filepath.Join(t.TempDir(), "deliveries.db") + `
		provider land-il like instaleap {
			id body.id
		}
	}
}
` + site(`metrics /metrics
	webhook_token /token {
		client mx client-secret-of-mx for mx-chat
		client co client-secret-of-co for co-chat
		client both client-secret-of-both for instaleap-chat
	}
	`+block("mx")+"\t"+block("co"))
}

// Two countries of one provider are told apart: by their secrets and tokens, in
// metrics, logs and the inspector, by what is remembered, stored and restored.
func TestCountriesOfOneProvider(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, countries(t, admin, up))
	send := func(country string) webhooktest.Response {
		return srv.Post("/"+country+"/jobs", `{"id":"1","created_at":"now","type":"CREATED"}`,
			"InstaLeap-Signature: "+webhooktest.HMAC("test-secret-"+country, "1&now&CREATED"))
	}
	checkAnswer(t, send("mx"), 200, "for Mexico: mx")
	checkStatus(t, send("co"), 202) // the same id: no copy, for it came to the other endpoint
	eventually(t, "the stored webhook is delivered", func() bool { return len(up.Requests()) == 1 })
	if got := up.Only(); got.Header.Get("X-Endpoint") != "co" || got.Header.Get("Webhook-Endpoint") != "" {
		t.Errorf("the app gets %v", got.Header)
	}
	checkStatus(t, send("mx"), 200) // a copy
	checkStatus(t, srv.Post("/co/jobs", "{}", "InstaLeap-Signature: 00"), 401)

	for line, want := range map[string]float64{
		`requests_total{endpoint="mx",outcome="accepted",provider="land-il"}`:      1,
		`requests_total{endpoint="mx",outcome="duplicate",provider="land-il"}`:     1,
		`requests_total{endpoint="co",outcome="accepted",provider="land-il"}`:      1,
		`requests_total{endpoint="co",outcome="bad_signature",provider="land-il"}`: 1,
		`routed_total{endpoint="mx",provider="land-il",route="on 1"}`:              1,
		`routed_total{endpoint="co",provider="land-il",route="otherwise"}`:         1,
		`handle_duration_seconds_count{endpoint="co",provider="land-il"}`:          1,
	} {
		if got := metric(t, srv, "caddy_webhook_"+line); got != want {
			t.Errorf("%s is %v, want %v", line, got, want)
		}
	}
	for country, want := range map[string]int{"mx": 2, "co": 2, "other": 0} {
		if got := runTail(t, admin, "--endpoint", country); strings.Count(got, "\n") != want ||
			strings.Count(got, "  land-il  at "+country+"  ") != want {
			t.Errorf("caddy webhooks tail --endpoint %s prints\n%s", country, got)
		}
	}
	var states []struct{ Provider, Endpoint string }
	ask(t, admin, "/webhooks/providers", &states)
	if got := fmt.Sprint(states); got != "[{instaleap-chat co-chat} {instaleap-chat mx-chat} {land-il co} {land-il mx}]" {
		t.Errorf("the endpoints are %s", got)
	}
	refused := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	access := srv.Log.Wait(t, webhooktest.Access("/co/jobs"))
	if refused.Text("endpoint") != "co" || refused.Text("provider") != "land-il" || access.Text("webhook_endpoint") != "co" {
		t.Errorf("the log has %v and %v", refused, access)
	}
}

// A token that is for one endpoint does not open another one of its provider.
func TestTokensForOneEndpoint(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, countries(t, "off", up))
	token := func(client string) string {
		return tokenOf(t, srv.Post("/token", `{"client_id":"`+client+`","client_secret":"client-secret-of-`+client+`"}`,
			"Content-Type: application/json"), "access_token")
	}
	for client, opens := range map[string][2]int{"mx": {204, 401}, "co": {401, 204}, "both": {204, 204}} {
		authorization := "Authorization: Bearer " + token(client)
		for i, path := range []string{"/mx/chat", "/co/chat"} {
			if got := srv.Post(path, `{"job_id":"1"}`, authorization); got.Status != opens[i] {
				t.Errorf("the token of %s is answered with %d at %s, want %d", client, got.Status, path, opens[i])
			}
		}
	}
}

// What is measured of an endpoint goes with it: configurations can be loaded
// without end, with ever new names.
func TestMetricsOfEndpointsThatAreGone(t *testing.T) {
	config := func(name string) string {
		return "{\n metrics\n}\n" + site("metrics /metrics\n handle_webhook /hook jelp {\n unverified\n name "+name+
			"\n on when body.n > 1 {\n respond 200\n }\n otherwise {\n respond 204\n }\n }")
	}
	srv := webhooktest.Start(t, config("first"))
	checkStatus(t, srv.Post("/hook", "{}"), 204)
	srv.Reload(config("second"))
	eventually(t, "the first endpoint is forgotten", func() bool {
		return !strings.Contains(get(t, srv.URL("/metrics")), `endpoint="first"`)
	})
	if got := metric(t, srv, `caddy_webhook_requests_total{endpoint="second",outcome="accepted",provider="jelp"}`); got != 0 {
		t.Errorf("the second endpoint has %v, want 0", got)
	}
	srv.Reload(config("second") + "# changed\n")
	checkStatus(t, srv.Post("/hook", "{}"), 204)
	if got := metric(t, srv, `caddy_webhook_requests_total{endpoint="second",outcome="accepted",provider="jelp"}`); got != 1 {
		t.Errorf("after a reload and a webhook the second endpoint has %v, want 1", got)
	}
}

// Names that would not tell endpoints apart, or that mean something else, do not
// load, in a Caddyfile as in JSON.
func TestEndpointNamesThatAreRefused(t *testing.T) {
	hook := func(path, provider, name string) string {
		return "handle_webhook " + path + " " + provider + " {\n token secret-of" + path[1:] + "\n " + name + "\n otherwise {\n respond 204\n }\n }\n"
	}
	taken := func(path, provider, name string) string {
		return "handle_webhook " + path + " " + provider + " {\n issued\n " + name + "\n otherwise {\n respond 204\n }\n }\n"
	}
	for _, test := range []struct{ name, directives, want string }{
		{
			"two with one name", hook("/a", "jelp", "name shop") + hook("/b", "shippify", "name shop"),
			"two endpoints are called shop, this one for shippify and the one for jelp in line 3 of Caddyfile",
		},
		{"one written twice", hook("/a", "jelp", "name shop") + hook("/a", "jelp", "name shop"), ""},
		{"names by paths that meet", hook("/a", "jelp", "") + "handle_path /v2/* {\n" + strings.Replace(hook("/a", "jelp", ""), "secret", "other", 1) + "}", ""},
		{"a provider's", hook("/a", "jelp", "name stripe"), "the endpoint's name stripe is that of a provider"},
		{"its own provider's", hook("/a", "jelp", "name jelp"), ""},
		{"a path", hook("/a", "jelp", "name /b"), `"/b" cannot be the name of an endpoint`},
		{"too long", hook("/a", "jelp", "name "+strings.Repeat("x", 65)), "use up to 64 letters"},
		{"none", hook("/a", "jelp", "name"), "name takes one value"},
		{"twice", hook("/a", "jelp", "name shop\n name shop"), "name is already specified"},
		{"two names", hook("/a", "jelp", "name shop\n replay 1h y"), "the endpoint has two names, shop and y"},
		{"the same by replay", hook("/a", "jelp", "name shop\n replay 1h shop"), ""},
		{"the issuer's", taken("/a", "jelp", "name webhooks"), "the endpoint's name webhooks is that of the issuer of its tokens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := webhooktest.Validate(t, site(test.directives))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
	for name, want := range map[string]string{
		"shop":                   "two endpoints are called shop, one for jelp and one for shippify",
		"/shop":                  "",
		"stripe":                 "the endpoint's name stripe is that of a provider",
		strings.Repeat("x", 129): "the endpoint's name is longer than 128 bytes",
		"a\nb":                   "characters that cannot be printed",
		"\u2028":                 "characters that cannot be printed",
	} {
		err := webhooktest.Validate(t, site(hook("/a", "jelp", "")+hook("/b", "shippify", "")), webhooktest.Set("webhook_auth", "endpoint", name))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("in JSON the name %q: error is %v, want %q in it", name, err, want)
		}
	}
}

// What a token is for must be a provider or one endpoint, unless another
// instance has the endpoints.
func TestTokensForUnknownEndpoints(t *testing.T) {
	hook := func(path, secret, name string) string {
		return "webhook_auth " + path + " jelp {\n issued\n token_header X-Token " + secret + "\n " + name + "\n }\n"
	}
	token := func(what string) string {
		return "webhook_token /token {\n client a 0123456789abcdef for " + what + "\n }\n"
	}
	for _, test := range []struct{ name, directives, want string }{
		{"an endpoint", token("mx") + hook("/a", "x", "name mx"), ""},
		{"a path", token("/a") + hook("/a", "x", ""), ""},
		{"a typo", token("mxx") + hook("/a", "x", "name mx"), "neither a provider nor an endpoint that takes tokens of the issuer webhooks; did you mean mx?"},
		{"a provider's typo", token("jelpp") + hook("/a", "x", "name mx"), "did you mean jelp?"},
		{"another instance's", token("mx"), ""},
		{"a path of two", token("/a") + hook("/a", "x", "") + hook("/a", "y", ""), "several endpoints are called so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := webhooktest.Load(t, "http://:0 {\n route {\n"+test.directives+"\n}\n}")
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
}
