package e2e_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// renewal is a request for a token at the RenewURL, in one of the formats of
// Instaleap's page.
type renewal struct {
	name    string
	body    string
	headers []string
}

// renewals sends a client's id and secret in all the ways of the page: in the body
// as JSON, formData and urlEncoded, and in headers with a body of each.
func renewals(t *testing.T, idName, secretName, id, secret string) []renewal {
	t.Helper()
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	for _, field := range [][2]string{{idName, id}, {secretName, secret}, {"scope", "webhooks"}} {
		if err := parts.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	urlEncoded := "Content-Type: application/x-www-form-urlencoded"
	return []renewal{
		{"JSON", jsonText(t, map[string]string{idName: id, secretName: secret, "scope": "webhooks"}), []string{"Content-Type: application/json"}},
		{"formData", form.String(), []string{"Content-Type: " + parts.FormDataContentType()}},
		{"urlEncoded", url.Values{idName: {id}, secretName: {secret}, "scope": {"webhooks"}}.Encode(), []string{urlEncoded}},
		{"Basic", "grant_type=client_credentials", []string{urlEncoded, basicOf(id, secret)}},
	}
}

// renew asks for a token and returns the member of the answer that holds it.
func renew(t *testing.T, srv *webhooktest.Server, path string, r renewal, status int, member ...string) string {
	t.Helper()
	got := srv.Post(path, r.body, r.headers...)
	if got.Status != status {
		t.Fatalf("%s: status %d, want %d; the body is %q", r.name, got.Status, status, got.Body)
	}
	var answer any
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
		t.Fatal(err)
	}
	for _, name := range member {
		object, _ := answer.(map[string]any)
		answer = object[name]
	}
	token, _ := answer.(string)
	if token == "" {
		t.Fatalf("%s: no token in %q", r.name, got.Body)
	}
	return token
}

// A token is got in each format and carries a job event.
func TestInstaleapFetchesTokens(t *testing.T) {
	srv, up := shipped(t, "instaleap-dynamic-token", "INSTALEAP_CLIENT_SECRET=s3cret-s3cret-s3cret")
	sample := sampleOf(t, "instaleap/sample.json")
	event := delivery{path: "/instaleap", body: sample, uri: "/instaleap", event: "ALLOCATED", id: instaleapID}
	for _, r := range renewals(t, "client_id", "client_secret", "instaleap", "s3cret-s3cret-s3cret") {
		event.name = r.name
		event.headers = []string{"Authorization: Bearer " + renew(t, srv, "/token", r, 200, "access_token")}
		deliver(t, srv, up, event, event) // a token is used again
	}
	for _, r := range renewals(t, "client_id", "client_secret", "instaleap", "another-s3cret-s3cret") {
		checkStatus(t, srv.Post("/token", r.body, r.headers...), 401)
	}
	deliver(t, srv, up,
		delivery{name: "a made-up token", path: "/instaleap", body: sample, status: 401, headers: []string{"Authorization: Bearer e30.e30.c2ln"}},
		delivery{name: "no token", path: "/instaleap", body: sample, status: 401},
		delivery{name: "the RenewURL by GET", method: "GET", path: "/token", status: 405},
	)
}

// Names of the credentials, the status, the member of the answer and the header of
// the token are what was agreed on; jobs and chat use one token.
func TestInstaleapFetchesTokensAsAgreed(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	end := "\n\t\totherwise {\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site(`webhook_token /body {
		client instaleap s3cret-s3cret-s3cret for instaleap instaleap-chat
		field user password
		response data.token 201
	}
	webhook_token /headers other {
		client instaleap s3cret-s3cret-s3cret for instaleap
		header X-User X-Pass
	}
	handle_webhook /jobs instaleap {
		issued {
			header X-Token
		}`+end+`handle_webhook /chat instaleap-chat {
		issued {
			header Authorization ""
		}`+end+`handle_webhook /other instaleap {
		issued other`+end))
	sample, message := sampleOf(t, "instaleap/sample.json"), sampleOf(t, "instaleap-chat/sample.json")
	for _, r := range renewals(t, "user", "password", "instaleap", "s3cret-s3cret-s3cret")[:3] {
		token := renew(t, srv, "/body", r, 201, "data", "token")
		deliver(t, srv, up,
			delivery{name: r.name + ", a job", path: "/jobs", body: sample, headers: []string{"X-Token: " + token}, uri: "/jobs", event: "ALLOCATED", id: instaleapID},
			delivery{name: r.name + ", a message", path: "/chat", body: message, headers: []string{"Authorization: " + token}, uri: "/chat", event: "chat.message"},
			delivery{name: r.name + ", at another issuer's", path: "/other", body: sample, headers: []string{"Authorization: Bearer " + token}, status: 401},
		)
	}
	heads := []string{"X-User: instaleap", "X-Pass: s3cret-s3cret-s3cret"}
	for _, r := range []renewal{
		{"headers alone", "", nil},
		{"headers beside JSON", "{}", []string{"Content-Type: application/json"}},
		{"headers beside a form", "grant_type=client_credentials", []string{"Content-Type: application/x-www-form-urlencoded"}},
	} {
		r.headers = append(r.headers, heads...)
		token := renew(t, srv, "/headers", r, 200, "access_token")
		deliver(t, srv, up, delivery{
			name: r.name, path: "/other", body: sample, headers: []string{"Authorization: Bearer " + token},
			uri: "/other", event: "ALLOCATED", id: instaleapID,
		})
	}
	checkStatus(t, srv.Post("/headers", "", heads[0], "X-Pass: other-s3cret-s3cret"), 401)
}

// A static token is in a header of any name, beside the secret or alone, raw in
// Authorization, too.
func TestInstaleapStaticTokenInAnyHeader(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	end := "\n\t\totherwise {\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site(`handle_webhook /both instaleap a-secret {
		token_header X-Any-Name a-token`+end+`handle_webhook /raw instaleap {
		token_header Authorization a-token`+end+`handle_webhook /form instaleap a-secret {
		content "{form.id}&{form.created_at}&{form.type}"
		event form.type
		id form.id`+end))
	body, signature := signedEvent(t, "a-secret", "CREATED")
	form := url.Values{"id": {"1"}, "created_at": {instaleapTime}, "type": {"CREATED"}, "job": {"{}"}}.Encode()
	deliver(t, srv, up,
		delivery{name: "both", path: "/both", body: body, headers: []string{signature, "X-Any-Name: a-token"}, uri: "/both", event: "CREATED", id: instaleapID},
		delivery{name: "one of both", path: "/both", body: body, headers: []string{signature}, status: 401},
		delivery{name: "raw", path: "/raw", body: body, headers: []string{"Authorization: a-token"}, uri: "/raw", event: "CREATED", id: instaleapID},
		delivery{
			name: "the sample as it is printed, unread", path: "/raw", body: strings.Replace(body, `"HEADLESS_ECOMMERCE_ANDROID"`, `“HEADLESS_ECOMMERCE_ANDROID”`, 1),
			headers: []string{"Authorization: a-token"}, uri: "/raw",
		},
		delivery{
			name: "a form", path: "/form", body: form, uri: "/form", event: "CREATED", id: "1",
			headers: []string{
				"Content-Type: application/x-www-form-urlencoded",
				"InstaLeap-Signature: " + instaleapSignature("a-secret", "1", instaleapTime, "CREATED"),
			},
		},
	)
}
