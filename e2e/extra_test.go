package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// A handshake is answered by the endpoint itself, whatever its blocks say.
func TestHandshake(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "zoom test-secret", "tolerance off"))
	const body = `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`
	head := func(secret string) []string {
		return []string{
			"x-zm-request-timestamp: 1700000000", "X-Tell: yes",
			"x-zm-signature: v0=" + webhooktest.HMAC(secret, "v0:1700000000:", body),
		}
	}
	answer := srv.Post("/hook", body, head(testSecret)...)
	want := `{"encryptedToken":"` + webhooktest.HMAC(testSecret, "abc") + `","plainToken":"abc"}`
	checkAnswer(t, answer, 200, want)
	if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("Content-Type is %q", got)
	}
	srv.Log.Wait(t, webhooktest.Message("webhook handshake answered"))
	if entry := srv.Log.Wait(t, webhooktest.Access("/hook")); entry["webhook_outcome"] != "handshake" {
		t.Errorf("the access log has %v", entry)
	}
	checkReason(t, srv.Post("/hook", body, head("other-secret")...), 401, "bad_signature")
	up.None()
}

// In-place edits leave all other bytes as they are.
func TestRewriteInPlace(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, rewriting(up, `set order.total body.n + 1
		rename old order.new
		delete secret list.0.x
		set list.*.seen true`))
	const body = `{ "n": 9007199254740993, "secret":1, "big":1.10e+2, "old" : [1, 2] ,"list":[{"x":1,"y":"ü"},{"x":2}], "order":{"a":"A"} }`
	checkStatus(t, push(srv, body), 200)
	got := up.Only()
	for _, want := range []string{`"n": 9007199254740993`, `"big":1.10e+2`, `[1, 2]`, `"total":9007199254740994`, `"y":"ü"`, `"a":"A"`} {
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("%s is not in %s", want, got.Body)
		}
	}
	for _, gone := range []string{`"secret"`, `"old"`, `"x":1`} {
		if strings.Contains(string(got.Body), gone) {
			t.Errorf("%s is still in %s", gone, got.Body)
		}
	}
	if got.ContentLength != int64(len(got.Body)) || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("length %d, type %q", got.ContentLength, got.Header.Get("Content-Type"))
	}
	checkAnswer(t, push(srv, "no JSON"), 500, "")
	up.None()
}

// A CloudEvent goes out in either mode with the headers that belong to it.
func TestRewriteToCloudEvents(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const body = `{"n":1.10}`

	srv := webhooktest.Start(t, rewriting(up, "as cloudevents"))
	checkStatus(t, push(srv, body), 200)
	got := up.Only()
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/cloudevents+json") {
		t.Errorf("Content-Type is %q", got.Header.Get("Content-Type"))
	}
	for _, want := range []string{`"specversion":"1.0"`, `"id":"6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"`, `"data":{"n":1.10}`} {
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("%s is not in %s", want, got.Body)
		}
	}

	srv = webhooktest.Start(t, rewriting(up, "as cloudevents binary {\n type event\n subject \"'ü'\"\n }"))
	checkStatus(t, push(srv, body, "ce-type: fake", "ce-other: fake"), 200)
	got = up.Only()
	if string(got.Body) != body || got.Header.Get("Ce-Type") != "push" || got.Header.Get("Ce-Specversion") != "1.0" ||
		got.Header.Get("Ce-Subject") != "%C3%BC" || len(got.Header["Ce-Type"]) != 1 {
		t.Errorf("the upstream got %q with %v", got.Body, got.Header)
	}
}

