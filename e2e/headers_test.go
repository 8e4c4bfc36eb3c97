package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// want is what an upstream gets of GitHub's push.
var wantHeaders = []string{
	"Webhook-Delivery-Id: 6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911",
	"Webhook-Event: push",
	"Webhook-Provider: github",
}

func checkWebhookHeaders(t *testing.T, got webhooktest.Received, want []string) {
	t.Helper()
	lines := got.HeaderLines("webhook")
	slices.Sort(lines)
	if !slices.Equal(lines, want) {
		t.Errorf("the upstream got %q, want %q", lines, want)
	}
}

// rawPush is a GitHub push by hand, with more lines in its head.
func rawPush(lines ...string) []byte {
	head := append(webhooktest.GitHub(testSecret, "push", validBody), lines...)
	return []byte(rawHead(append(head, "Content-Length: 7")...) + validBody)
}

// The upstream is told what was verified, and nothing that a sender has made up
// in our name.
func TestSpoofedHeaders(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	for name, lines := range map[string][]string{
		"none":              nil,
		"ours":              {"Webhook-Event: fake", "Webhook-Provider: fake", "Webhook-Delivery-Id: fake"},
		"twice":             {"Webhook-Event: push", "Webhook-Event: fake"},
		"case":              {"WEBHOOK-EVENT: fake", "webhook-provider: fake", "wEbHoOk-DeLiVeRy-Id: fake"},
		"others":            {"webhook-foo: fake", "Webhook-: fake", "Webhook-Signed: fake", "webhook-id: fake"},
		"underscores":       {"Webhook_Event: fake", "webhook_foo: fake", "WEBHOOK_Delivery-Id: fake"},
		"dots":              {"Webhook.Event: fake"},
		"connection":        {"Connection: webhook-event"},
		"connections":       {"Connection: keep-alive, Webhook-Provider ,WEBHOOK-DELIVERY-ID", "Connection: Webhook_Event,webhook-event"},
		"connection, quote": {`Connection: "webhook-event", webhook-event`},
		"hop by hop":        {"Proxy-Connection: webhook-event", "Keep-Alive: webhook-event", "TE: webhook-event"},
		"upgrade":           {"Connection: upgrade, webhook-event", "Upgrade: webhook-event"},
	} {
		t.Run(name, func(t *testing.T) {
			checkStatus(t, srv.Raw(rawPush(lines...)), 200)
			checkWebhookHeaders(t, up.Only(), wantHeaders)
		})
	}
}

// Caddy drops names with underscores itself, unless it is told to expect them.
func TestSpoofedUnderscores(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const expect = "{\n servers {\n expected_underscore_headers webhook_event webhook_delivery_id webhook_foo\n }\n}\n"
	srv := webhooktest.Start(t, expect+endpoint(up, "github test-secret"))
	checkStatus(t, srv.Raw(rawPush("Webhook_Event: fake", "WEBHOOK_DELIVERY_ID: fake", "webhook_foo: fake")), 200)
	checkWebhookHeaders(t, up.Only(), wantHeaders)
	checkStatus(t, srv.Raw(rawPush("Connection: webhook_event")), 200)
	checkWebhookHeaders(t, up.Only(), wantHeaders)
}

// Trailers come after the signature's body and are vouched for by nobody.
func TestSpoofedTrailers(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	head := append(webhooktest.GitHub(testSecret, "push", validBody),
		"Transfer-Encoding: chunked", "Trailer: Webhook-Event, webhook-foo, X-Other")
	request := rawHead(head...) + string(chunk([]byte(validBody))) +
		"0\r\nWebhook-Event: fake\r\nwebhook-foo: fake\r\nX-Other: fake\r\nwebhook-undeclared: fake\r\n\r\n"
	checkStatus(t, srv.Raw([]byte(request)), 200)
	got := up.Only()
	checkWebhookHeaders(t, got, wantHeaders)
	if len(got.Trailer) != 0 || got.ContentLength != 7 {
		t.Errorf("the upstream got the trailers %v, length %d", got.Trailer, got.ContentLength)
	}
}

// An error route that asks an application is no way around that either.
func TestSpoofedHeadersOfRefusedRequests(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, `http://:0 {
	handle_webhook /hook github test-secret {
		on push {
			error 502
		}
		otherwise pass
	}
	handle_errors {
		reverse_proxy `+up.Addr()+`
	}
}`)
	spoofed := []string{"Webhook-Event: fake", "webhook-provider: fake", "Webhook-Delivery-Id: fake", "webhook-foo: fake"}
	checkStatus(t, srv.Post("/hook", "{}", append(webhooktest.GitHub("other", "push", "{}"), spoofed...)...), 200)
	checkWebhookHeaders(t, up.Only(), nil)
	checkStatus(t, push(srv, "{}", spoofed...), 200)
	checkWebhookHeaders(t, up.Only(), wantHeaders)
}

// A signature in a trailer is none.
func TestSignatureInTrailer(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github test-secret"))
	request := rawHead("X-Tell: yes", "Transfer-Encoding: chunked", "Trailer: X-Hub-Signature-256") +
		string(chunk([]byte(validBody))) + "0\r\n" + validMAC() + "\r\n\r\n"
	checkReason(t, srv.Raw([]byte(request)), 401, "missing_signature")
	up.None()
}

