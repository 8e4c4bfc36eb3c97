package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The example with all logistics providers, with apps that check what they get
// by the text of Standard Webhooks alone: a key, HMAC-SHA256 and base64.
func TestLogisticsExample(t *testing.T) {
	srv, status, archive := startLogisticsExample(t)
	sample := sampleOf(t, "shippify/sample.json")
	checkStatus(t, srv.Post("/shippify", sample, "Content-Type: application/json", "X-Webhook-Token: a-shippify-token"), 200)

	got := reaches(t, status, 1)[0]
	checkSignedWith(t, got, logisticsKeys["STATUS_SECRET"])
	var event struct {
		Type string
		Data struct{ Order, Status string }
	}
	if err := json.Unmarshal(got.Body, &event); err != nil {
		t.Fatal(err)
	}
	if event.Type != "delivery.status" || event.Data.Order != "test1234" || event.Data.Status != "delivered" {
		t.Errorf("the first app got %s", got.Body)
	}

	kept := reaches(t, archive, 1)[0]
	checkSignedWith(t, kept, logisticsKeys["ARCHIVE_SECRET"])
	if body := string(kept.Body); strings.Contains(body, "testrecip@test.com") || !strings.Contains(body, "test1234") {
		t.Errorf("the second app got %s", body)
	}
}

// logisticsKeys are what the example's secrets hold.
var logisticsKeys = map[string]string{
	"STATUS_SECRET": "the app knows one key only", "ARCHIVE_SECRET": "another app has another key",
}

// startLogisticsExample starts the example with a real upstream for each app.
func startLogisticsExample(t *testing.T) (srv *webhooktest.Server, status, archive *webhooktest.Upstream) {
	t.Helper()
	for name, key := range logisticsKeys {
		t.Setenv(name, "whsec_"+base64.StdEncoding.EncodeToString([]byte(key)))
	}
	t.Setenv("INSTALEAP_CLIENT_SECRET", "a-client-secret-of-some-length")
	t.Setenv("JELP_TOKEN", "a-jelp-token")
	t.Setenv("SHIPPIFY_TOKEN", "a-shippify-token")
	t.Setenv("DETRACK_USER", "a-user")
	t.Setenv("DETRACK_PASSWORD", "a-detrack-password")
	status, archive = webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	srv = webhooktest.Start(t, logisticsExample(t, status.Addr(), archive.Addr()))
	return srv, status, archive
}

// logisticsExample is the example with these apps in the place of its own.
func logisticsExample(t *testing.T, status, archive string) string {
	t.Helper()
	file, err := os.ReadFile("examples/logistics/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	receiver, _, found := strings.Cut(string(file), "# The two apps, played by Caddy")
	if !found {
		t.Fatal("the example does not say where its apps begin")
	}
	return strings.NewReplacer("http://localhost:8080 {", ":8080 {", "webhook_proxy localhost:8081", "webhook_proxy "+status,
		"webhook_proxy localhost:8082", "webhook_proxy "+archive).Replace(receiver)
}

// checkSignedWith verifies a signature of Standard Webhooks by plain HMAC.
func checkSignedWith(t *testing.T, got webhooktest.Received, key string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(got.Header.Get("webhook-id") + "." + got.Header.Get("webhook-timestamp") + "." + string(got.Body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.Header.Get("webhook-signature") != want {
		t.Errorf("the signature is %q, want %q", got.Header.Get("webhook-signature"), want)
	}
}

// One token that Instaleap fetches is good at its four modules, and nowhere else.
func TestLogisticsExampleToken(t *testing.T) {
	srv, status, archive := startLogisticsExample(t)
	fetched := srv.Post("/token", "grant_type=client_credentials&client_id=instaleap&client_secret=a-client-secret-of-some-length",
		"Content-Type: application/x-www-form-urlencoded")
	checkStatus(t, fetched, 200)
	var token struct {
		Value string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(fetched.Body), &token); err != nil {
		t.Fatal(err)
	}
	for path, sample := range map[string]string{
		"/instaleap/jobs": "instaleap", "/instaleap/chat": "instaleap-chat",
		"/instaleap/replacements": "instaleap-query", "/instaleap/stock": "instaleap-query",
	} {
		body := sampleOf(t, sample+"/sample.json")
		checkStatus(t, srv.Post(path, body, "Content-Type: application/json"), 401)
		checkStatus(t, srv.Post(path, body, "Content-Type: application/json", "Authorization: Bearer "+token.Value), 200)
	}
	checkStatus(t, srv.Post("/jelp", sampleOf(t, "jelp/sample.json"), "Authorization: Bearer "+token.Value), 401)
	for _, got := range append(reaches(t, status, 4), reaches(t, archive, 1)...) {
		if got.Header.Get("Authorization") != "" {
			t.Errorf("an app got the token at %s", got.URI)
		}
	}
}
