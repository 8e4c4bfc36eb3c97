package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// pastEvent is what the admin API tells of an event, as far as tests look at it.
type pastEvent struct {
	Ref, Provider, Endpoint, Tenant, Event, ID, Outcome, Detail, URI, Signed, Omitted, Body string
	Status, Size                                                                            int
	Refused, Redacted                                                                       bool
	Later                                                                                   []struct {
		Outcome, Destination string
		Attempts, Status     int
	}
	Headers []struct{ Name, Value string }
}

type pastEvents struct {
	Events []pastEvent
	Next   string
	Error  string
}

// archived is a site whose webhooks of GitHub are kept, the address of its administration
// endpoint, and the folder that they are in.
func archived(t *testing.T, options, blocks string) (config, admin, folder string) {
	t.Helper()
	admin, folder = "127.0.0.1:"+webhooktest.FreePort(t), filepath.Join(t.TempDir(), "events")
	return "{\n\tadmin " + admin + "\n\twebhooks {\n\t\tarchive " + folder + " {\n" + options + "\n}\n\t}\n}\n" + routes(blocks), admin, folder
}

// search lists events by selectors.
func search(t *testing.T, admin, query string) (list pastEvents) {
	t.Helper()
	ask(t, admin, "/webhooks/events?"+query, &list)
	if list.Error != "" {
		t.Fatalf("%s: %s", query, list.Error)
	}
	return list
}