// An event or id that was not found is absent, although the sender states one.
func TestAbsentValuesAreNotFilledIn(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "jelp", "token test-token"))
	checkStatus(t, srv.Post("/hook", "{}", "Authorization: Bearer test-token", "Webhook-Event: fake", "Webhook-Delivery-Id: fake"), 200)
	checkWebhookHeaders(t, up.Only(), []string{"Webhook-Provider: jelp"})
}

// Headers of the provider's own scheme stay, so that an application can verify
// once more; ours win where the names are the same.
func TestHeadersOfTheScheme(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const own = `{
	webhooks {
		provider own hmac {
			signature header.webhook-signature
			timestamp header.Webhook-Timestamp
			content {header.webhook-id}.{timestamp}.{body}
			event header.Webhook-Event
			id header.WEBHOOK-ID
		}
	}
}
`
	srv := webhooktest.Start(t, own+endpoint(up, "own test-secret"))
	mac := webhooktest.HMAC(testSecret, "msg-1", ".", "1700000000", ".", validBody)
	head := []string{
		"webhook-id: msg-1", "webhook-timestamp: 1700000000", "webhook-signature: " + mac, "webhook-foo: fake",
		"webhook-event: kind", "webhook-provider: fake", "webhook-delivery-id: fake",
	}
	checkStatus(t, srv.Post("/hook", validBody, head...), 200)
	want := []string{
		"Webhook-Delivery-Id: msg-1", "Webhook-Event: kind", "Webhook-Id: msg-1", "Webhook-Provider: own",
		"Webhook-Signature: " + mac, "Webhook-Timestamp: 1700000000",
	}
	checkWebhookHeaders(t, up.Only(), want)

	request := rawHead(append(head, "Connection: webhook-signature, webhook-id", "Content-Length: 7")...) + validBody
	checkStatus(t, srv.Raw([]byte(request)), 200)
	checkWebhookHeaders(t, up.Only(), want)
}

// Names out of a payload cannot add lines to a request, and a strange one does
// not make an event undeliverable.
func TestStrangeNames(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "shippify", "token test-token"))
	for name, test := range map[string]struct{ json, want string }{
		"line break":  {`"a\r\nX-Injected: yes"`, "a%0D%0AX-Injected: yes"},
		"line feed":   {`"a\nX-Injected: yes"`, "a%0AX-Injected: yes"},
		"NUL":         {`"a\u0000b"`, "a%00b"},
		"tab":         {`"a\tb"`, "a%09b"},
		"DEL":         {`"a\u007fb"`, "a%7Fb"},
		"non-ASCII":   {`"añ"`, "a%C3%B1"},
		"escaped":     {`"a\u00f1"`, "a%C3%B1"},
		"percent too": {`"100%\n"`, "100%25%0A"},
		"percent":     {`"100%"`, "100%"},
		"number":      {`1.50`, "1.50"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"eventType":` + test.json + `,"eventId":` + test.json + `}`
			checkStatus(t, srv.Post("/hook", body, "Authorization: Bearer test-token"), 200)
			got := up.Only()
			want := []string{"Webhook-Delivery-Id: " + test.want, "Webhook-Event: " + test.want, "Webhook-Provider: shippify"}
			checkWebhookHeaders(t, got, want)
			if string(got.Body) != body || strings.Contains(got.Head, "\nX-Injected") {
				t.Errorf("the upstream got %q and %q", got.Head, got.Body)
			}
		})
	}
}

// A name of 64 KB is refused once and for all rather than failing at the
// application for ever.
func TestLongNames(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "shippify", "token test-token"))
	long := strings.Repeat("x", 64<<10)
	for _, body := range []string{`{"eventType":"` + long + `"}`, `{"eventType":"a","eventId":"` + long + `"}`} {
		checkReason(t, srv.Post("/hook", body, "Authorization: Bearer test-token", "X-Tell: yes"), 400, "malformed")
	}
	up.None()
	checkStatus(t, srv.Post("/hook", `{"eventType":"a","other":"`+long+`"}`, "Authorization: Bearer test-token"), 200)
	up.Only()
}

// Values out of a payload that directives of Caddy put into headers cannot add
// lines either.
func TestPlaceholdersInHeaders(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /hook shippify {
		token test-token
		otherwise {
			header X-Answer {http.webhook.event}
			request_header X-Request {http.webhook.body.a}
			reverse_proxy `+up.Addr()+`
		}
	}`))
	const body = `{"eventType":"a\r\nX-Injected: yes","a":"b\r\nX-Injected: yes"}`
	answer := srv.Post("/hook", body, "Authorization: Bearer test-token")
	if answer.Header.Get("X-Injected") != "" {
		t.Errorf("the sender got %v", answer.Header)
	}
	for _, got := range up.Requests() {
		if got.Header.Get("X-Injected") != "" {
			t.Errorf("the upstream got %q", got.Head)
		}
	}
}