// What goes upstream can be signed by Standard Webhooks, over the body as it
// goes out.
func TestSignedForTheApplication(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	t.Setenv("WEBHOOK_OUT", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	const sink = "{\n webhooks {\n provider sink hmac {\n key whsec\n signature header.webhook-signature {\n encoding base64\n" +
		" list \" \" {\n assign ,\n tag v1\n }\n }\n timestamp header.webhook-timestamp {\n tolerance 5m\n }\n" +
		" content {header.webhook-id}.{timestamp}.{body}\n id header.webhook-id\n }\n }\n}\n"
	srv := webhooktest.Start(t, sink+site(`handle_webhook /hook github test-secret {
		otherwise {
			webhook_rewrite {
				body "{new: body}"
			}
			webhook_sign {env.WEBHOOK_OUT}
			rewrite /sink
			reverse_proxy {http.request.hostport}
		}
	}
	handle_webhook /sink sink {env.WEBHOOK_OUT} {
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`))
	checkStatus(t, push(srv, validBody, "webhook-id: fake", "webhook-signature: v1,fake"), 200)
	got := up.Only()
	if string(got.Body) != `{"new":{"a":1}}` || got.Header.Get("Webhook-Provider") != "sink" ||
		got.Header.Get("Webhook-Delivery-Id") != "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911" {
		t.Errorf("the application got %q with %v", got.Body, got.Header)
	}
}

// Counters outlive a reload, and no label comes out of a request.
func TestMetrics(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	config := "{\n metrics\n}\n" + site(`metrics /metrics
	handle_webhook /hook github test-secret {
		on push when body.a.b == 1 {
			respond 204
		}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`)
	srv := webhooktest.Start(t, config)
	read := func(line string) string {
		t.Helper()
		for found := range strings.Lines(get(t, srv.URL("/metrics"))) {
			if value, ok := strings.CutPrefix(found, line+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	const accepted = `caddy_webhook_requests_total{endpoint="/hook",outcome="accepted",provider="github"}`
	const refused = `caddy_webhook_requests_total{endpoint="/hook",outcome="bad_signature",provider="github"}`
	const failed = `caddy_webhook_rule_errors_total{endpoint="/hook",provider="github",reason="error"}`
	send := func() {
		checkStatus(t, push(srv, "{}"), 200)
		checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...), 401)
	}
	send()
	before := map[string]string{accepted: read(accepted), refused: read(refused), failed: read(failed)}
	srv.Reload(config + "# changed\n")
	send()
	for line, value := range before {
		if now := read(line); value == "" || now == "" || now == value {
			t.Errorf("%s is %q, after a reload and one more %q", line, value, now)
		}
	}
}

// HTTP/2 knows neither chunks nor Connection, and is treated no worse.
func TestHTTP2(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const h2c = "{\n servers {\n protocols h1 h2c\n }\n}\n"
	srv := webhooktest.Start(t, h2c+endpoint(up, "github test-secret"))
	transport := new(http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	send := func(body []byte, length int64, mac string) (int, string) {
		t.Helper()
		unsent := bytes.NewReader(body)
		request := srv.NewRequest("POST", "/hook", io.NopCloser(unsent), mac, "X-GitHub-Event: push",
			"X-Tell: yes", "Webhook-Event: fake")
		request.ContentLength = length
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.ProtoMajor != 2 {
			t.Fatalf("the answer is %s", answer.Proto)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if unsent.Len() > 0 {
			t.Errorf("the answer comes while %d bytes are not sent", unsent.Len())
		}
		return answer.StatusCode, string(text)
	}
	for name, length := range map[string]int64{"declared": 7, "streamed": -1} {
		if status, _ := send([]byte(validBody), length, validMAC()); status != 200 {
			t.Errorf("%s: status %d, want 200", name, status)
		}
		if got := up.Only(); string(got.Body) != validBody || got.Header.Get("Webhook-Event") != "push" || got.ContentLength != 7 {
			t.Errorf("%s: the upstream got %q, length %d, %v", name, got.Body, got.ContentLength, got.Header)
		}
	}
	for name, length := range map[string]int64{"declared": int64(len(oversize)), "streamed": -1} {
		if status, reason := send(oversize, length, oversizeMAC()); status != 413 || reason != "<too_large>" {
			t.Errorf("%s: answer is %d %s, want 413", name, status, reason)
		}
	}
	if status, reason := send(oversize, -1, emptyMAC); status != 401 || reason != "<bad_signature>" {
		t.Errorf("answer is %d %s, want 401", status, reason)
	}
	up.None()
}