// tellAdmin has the administration endpoint do something.
func tellAdmin(t *testing.T, admin, path string, selectors map[string]any, answer any) int {
	t.Helper()
	body, err := json.Marshal(selectors)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a reload ends connections
	response, err := client.Post("http://"+admin+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return response.StatusCode
}

// holds reports whether a text is in a file of a folder.
func holds(t *testing.T, folder, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What came is found again: by its id, its time, its event, an expression and a text; with
// what the app answered, and as it came.
func TestHistory(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	config, admin, _ := archived(t, "", "otherwise {\n webhook_proxy "+up.Addr()+"\n}")
	srv := webhooktest.Start(t, config)
	bodies := []string{`{"n":1,"customer":{"email":"ann@example.com"}}`, `{"n":2,"customer":{"email":"bob@example.com"}}`, `{"n":3}`}
	for i, body := range bodies {
		up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader([]int{200, 201, 503}[i]) })
		srv.Post("/hook", body, "Content-Type: application/json", "X-GitHub-Event: push", "X-GitHub-Delivery: d-"+body[5:6],
			"X-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, body), "Webhook-Mine: kept")
	}
	list := search(t, admin, "")
	if len(list.Events) != 3 || list.Events[0].ID != "d-3" || list.Events[0].Status != 503 {
		t.Fatalf("there is %+v", list)
	}
	first := search(t, admin, "id=d-1").Events[0]
	if first.Outcome != "accepted" || first.Status != 200 || first.Event != "push" || first.Endpoint != "/hook" || first.Signed != "body" ||
		first.Refused || first.Redacted || first.Size != len(bodies[0]) {
		t.Errorf("it is %+v", first)
	}
	for query, want := range map[string]int{
		"limit=2": 2, "event=pu*": 3, "event=pull": 0, "endpoint=/hook": 3, "endpoint=/other": 0, "provider=github": 3, "outcome=accepted": 3,
		"outcome=bad_signature": 0, "since=2020-01-01T00:00:00Z": 3, "until=2020-01-01T00:00:00Z": 0, "text=bob@": 1, "text=d-3": 1, "refused=true": 0,
		"where=" + url.QueryEscape(`body.customer.email == "ann@example.com"`): 1, "where=" + url.QueryEscape(`event == "push" && body.n > 1`): 2,
		"where=" + url.QueryEscape(`header("X-GitHub-Delivery") == "d-2" && method == "POST" && path == "/hook"`): 1,
		"ref=" + first.Ref: 1,
	} {
		if got := search(t, admin, query); len(got.Events) != want {
			t.Errorf("%s selects %d, want %d", query, len(got.Events), want)
		}
	}
	page := search(t, admin, "limit=2")
	if rest := search(t, admin, "limit=2&before="+page.Next); len(rest.Events) != 1 || rest.Events[0].ID != "d-1" || rest.Next != "" {
		t.Errorf("the second page is %+v", rest)
	}
	var found pastEvents
	if status := tellAdmin(t, admin, "/webhooks/events/search", map[string]any{"ref": []string{first.Ref, page.Events[0].Ref}}, &found); status != 200 || len(found.Events) != 2 {
		t.Errorf("a search by refs: %d, %+v", status, found)
	}
	var detail pastEvent
	ask(t, admin, "/webhooks/events/"+first.Ref, &detail)
	if detail.Body != bodies[0] || detail.ID != "d-1" || len(detail.Headers) == 0 {
		t.Errorf("the detail is %+v", detail)
	}
	raw := get(t, "http://"+admin+"/webhooks/events/"+first.Ref+"/request")
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	if !strings.HasPrefix(head, "POST /hook HTTP/1.1\r\nHost: "+srv.Addr()+"\r\n") || body != bodies[0] || !strings.Contains(head, "\r\nWebhook-Mine: kept\r\n") ||
		!strings.Contains(head, "\r\nX-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, bodies[0])+"\r\n") || strings.Contains(head, "\r\nWebhook-Event") {
		t.Errorf("the request is\n%s", raw)
	}
	for query, want := range map[string]string{
		"evnt=push": "evnt: there is no such selector", "where=body.": "where: ", "where=category+==+%22x%22": "categories are not kept",
		"limit=0": "limit: it is a number from 1 to 1000", "since=today": "since: ", "outcome=acepted": "no event comes to \"acepted\"", "before=x": "before is not",
	} {
		var wrong pastEvents
		if answer := ask(t, admin, "/webhooks/events?"+query, &wrong); answer.StatusCode != 400 || !strings.Contains(wrong.Error, want) {
			t.Errorf("%s: %d %q, want %q", query, answer.StatusCode, wrong.Error, want)
		}
	}
	for path, want := range map[string]int{"/webhooks/events/nothing": 404, "/webhooks/events/" + first.Ref + "/other": 404, "/webhooks/events/resend": 405} {
		if answer := ask(t, admin, path, nil); answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
	srv.Reload(config + "# changed\n")
	if list := search(t, admin, ""); len(list.Events) != 3 {
		t.Errorf("after a reload there is %+v", list)
	}
}

// No credential is written down, nor what is to be left out.
func TestHistoryRedacts(t *testing.T) {
	admin, folder := "127.0.0.1:"+webhooktest.FreePort(t), filepath.Join(t.TempDir(), "events")
	srv := webhooktest.Start(t, `{
	admin `+admin+`
	webhooks {
		archive `+folder+` {
			redact customer.email items.*.phone personal
			refused
		}
		provider shop hmac {
			signature header.X-Signature
			content {body}
			token header.X-Shop-Token
			secrets session
			personal buyer.name
			event body.type
		}
		provider slip none {
			token form.proof
		}
		provider linked none {
			token query.access
		}
	}
}
`+site(`handle_webhook /shop shop {
		secret `+testSecret+`
		token `+testToken+`
		otherwise {
			respond 204
		}
	}
	handle_webhook /slip slip {
		token `+testToken+`
		otherwise {
			respond 204
		}
	}
	handle_webhook /linked linked {
		token `+testToken+`
		otherwise {
			respond 204
		}
	}`))
	const body = `{"type":"paid","session":"open-sesame","customer":{"email":"ann@example.com","id":7},"buyer":{"name":"Ann"},"items":[{"phone":"0123456"}]}`
	headers := []string{
		"Content-Type: application/json", "X-Signature: " + webhooktest.HMAC(testSecret, body), "X-Shop-Token: " + testToken,
		"Authorization: Basic basic-secret", "Cookie: a=cookie-secret", "X-Api-Key: key-secret",
	}
	checkStatus(t, srv.Post("/shop?api_key=query-secret&page=2", body, headers...), 204)
	checkStatus(t, srv.Post("/slip", "proof="+testToken+"&password=form-secret&a=b%20c", "Content-Type: application/x-www-form-urlencoded"), 204)
	checkStatus(t, srv.Post("/linked?access="+testToken+"&page=2", `{}`), 204)
	checkStatus(t, srv.Post("/shop", `{"type":"paid","session":"open-sesame"`, headers...), 401) // not JSON
	checkStatus(t, srv.Post("/shop", body, "X-Shop-Token: wrong-token"), 401)

	list := search(t, admin, "")
	if len(list.Events) != 5 {
		t.Fatalf("there is %+v", list)
	}
	wrongToken, broken, linked, slip, shop := list.Events[0], list.Events[1], list.Events[2], list.Events[3], list.Events[4]
	raw := get(t, "http://"+admin+"/webhooks/events/"+shop.Ref+"/request")
	if _, got, _ := strings.Cut(raw, "\r\n\r\n"); got != `{"type":"paid","session":"[redacted]","customer":{"email":"[redacted]","id":7},"buyer":{"name":"[redacted]"},"items":[{"phone":"[redacted]"}]}` ||
		!shop.Redacted || shop.Size != len(body) || shop.URI != "/shop?api_key=%5Bredacted%5D&page=2" || !strings.Contains(raw, "X-Signature: "+webhooktest.HMAC(testSecret, body)) {
		t.Errorf("it is %+v\n%s", shop, raw)
	}
	raw = get(t, "http://"+admin+"/webhooks/events/"+slip.Ref+"/request")
	if _, got, _ := strings.Cut(raw, "\r\n\r\n"); got != "proof=%5Bredacted%5D&password=%5Bredacted%5D&a=b%20c" {
		t.Errorf("the form is %s", got)
	}
	if linked.URI != "/linked?access=%5Bredacted%5D&page=2" || linked.Redacted {
		t.Errorf("the URI is %s", linked.URI)
	}
	if broken.Omitted == "" || wrongToken.Outcome != "missing_signature" || wrongToken.Event != "paid" {
		t.Errorf("the refused ones are %+v, %+v", broken, wrongToken)
	}
	srv.Stop()
	for _, secret := range []string{
		testSecret, testToken, "basic-secret", "cookie-secret", "key-secret", "query-secret", "form-secret", "wrong-token", "open-sesame",
		"ann@example.com", `"Ann"`, "0123456",
	} {
		if holds(t, folder, secret) {
			t.Errorf("%s is on disk", secret)
		}
	}
	if !holds(t, folder, `"id":7`) {
		t.Error("nothing is on disk")
	}
}

// What was not kept is in no file: the option is off by default, copies and handshakes are
// no events, and what is refused is kept only where that is wanted.
func TestHistoryIsBounded(t *testing.T) {
	config, admin, folder := archived(t, "", "otherwise {\n respond 204\n}")
	srv := webhooktest.Start(t, strings.Replace(config, "github "+testSecret+" {", "github "+testSecret+" {\nreplay 1h", 1))
	for range 3 {
		checkStatus(t, push(srv, `{"n":1}`), 204)
	}
	checkStatus(t, srv.Post("/hook", `{"forged":true}`, "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)), 401)
	if list := search(t, admin, ""); len(list.Events) != 1 {
		t.Errorf("there is %+v", list)
	}
	if holds(t, folder, "forged") {
		t.Error("what was refused is kept")
	}
	srv.Reload("{\n\tadmin " + admin + "\n}\n" + routes("otherwise {\n respond 204\n}"))
	var none pastEvents
	if answer := ask(t, admin, "/webhooks/events", &none); answer.StatusCode != 404 || !strings.Contains(none.Error, "write archive") {
		t.Errorf("without an archive: %d %q", answer.StatusCode, none.Error)
	}
}

// A secret was changed at the provider and forgotten here. What was refused meanwhile is
// found, verified with the new secret as of when it came, and handed over.
func TestForgottenSecretCostsNothing(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	admin, folder := "127.0.0.1:"+webhooktest.FreePort(t), filepath.Join(t.TempDir(), "events")
	config := func(secret string) string {
		return "{\n\tadmin " + admin + "\n\twebhooks {\n\t\tarchive " + folder + " {\n\t\t\trefused\n\t\t}\n\t}\n}\n" +
			site("handle_webhook /hook stripe "+secret+" {\n\totherwise {\n\t\twebhook_proxy "+up.Addr()+"\n\t}\n}")
	}
	const oldSecret, newSecret = "whsec_old-secret", "whsec_new-secret"
	srv := webhooktest.Start(t, config(oldSecret))
	const body = `{"id":"evt_123","type":"invoice.paid","data":{"object":{"total":5}}}`
	checkStatus(t, srv.Post("/hook", body, "Content-Type: application/json", stripeSignature(newSecret, body)), 401)
	checkStatus(t, srv.Post("/hook", `{"id":"evt_666","type":"invoice.paid"}`, stripeSignature("whsec_forged", "x")), 401)
	up.None()
	found := search(t, admin, "id=evt_123").Events
	if len(found) != 1 || found[0].Outcome != "bad_signature" || found[0].Event != "invoice.paid" || !found[0].Refused {
		t.Fatalf("the refused one is %+v", found)
	}
	var resent struct {
		Outcome, Detail, Body, Error string
		Status                       int
	}
	ref := map[string]any{"ref": found[0].Ref}
	if status := tellAdmin(t, admin, "/webhooks/events/resend", ref, &resent); status != 200 || resent.Outcome != "bad_signature" || resent.Detail == "" {
		t.Errorf("with the old secret: %d, %+v", status, resent)
	}
	up.None()

	webhook.SetClock(func() time.Time { return time.Now().Add(time.Hour) }) // a signature of an hour ago is stale
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	srv.Reload(config(newSecret))
	if tellAdmin(t, admin, "/webhooks/events/verify", ref, &resent); resent.Outcome != "verified" {
		t.Errorf("it is verified: %+v", resent)
	}
	up.None()
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		_, _ = io.WriteString(w, "thanks")
	})
	if tellAdmin(t, admin, "/webhooks/events/resend", ref, &resent); resent.Outcome != "resent" || resent.Status != 201 || resent.Body != "thanks" {
		t.Errorf("it is handed over: %+v", resent)
	}
	got := up.Only()
	if string(got.Body) != body || got.Header.Get("Webhook-Resend") != "1" || got.Header.Get("Webhook-Delivery-Id") != "evt_123" || got.URI != "/hook" {
		t.Errorf("the app got %+v, %s", got, got.Body)
	}
	if again := search(t, admin, "id=evt_123&outcome=resent").Events; len(again) != 1 || len(again[0].Later) != 1 || again[0].Later[0].Status != 201 {
		t.Errorf("what became of it is %+v", again)
	}
	forged := search(t, admin, "id=evt_666").Events[0]
	if tellAdmin(t, admin, "/webhooks/events/resend", map[string]any{"ref": forged.Ref}, &resent); resent.Outcome != "bad_signature" {
		t.Errorf("a forged one: %+v", resent)
	}
	up.None()
}

// stripeSignature is the header by which Stripe signs a body now.
func stripeSignature(secret, body string) string {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	return "Stripe-Signature: t=" + at + ",v1=" + webhooktest.HMAC(secret, at+"."+body)
}

// What was accepted is handed over again, by the routes that there are now, though its
// token was not kept; a rewrite and rules see it as they did.
func TestResendAccepted(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	config := func(uri string) string {
		return "{\n\tadmin " + admin + "\n\twebhooks {\n\t\tarchive " + filepath.Join(t.TempDir(), "events") + "\n\t}\n}\n" +
			site(`handle_webhook /hook shippify {
		token_header X-Shippify-Token `+testToken+`
		replay 1h
		on when body.n == 1 {
			webhook_rewrite {
				uri "'`+uri+`/' + event"
			}
			webhook_proxy `+up.Addr()+`
		}
		otherwise {
			respond 404
		}
	}`)
	}
	folder := config("/first")
	srv := webhooktest.Start(t, folder)
	const body = `{"id":"t-1","status":"assigned","n":1}`
	checkStatus(t, srv.Post("/hook", body, "X-Shippify-Token: "+testToken, "Content-Type: application/json"), 200)
	original := up.Only()
	event := search(t, admin, "").Events[0]
	srv.Reload(strings.Replace(folder, "'/first/'", "'/second/'", 1))
	var resent struct {
		Outcome, Error string
		Status         int
	}
	if status := tellAdmin(t, admin, "/webhooks/events/resend", map[string]any{"ref": event.Ref}, &resent); status != 200 || resent.Outcome != "resent" || resent.Status != 200 {
		t.Fatalf("it is handed over: %d %+v", status, resent)
	}
	got := up.Only()
	if got.URI != strings.Replace(original.URI, "first", "second", 1) || string(got.Body) != string(original.Body) ||
		got.Header.Get("Webhook-Event") != original.Header.Get("Webhook-Event") || got.Header.Get("Webhook-Resend") != "1" || original.Header.Get("Webhook-Resend") != "" {
		t.Errorf("the app got %+v; at first it got %+v", got, original)
	}
	// A sender cannot have itself taken for an operator.
	checkStatus(t, srv.Post("/hook", `{"id":"t-2","status":"assigned","n":1}`, "X-Shippify-Token: "+testToken, "Webhook-Resend: 1"), 200)
	if got := up.Only(); got.Header.Get("Webhook-Resend") != "" {
		t.Error("a sender's Webhook-Resend reaches the app")
	}
	checkStatus(t, srv.Post("/hook", body, "Webhook-Resend: 1"), 401)
	if list := search(t, admin, ""); len(list.Events) != 2 {
		t.Errorf("a resent one is kept twice: %+v", list)
	}
	srv.Reload(strings.Replace(folder, "handle_webhook /hook", "handle_webhook /moved", 1))
	if status := tellAdmin(t, admin, "/webhooks/events/resend", map[string]any{"ref": event.Ref}, &resent); status != 400 || !strings.Contains(resent.Error, "does not lead to the endpoint /hook") {
		t.Errorf("the endpoint is gone: %d %+v", status, resent)
	}
	if status := tellAdmin(t, admin, "/webhooks/events/resend", map[string]any{"ref": event.Ref, "id": "t-1"}, &resent); status != 400 {
		t.Errorf("more than a ref: %d %+v", status, resent)
	}
	up.None()
}

// Personal data are erased by an expression: gone from the disk when the answer is there.
func TestPurge(t *testing.T) {
	config, admin, folder := archived(t, "", "otherwise {\n respond 204\n}")
	srv := webhooktest.Start(t, config)
	for _, name := range []string{"ann", "bob", "ann", "eve"} {
		checkStatus(t, push(srv, `{"customer":{"email":"`+name+`@example.com"}}`), 204)
	}
	var purged struct {
		Count int
		Error string
	}
	where := map[string]any{"where": `body.customer.email == "ann@example.com"`}
	if status := tellAdmin(t, admin, "/webhooks/events/purge", where, &purged); status != 200 || purged.Count != 2 {
		t.Fatalf("%d are purged: %d %s", purged.Count, status, purged.Error)
	}
	if holds(t, folder, "ann@example.com") || !holds(t, folder, "bob@example.com") {
		t.Error("the disk has what was erased, or not what was not")
	}
	var latest pastEvents
	if ask(t, admin, "/webhooks/events/latest", &latest); strings.Contains(jsonText(t, latest), "ann@") {
		t.Errorf("there still is %+v", latest)
	}
	for name, selectors := range map[string]map[string]any{
		"nothing is chosen": {}, "limit": {"event": "push", "limit": "1"}, "all and more": {"all": "true", "event": "push"}, "no text": {"id": 5},
	} {
		if status := tellAdmin(t, admin, "/webhooks/events/purge", selectors, &purged); status != 400 || purged.Error == "" {
			t.Errorf("%s: %d %s", name, status, purged.Error)
		}
	}
	if tellAdmin(t, admin, "/webhooks/events/purge", map[string]any{"all": "true"}, &purged); purged.Count != 2 || holds(t, folder, "example.com") {
		t.Errorf("%d are purged; something is left", purged.Count)
	}
	if entry := srv.Log.String(); strings.Contains(entry, "ann@example.com") {
		t.Error("the log has what was to be erased")
	}
}

// What becomes of a stored webhook is known where it is looked for.
func TestHistoryOfDelivery(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	config, admin, _ := archived(t, "", "on push {\n webhook_deliver orders {\n mode queue\n retry 10ms\n webhook_proxy "+up.Addr()+"\n}\n}\notherwise {\n respond 204\n}")
	config = strings.Replace(config, "\twebhooks {", "\twebhooks {\n\t\tstore "+filepath.Join(t.TempDir(), "deliveries.db"), 1)
	srv := webhooktest.Start(t, config)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	checkStatus(t, push(srv, `{"n":1}`), 202)
	eventually(t, "it is dead", func() bool { return len(search(t, admin, "outcome=dead").Events) == 1 })
	up.Answer(nil)
	var change struct{ Count int }
	if tellAdmin(t, admin, "/webhooks/queue/requeue?destination=orders", nil, &change); change.Count != 1 {
		t.Fatalf("%d are requeued", change.Count)
	}
	eventually(t, "it is delivered", func() bool { return len(search(t, admin, "outcome=delivered").Events) == 1 })
	event := search(t, admin, "").Events[0]
	if event.Outcome != "accepted" || event.Status != 202 || len(event.Later) != 2 || event.Later[0].Outcome != "dead" || event.Later[0].Status != 500 ||
		event.Later[0].Attempts != 2 || event.Later[1].Attempts != 3 || event.Later[1].Destination != "orders" {
		t.Errorf("what became of it is %+v", event)
	}
	entry := srv.Log.Wait(t, webhooktest.Message("a stored webhook is delivered"))
	if entry.Text("destination") != "orders" || entry.Text("event") != "push" {
		t.Errorf("the log says %v", entry)
	}
}

// A request that passes two endpoints is kept by each.
func TestHistoryOfTwoEndpoints(t *testing.T) {
	admin, folder := "127.0.0.1:"+webhooktest.FreePort(t), filepath.Join(t.TempDir(), "events")
	srv := webhooktest.Start(t, "{\n\tadmin "+admin+"\n\twebhooks {\n\t\tarchive "+folder+"\n\t}\n}\n"+site(`route /hook {
		webhook_auth github `+testSecret+` {
			name outer
		}
		webhook_auth github `+testSecret+` {
			name inner
		}
		respond 204
	}`))
	checkStatus(t, push(srv, `{}`), 204)
	list := search(t, admin, "").Events
	if len(list) != 2 || list[0].Ref == list[1].Ref || list[0].Endpoint == list[1].Endpoint {
		t.Errorf("there is %+v", list)
	}
}

// log_accepted tells of accepted webhooks where somebody reads it.
func TestLogAccepted(t *testing.T) {
	for name, config := range map[string]string{
		"for all": "{\n\twebhooks {\n\t\tlog_accepted\n\t}\n}\n" + routes("otherwise {\n respond 204\n}"),
		"of one":  routes("log_accepted\notherwise {\n respond 204\n}"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, config)
			checkStatus(t, push(srv, `{}`), 204)
			if entry := srv.Log.Wait(t, webhooktest.Message("webhook accepted")); entry.Text("level") != "info" || entry.Text("event") != "push" {
				t.Errorf("the entry is %v", entry)
			}
		})
	}
}
