package examples_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// webhook is a request, without its host.
type webhook struct {
	t            *testing.T
	method, path string
	header       http.Header
	body         string
}

func (w webhook) request(t *testing.T, srv *webhooktest.Server) *http.Request {
	t.Helper()
	request, err := http.NewRequest(w.method, srv.URL(w.path), strings.NewReader(w.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "localhost"
	request.Header = w.header
	return request
}

// stored reads a request of the test data.
func stored(t *testing.T, file string) webhook {
	t.Helper()
	content := read(t, filepath.Join("..", "testdata", file))
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(content))))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return webhook{t, request.Method, request.URL.Path, request.Header, string(body)}
}

// to returns the webhook with another path.
func (w webhook) to(path string) webhook {
	w.path = path
	return w
}

// by returns the webhook with another method.
func (w webhook) by(method string) webhook {
	w.method = method
	return w
}

// with returns the webhook with another header.
func (w webhook) with(name, value string) webhook {
	header := make(http.Header)
	for name, values := range w.header {
		header[name] = values
	}
	header.Set(name, value)
	w.header = header
	return w
}

// but returns the webhook with the first occurrence of a text changed.
func (w webhook) but(old, changed string) webhook {
	w.t.Helper()
	if !strings.Contains(w.body, old) {
		w.t.Fatalf("the payload does not contain %s", old)
	}
	w.body = strings.Replace(w.body, old, changed, 1)
	return w
}

// payload returns the webhook with the payload of a file.
func (w webhook) payload(file string) webhook {
	w.t.Helper()
	w.body = read(w.t, filepath.Join("..", "testdata", file))
	return w
}

// instaleap returns a signed webhook with the event of a job.
func instaleap(t *testing.T, secret, event string) webhook {
	t.Helper()
	w := stored(t, "instaleap/requests/signed.http").but(`"ALLOCATED"`, strconv.Quote(event))
	var signed struct {
		ID, Type  string
		CreatedAt string `json:"created_at"`
	}
	if err := json.Unmarshal([]byte(w.body), &signed); err != nil {
		t.Fatal(err)
	}
	return w.with("InstaLeap-Signature", webhooktest.HMAC(secret, signed.ID, "&", signed.CreatedAt, "&", signed.Type))
}

// github returns a signed webhook with an event.
func github(t *testing.T, secret, event string) webhook {
	t.Helper()
	w := stored(t, "github/requests/signed.http").with("X-GitHub-Event", event)
	return w.with("X-Hub-Signature-256", "sha256="+webhooktest.HMAC(secret, w.body))
}

// stripe returns a signed webhook with an event, of an amount in cents.
func stripe(t *testing.T, secret, event string, amount int) webhook {
	seconds := strconv.FormatInt(time.Now().Unix(), 10)
	body := fmt.Sprintf(`{"id":"evt_1","object":"event","type":%q,"data":{"object":{"amount_paid":%d}}}`, event, amount)
	return webhook{t: t, method: "POST", path: "/stripe", body: body}.
		with("Stripe-Signature", "t="+seconds+",v1="+webhooktest.HMAC(secret, seconds, ".", body))
}

// acme returns a signed webhook of the provider in the example custom-provider.
func acme(t *testing.T, secret, body string, sent time.Time) webhook {
	seconds := strconv.FormatInt(sent.Unix(), 10)
	return webhook{t: t, method: "POST", path: "/acme", body: body}.
		with("X-Acme-Timestamp", seconds).
		with("X-Acme-Signature", "sha256="+webhooktest.HMAC(secret, seconds, ".", body))
}

// parcel returns a signed webhook of the provider in the example several-ways.
func parcel(t *testing.T, secret string, newHash func() hash.Hash, data string) webhook {
	seconds := strconv.FormatInt(time.Now().Unix(), 10)
	code := hmac.New(newHash, []byte(secret))
	code.Write([]byte(seconds + "\r\n" + data))
	body := fmt.Sprintf(`{"time": %s, "event": "parcel.left", "signature": "%x", "data": %s}`, seconds, code.Sum(nil), data)
	return webhook{t: t, method: "POST", path: "/parcel", body: body}.with("Content-Type", "application/json")
}

// asked returns a query of Instaleap without a payload.
func asked(uri string) webhook {
	return webhook{method: "GET", path: uri}.with("X-Instaleap-Token", "test-token-instaleap-query")
}

// order is the order of the example line-items.
func order(t *testing.T, token string) webhook {
	t.Helper()
	return webhook{t: t, method: "POST", path: "/shop", body: read(t, "line-items/order.json")}.
		with("Authorization", "Bearer "+token)
}

// tokenRequest is what a provider sends to fetch a token.
func tokenRequest(t *testing.T, secret string) webhook {
	t.Helper()
	return webhook{t: t, method: "POST", path: "/token", body: "client_id=instaleap&client_secret=" + secret}.
		with("Content-Type", "application/x-www-form-urlencoded")
}

// checkedIn returns a webhook of Bringg with a token of an OAuth server.
func checkedIn(t *testing.T, issuer *webhooktest.Issuer, audience, scope string) webhook {
	t.Helper()
	token := issuer.Token("https://"+audience, map[string]any{"scope": scope})
	return webhook{t: t, method: "POST", path: "/bringg", body: read(t, "../testdata/bringg/sample.json")}.
		with("Authorization", "Bearer "+token)
}
