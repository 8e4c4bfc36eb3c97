package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// oddities are bodies that are no JSON, in which the name of the event can be
// seen all the same, or not.
var oddities = []struct {
	name, body string
	seen       bool
}{
	{"half an emoji", `{"text":"\ud83d","kind":"order","id":"1"}`, true},
	{"latin-1", "{\"text\":\"caf\xe9\",\"kind\":\"order\",\"id\":\"1\"}", true},
	{"control character", "{\"text\":\"a\x08b\",\"kind\":\"order\",\"id\":\"1\"}", true},
	{"NaN", `{"total":NaN,"kind":"order","id":"1"}`, true},
	{"bad escape", `{"text":"\x41","kind":"order","id":"1"}`, true},
	{"trailing comma", `{"kind":"order","id":"1",}`, true},
	{"trailing text", `{"kind":"order","id":"1"}}`, true},
	{"cut off behind them", `{"kind":"order","id":"1","text":"abc`, true},
	{"cut off between them", `{"kind":"order","text":"abc`, false},
	{"cut off before them", `{"text":"abc`, false},
	{"comment before them", `{/**/"kind":"order","id":"1"}`, false},
	{"single quotes", `{'kind':'order','id':'1'}`, false},
	{"no JSON at all", `kind: order`, false},
}

// own is a site for a provider of one's own, whose events have their name and
// id in the payload.
func own(name, scheme, credential, app string) string {
	return `{
	metrics
	webhooks {
		provider ` + name + ` ` + scheme + `
	}
}
` + site(`metrics /metrics
	handle_webhook /hook `+name+` {
		`+credential+`
		on order {
			respond "order {http.webhook.id} <{http.webhook.error}>"
		}
		otherwise {
			`+app+`
		}
	}`)
}

const tellOtherwise = `respond "otherwise <{http.webhook.error}>"`

// A webhook that verifies, but whose event or id cannot be read, is accepted and
// never silently so. Where the sender vouches for the whole body, what can be
// seen of it is found.
func TestUnreadable(t *testing.T) {
	for _, signed := range []bool{true, false} {
		t.Run(fmt.Sprintf("signed %t", signed), func(t *testing.T) {
			name := fresh("unreadable")
			config := own(name, "token {\nevent body.kind\nid body.id\n}", "token "+testToken, tellOtherwise)
			if signed {
				config = own(name, "hmac {\nsignature header.X-Sig\ncontent {body}\nevent body.kind\nid body.id\n}", "secret "+testSecret, tellOtherwise)
			}
			srv := webhooktest.Start(t, config)
			accepted, unreadable := 0.0, 0.0
			for _, odd := range oddities {
				got := srv.Post("/hook", odd.body, "X-Sig: "+webhooktest.HMAC(testSecret, odd.body), "Authorization: Bearer "+testToken)
				switch {
				case signed && odd.seen:
					accepted++
					checkAnswer(t, got, 200, "order 1 <>")
				case odd.name == "cut off between them" && signed:
					unreadable++ // its name is found, and its id is not
					checkAnswer(t, got, 200, "order  <unreadable>")
				default:
					unreadable++
					checkAnswer(t, got, 200, "otherwise <unreadable>")
				}
			}
			for outcome, want := range map[string]float64{"accepted": accepted, "unreadable": unreadable} {
				if got := metric(t, srv, `caddy_webhook_requests_total{endpoint="/hook",outcome="`+outcome+`",provider="`+name+`"}`); got != want {
					t.Errorf("%s is %v, want %v", outcome, got, want)
				}
			}
			entries := srv.Log.WaitAll(t, webhooktest.Message("webhook accepted, but not all of it can be read"), min(int(unreadable), 10))
			for _, entry := range entries {
				if entry.Text("level") != "warn" || entry.Text("provider") != name || entry.Text("reason") != "unreadable" ||
					entry.Text("detail") == "" || strings.Contains(entry.Text("detail"), "abc") {
					t.Errorf("the log says %v", entry)
				}
			}
			access := srv.Log.Find(webhooktest.Access("/hook"))
			if !slices.ContainsFunc(access, func(e webhooktest.Entry) bool { return e.Text("webhook_outcome") == "unreadable" }) {
				t.Error("the access log names no webhook that could not be read")
			}
		})
	}
}

