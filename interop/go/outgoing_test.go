package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"testing"
)

const (
	githubSecret   = "It's a Secret to Everybody"
	githubDelivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
)

// outgoing are the paths behind which the app gets something else than GitHub
// has sent, and the lines of the Caddyfile that make it so.
func outgoing() map[string]string {
	all := make(map[string]string)
	maps.Copy(all, cloudEventRoutes())
	maps.Copy(all, signedRoutes)
	return all
}

// fromGitHub makes a webhook as GitHub documents it, with headers that try to
// be taken for those that Caddy makes.
func fromGitHub(path, delivery, typ, body string) message {
	m := message{method: http.MethodPost, uri: path, header: make(http.Header), body: []byte(body)}
	for _, name := range []string{
		"Ce-Specversion", "Ce-Id", "Ce-Source", "Ce-Type", "Ce-Time", "Ce-Subject",
		"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature",
	} {
		m.header.Set(name, "forged")
	}
	m.header.Set("Content-Type", typ)
	m.header.Set("X-GitHub-Event", "push")
	if delivery != "" {
		m.header.Set("X-GitHub-Delivery", delivery)
	}
	mac := hmac.New(sha256.New, []byte(githubSecret))
	mac.Write(m.body)
	m.header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return m
}

// requireMade checks that the app got one request, and returns it.
func (a answer) requireMade(t *testing.T) message {
	t.Helper()
	if a.status != answered || len(a.app) != 1 {
		t.Fatalf("Caddy answered %d %q, the app got %d requests", a.status, a.text, len(a.app))
	}
	return a.app[0]
}