// What has no payload, or one of a kind that holds no names, is as it is.
func TestReadable(t *testing.T) {
	name := fresh("readable")
	srv := webhooktest.Start(t, own(name, "token {\nevent body.kind\nid body.id\n}", "token "+testToken, tellOtherwise))
	for contentType, body := range map[string]string{
		"application/json": "{}", "text/xml; charset=iso-8859-1": "<order/>", "multipart/form-data; boundary=B": "--B--",
		"application/x-www-form-urlencoded": "kind=order", "text/plain": "", "application/soap+xml": "<a/>",
	} {
		got := srv.Post("/hook", body, "Authorization: Bearer "+testToken, "Content-Type: "+contentType)
		checkAnswer(t, got, 200, "otherwise <>")
	}
	got := srv.Post("/hook", "\ufeff"+`{"kind":"order","id":"1"}`, "Authorization: Bearer "+testToken)
	checkAnswer(t, got, 200, "order 1 <>")
}

// An expression that falls back on a name does not hide that the payload could
// not be read.
func TestUnreadableByExpression(t *testing.T) {
	name := fresh("unreadable")
	srv := webhooktest.Start(t, own(name, "token {\nevent \"=body?.kind ?? 'other'\"\n}", "token "+testToken, tellOtherwise))
	for body, want := range map[string]string{
		`{"kind":"order"}`: "order  <>", `{}`: "otherwise <>", `{"kind":"order","x":NaN}`: "otherwise <unreadable>", `{"kind":`: "otherwise <unreadable>",
	} {
		checkAnswer(t, srv.Post("/hook", body, "Authorization: Bearer "+testToken), 200, want)
	}
}

// What comes upstream are the bytes that were sent.
func TestUnreadableGoesOnAsItCame(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "github "+testSecret))
	for i, odd := range oddities {
		checkStatus(t, push(srv, odd.body), 200)
		if got := up.Requests()[i]; string(got.Body) != odd.body {
			t.Errorf("%s: upstream gets %q", odd.name, got.Body)
		}
	}
}

// With payload json, what is no JSON to its end is refused, whoever vouches for
// it, and whether endpoint or provider says so.
func TestPayloadJSON(t *testing.T) {
	bodies := make(map[string]bool) // whether they are JSON
	for _, odd := range oddities {
		bodies[odd.body] = false
	}
	for body, isJSON := range map[string]bool{
		"": false, " ": false, "\ufeff{}": false, "kind=order": false, `{"kind":"order","id":"1"}`: true, `{"kind":"order","id":"1"}` + "\n": true,
		`{"kind":"order","id":"1","text":"\ud83d\ude00 é"}`: true,
	} {
		bodies[body] = isJSON
	}
	const hmac, token = "hmac {\nsignature header.X-Sig\ncontent {body}\nevent body.kind\nid body.id", "token {\nevent body.kind\nid body.id"
	for _, test := range []struct{ scheme, credential string }{
		{hmac + "\n}", "secret " + testSecret + "\npayload json"},
		{hmac + "\npayload json\n}", "secret " + testSecret},
		{token + "\n}", "token " + testToken + "\npayload json"},
		{token + "\npayload json\n}", "token " + testToken},
		{token + "\n}", "unverified\npayload json"},
	} {
		srv := webhooktest.Start(t, own(fresh("strict"), test.scheme, test.credential, tellOtherwise))
		for body, isJSON := range bodies {
			send := func(secret string) webhooktest.Response {
				return srv.Post("/hook", body, "X-Sig: "+webhooktest.HMAC(secret, body), "Authorization: Bearer "+secret, "X-Tell: 1")
			}
			headers := testSecret
			if strings.Contains(test.credential, "token ") {
				headers = testToken
			}
			if isJSON {
				checkAnswer(t, send(headers), 200, "order 1 <>")
				continue
			}
			checkReason(t, send(headers), 400, "malformed")
			if !strings.Contains(test.credential, "unverified") {
				if got := send("other"); got.Status != 401 {
					t.Errorf("%q is refused with %d for its payload, before its signature", body, got.Status)
				}
			}
		}
	}
	// An endpoint may want less than its provider says.
	srv := webhooktest.Start(t, own(fresh("strict"), token+"\npayload json\n}", "token "+testToken+"\npayload any", tellOtherwise))
	checkAnswer(t, srv.Post("/hook", `{"kind":`, "Authorization: Bearer "+testToken), 200, "otherwise <unreadable>")

	_, err := webhooktest.Adapt(own("strict", token+"\n}", "token t\npayload xml", tellOtherwise))
	if err == nil || !strings.Contains(err.Error(), `payload is "xml"; it can be json or any`) {
		t.Errorf("payload xml: %v", err)
	}
}

// The fields of a multipart form are read, and its files pass; one that readers
// would not agree on is refused, and called what it is.
func TestMultipart(t *testing.T) {
	const token = "0123456789abcdef"
	now := strconv.FormatInt(time.Now().Unix(), 10)
	body := ""
	for _, field := range [][2]string{{"timestamp", now}, {"token", token}, {"signature", webhooktest.HMAC(testSecret, now, token)}} {
		body += "--B\r\nContent-Disposition: form-data; name=\"" + field[0] + "\"\r\n\r\n" + field[1] + "\r\n"
	}
	body += "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n\x00\xff\r\n--B--\r\n"
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "mailgun-form "+testSecret))
	const contentType = "Content-Type: Multipart/Form-Data; boundary=B"
	checkStatus(t, srv.Post("/hook", body, contentType), 200)
	got := up.Only()
	if string(got.Body) != body || got.Header.Get("Webhook-Event") != "inbound" || got.Header.Get("Webhook-Delivery-Id") != token {
		t.Errorf("upstream gets %q with %v", got.Body, got.Header)
	}
	checkReason(t, srv.Post("/hook", body+body, contentType, "X-Tell: 1"), 400, "malformed")
	entry := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
	if !strings.Contains(entry.Text("detail"), "multipart") {
		t.Errorf("the log says %v", entry)
	}
	up.None()
}

// A time that cannot be right is told of, and that of the arrival counts.
func TestImplausibleTime(t *testing.T) {
	config := `{
	webhooks {
		provider timed token {
			event order
			timestamp body.at
		}
	}
}
` + site(`handle_webhook /hook timed {
		token `+testToken+`
		otherwise {
			respond "{http.webhook.timestamp}"
		}
	}`)
	srv := webhooktest.Start(t, config)
	send := func(at string) string {
		body, err := json.Marshal(map[string]string{"at": at})
		if err != nil {
			t.Fatal(err)
		}
		return srv.Post("/hook", string(body), "Authorization: Bearer "+testToken).Body
	}
	for _, at := range []string{"1715688000", "1715688000000", "1715688000000000", "1715688000000000000"} {
		if got := send(at); got != "2024-05-14T12:00:00Z" {
			t.Errorf("%s is %s", at, got)
		}
	}
	if told := srv.Log.Find(webhooktest.Message("webhook accepted, but not all of it can be read")); len(told) > 0 {
		t.Errorf("times that can be right are told of: %v", told)
	}
	for i, at := range []string{"0", "1", "99999999999", "9223372036854775807", "yesterday", "2024-05-14T12:00:00Z"} {
		if got := send(at); len(got) < 20 || got[:4] < "2025" || got[:4] > "2100" {
			t.Errorf("%s is %s; want the time of arrival", at, got)
		}
		entries := srv.Log.WaitAll(t, webhooktest.Message("webhook accepted, but not all of it can be read"), i+1)
		if last := entries[i]; last.Text("reason") != "timestamp" || strings.Contains(last.Text("detail"), at+" ") {
			t.Errorf("%s: the log says %v", at, last)
		}
	}
}
