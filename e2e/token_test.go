package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// clientSecret has characters that the formats encode differently.
const clientSecret = `s3c+r%2t &="é, and more`

// tokenSite issues tokens to Instaleap at /token, and takes them at /hook.
func tokenSite(up *webhooktest.Upstream, lines, credential string) string {
	return site(fmt.Sprintf("webhook_token /token %s {\n %s\n }\n handle_webhook /hook instaleap {\n %s\n otherwise {\n reverse_proxy %s\n }\n }",
		strings.Split(credential+" ", " ")[1], lines, credential, up.Addr()))
}

// setClock has requests arrive at a time that the returned function moves on.
func setClock(t *testing.T) (advance func(time.Duration)) {
	t.Helper()
	var offset atomic.Int64
	webhook.SetClock(func() time.Time { return time.Now().Add(time.Duration(offset.Load())) })
	t.Cleanup(func() { webhook.SetClock(time.Now) })
	return func(d time.Duration) { offset.Add(int64(d)) }
}

// tokenRequests are the formats in which Instaleap may ask for a token, with
// names of fields that the operator chose.
func tokenRequests(t *testing.T, id, secret string) map[string]struct{ contentType, body string } {
	t.Helper()
	asJSON, err := json.Marshal(map[string]string{"user": id, "pass": secret})
	if err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	for name, value := range map[string]string{"user": id, "pass": secret} {
		if err := writer.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	writer.Close()
	return map[string]struct{ contentType, body string }{
		"JSON":       {"application/json", string(asJSON)},
		"multipart":  {writer.FormDataContentType(), form.String()},
		"urlencoded": {"application/x-www-form-urlencoded", url.Values{"user": {id}, "pass": {secret}}.Encode()},
	}
}

// tokenOf returns the token of an answer.
func tokenOf(t *testing.T, answer webhooktest.Response, field string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(answer.Body), &fields); err != nil {
		t.Fatalf("answer is %d %q: %v", answer.Status, answer.Body, err)
	}
	token, _ := fields[field].(string)
	if token == "" {
		t.Fatalf("there is no %s in the answer %d %q", field, answer.Status, answer.Body)
	}
	return token
}

// instaleapEvent sends an event with a token, and error routes that tell.
func instaleapEvent(srv *webhooktest.Server, authorization string) webhooktest.Response {
	return srv.Post("/hook", `{"id":"1","type":"CREATED"}`, "Authorization: "+authorization, "X-Tell: yes")
}

// Instaleap fetches a token in each of its formats, sends events with it until
// it is refused, fetches another one, and knows nothing of reloads.
func TestInstaleapDynamicToken(t *testing.T) {
	advance := setClock(t)
	up := webhooktest.NewUpstream(t)
	t.Setenv("WEBHOOK_CLIENT_SECRET", clientSecret)
	config := tokenSite(up, "client shop {env.WEBHOOK_CLIENT_SECRET} for instaleap\n field user pass\n ttl 30m\n response token 201", "issued acme")
	srv := webhooktest.Start(t, config)
	reloads := 0
	for name, request := range tokenRequests(t, "shop", clientSecret) {
		fetch := func() string {
			answer := srv.Post("/token", request.body, "Content-Type: "+request.contentType)
			checkStatus(t, answer, 201)
			for header, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"} {
				if got := answer.Header.Get(header); got != want {
					t.Errorf("%s: %s is %q, want %q", name, header, got, want)
				}
			}
			if !strings.Contains(answer.Body, `"expires_in":1800`) || !strings.Contains(answer.Body, `"token_type":"Bearer"`) {
				t.Errorf("%s: answer is %s", name, answer.Body)
			}
			return tokenOf(t, answer, "token")
		}
		first := fetch()
		checkStatus(t, instaleapEvent(srv, "Bearer "+first), 200)
		advance(29 * time.Minute)
		checkStatus(t, instaleapEvent(srv, "bearer "+first), 200)

		reloads++
		srv.Reload(config + fmt.Sprintf("# reload %d\n", reloads))
		checkStatus(t, instaleapEvent(srv, "Bearer "+first), 200)
		second := fetch()

		advance(3 * time.Minute) // the first one has ended, and the leeway, too
		refused := instaleapEvent(srv, "Bearer "+first)
		checkReason(t, refused, 401, "bad_token")
		if got := refused.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != `Bearer realm="webhooks", error="invalid_token"` {
			t.Errorf("%s: WWW-Authenticate is %q", name, got)
		}
		checkStatus(t, instaleapEvent(srv, "Bearer "+second), 200)
	}
	srv.Stop()
	if entries := srv.Log.Find(webhooktest.Message("webhook refused")); len(entries) != 3 || !strings.Contains(entries[0].Text("detail"), "expired") {
		t.Errorf("the log says %v", entries)
	}
	if strings.Contains(srv.Log.String(), "s3c+r") {
		t.Error("the log holds the secret")
	}
}

// What RFC 6749 says of answers, and what others than providers get.
func TestTokenAnswers(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, tokenSite(up, "client answers 0123456789abcdef for instaleap\n header X-Id X-Pass", "issued answers"))
	const form = "Content-Type: application/x-www-form-urlencoded"
	good := "client_id=answers&client_secret=0123456789abcdef"
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		want                       string // in the body
	}{
		{"body", "POST", "/token", good, []string{form}, 200, `"access_token":"`},
		{"grant", "POST", "/token", good + "&grant_type=client_credentials", []string{form}, 200, `"access_token":"`},
		{"Basic", "POST", "/token", "", []string{"Authorization: Basic YW5zd2VyczowMTIzNDU2Nzg5YWJjZGVm"}, 200, `"access_token":"`},
		{"headers", "POST", "/token", "", []string{"X-Id: answers", "X-Pass: 0123456789abcdef"}, 200, `"access_token":"`},
		{"old token beside", "POST", "/token", good, []string{form, "Authorization: Bearer old"}, 200, `"access_token":"`},
		{"query", "POST", "/token?" + good, "", nil, 401, `{"error":"invalid_client"}`},
		{"query and form", "POST", "/token?" + good, "client_id=answers", []string{form}, 401, `{"error":"invalid_client"}`},
		{"wrong secret", "POST", "/token", "client_id=answers&client_secret=x", []string{form}, 401, `{"error":"invalid_client"}`},
		{"other grant", "POST", "/token", good + "&grant_type=password", []string{form}, 400, `{"error":"unsupported_grant_type"}`},
		{"twice", "POST", "/token", good + "&client_id=x", []string{form}, 400, `{"error":"invalid_request"}`},
		{"text", "POST", "/token", good, []string{"Content-Type: text/plain"}, 415, `{"error":"invalid_request"}`},
		{"compressed", "POST", "/token", good, []string{form, "Content-Encoding: gzip"}, 415, `{"error":"invalid_request"}`},
		{"large", "POST", "/token", strings.Repeat("a", 16<<10+1), []string{form}, 413, `{"error":"invalid_request"}`},
		{"as large as can be", "POST", "/token", good + "&a=" + strings.Repeat("a", 16<<10-len(good)-3), []string{form}, 200, `"access_token":"`},
		{"GET", "GET", "/token", "", nil, 405, `{"error":"invalid_request"}`},
		{"PUT", "PUT", "/token", good, []string{form}, 405, `{"error":"invalid_request"}`},
	} {
		answer := srv.Do(srv.NewRequest(test.method, test.target, strings.NewReader(test.body), test.headers...))
		if answer.Status != test.status || !strings.Contains(answer.Body, test.want) {
			t.Errorf("%s: answer is %d %q, want %d %q", test.name, answer.Status, answer.Body, test.status, test.want)
		}
		if got := answer.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control is %q", test.name, got)
		}
		if challenged := answer.Header.Get("WWW-Authenticate") != ""; challenged != (test.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", test.name, answer.Header.Get("WWW-Authenticate"))
		}
		if allow := answer.Header.Get("Allow"); (allow == "POST") != (test.status == 405) {
			t.Errorf("%s: Allow is %q", test.name, allow)
		}
	}
	up.None()
}

// Who keeps failing is held back, with the right credentials, too, and nobody
// else. Metrics count both.
func TestTokenFailuresAreLimited(t *testing.T) {
	advance := setClock(t)
	up := webhooktest.NewUpstream(t)
	config := strings.Replace(tokenSite(up, "client limited 0123456789abcdef for instaleap\n client other 0123456789abcdef for instaleap",
		"issued limited"), "log\n", "log\n metrics /metrics\n", 1)
	srv := webhooktest.Start(t, config)
	tryAs := func(client, secret string) webhooktest.Response {
		return srv.Post("/token", "client_id="+client+"&client_secret="+secret, "Content-Type: application/x-www-form-urlencoded")
	}
	try := func(secret string) webhooktest.Response { return tryAs("limited", secret) }
	for range 10 {
		checkStatus(t, try("guessed"), 401)
	}
	limited := try("guessed")
	checkAnswer(t, limited, 429, `{"error":"slow_down"}`)
	if got := limited.Header.Get("Retry-After"); got != "60" && got != "59" {
		t.Errorf("Retry-After is %q", got)
	}
	srv.Reload(config + "# the same\n")
	checkAnswer(t, try("0123456789abcdef"), 429, `{"error":"slow_down"}`)
	for range 20 {
		checkStatus(t, tryAs("other", "0123456789abcdef"), 200)
	}
	advance(time.Minute)
	checkStatus(t, try("0123456789abcdef"), 200)
	checkStatus(t, try("guessed"), 401)
	checkStatus(t, try("0123456789abcdef"), 429)
	text := get(t, srv.URL("/metrics"))
	for _, want := range []string{
		`caddy_webhook_tokens_total{issuer="limited",outcome="issued"} 21`,
		`caddy_webhook_tokens_total{issuer="limited",outcome="invalid_client"} 11`,
		`caddy_webhook_tokens_total{issuer="limited",outcome="limited"} 3`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	srv.Stop()
	refused := srv.Log.Find(webhooktest.Message("token refused"))
	if len(refused) == 0 || refused[0].Text("detail") != "the secret of the client limited is wrong" || refused[0].Text("client_ip") != "127.0.0.1" {
		t.Errorf("the log says %v", refused)
	}
	for _, secret := range []string{"guessed", "client_secret"} {
		if strings.Contains(srv.Log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// A secret that can be guessed does not load, whether it is written there or comes
// from elsewhere, and the error says what to do.
func TestShortClientSecret(t *testing.T) {
	t.Setenv("WEBHOOK_SHORT", "fifteen-bytes--")
	for _, secret := range []string{"0739", "fifteen-bytes--", `"0739                  "`, "{env.WEBHOOK_SHORT}"} {
		err := webhooktest.Validate(t, "http://:0 {\n webhook_token {\n client shop "+secret+"\n }\n}")
		if err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") || !strings.Contains(err.Error(), "client 1, shop") {
			t.Errorf("%s: %v", secret, err)
		}
	}
}

// A token is good where it says, and nowhere else.
func TestTokenAudience(t *testing.T) {
	srv := webhooktest.Start(t, site(`webhook_token /token audience {
		client one 0123456789abcdef for instaleap
		client two 0123456789abcdef for instaleap jelp
	}
	webhook_token /other other {
		client one 0123456789abcdef
	}
	handle_webhook /hook instaleap {
		issued audience
		otherwise {
			respond 204
		}
	}
	handle_webhook /jelp jelp {
		issued audience {
			header X-Jelp-Token
		}
		otherwise {
			respond 204
		}
	}
	handle_webhook /other-hook github {
		issued other {
			header X-Token Token
		}
		otherwise {
			respond 204
		}
	}`))
	tokens := make(map[string]string)
	for name, path := range map[string]string{"one": "/token", "two": "/token", "other": "/other"} {
		id := strings.Replace(name, "other", "one", 1)
		answer := srv.Post(path, "client_id="+id+"&client_secret=0123456789abcdef", "Content-Type: application/x-www-form-urlencoded")
		tokens[name] = tokenOf(t, answer, "access_token")
	}
	for _, test := range []struct {
		name, path, header string
		status             int
		reason             string
	}{
		{"one to instaleap", "/hook", "Authorization: Bearer " + tokens["one"], 204, ""},
		{"two to instaleap", "/hook", "Authorization: Bearer " + tokens["two"], 204, ""},
		{"two to jelp", "/jelp", "X-Jelp-Token: " + tokens["two"], 204, ""},
		{"by the issuer's name", "/other-hook", "X-Token: token " + tokens["other"], 204, ""},
		{"one to jelp", "/jelp", "X-Jelp-Token: " + tokens["one"], 401, "bad_token"},
		{"other issuer", "/hook", "Authorization: Bearer " + tokens["other"], 401, "bad_token"},
		{"other issuer, other way", "/other-hook", "X-Token: Token " + tokens["one"], 401, "bad_token"},
		{"without the prefix", "/hook", "Authorization: " + tokens["one"], 401, "bad_token"},
		{"without its own prefix", "/other-hook", "X-Token: " + tokens["other"], 401, "bad_token"},
		{"other header", "/jelp", "Authorization: Bearer " + tokens["two"], 401, "missing_token"},
		{"empty", "/hook", "Authorization: Bearer ", 401, "bad_token"},
		{"none", "/hook", "X-Other: x", 401, "missing_token"},
	} {
		answer := srv.Post(test.path, `{"id":"1","type":"CREATED"}`, test.header, "X-Tell: yes")
		if test.reason != "" {
			test.reason = "<" + test.reason + ">"
		}
		if answer.Status != test.status || answer.Body != test.reason {
			t.Errorf("%s: answer is %d %q, want %d %q", test.name, answer.Status, answer.Body, test.status, test.reason)
		}
	}
}

// Keys of the operator: any instance that is given them issues and verifies,
// nothing is kept in the storage, and several verify while they are rotated.
func TestTokenKeysAreGiven(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	t.Setenv("WEBHOOK_KEY", "0123456789abcdef0123456789abcdef")
	t.Setenv("WEBHOOK_NEW_KEY", "fedcba9876543210fedcba9876543210")
	storage := t.TempDir()
	in := func(config map[string]any) {
		config["storage"] = map[string]any{"module": "file_system", "root": storage}
	}
	issuer := tokenSite(up, "client given secret-of-the-client\n key {env.WEBHOOK_KEY}", "issued given")
	srv := webhooktest.Start(t, issuer, in)
	fetch := func() string {
		return tokenOf(t, srv.Post("/token", `{"client_id":"given","client_secret":"secret-of-the-client"}`, "Content-Type: application/json"), "access_token")
	}
	old := fetch()
	checkStatus(t, instaleapEvent(srv, "Bearer "+old), 200)
	srv.Reload(tokenSite(up, "client given secret-of-the-client\n key {env.WEBHOOK_NEW_KEY} {env.WEBHOOK_KEY}", "issued given"), in)
	recent := fetch()
	checkStatus(t, instaleapEvent(srv, "Bearer "+old), 200)
	checkStatus(t, instaleapEvent(srv, "Bearer "+recent), 200)
	srv.Reload(endpoint(up, "instaleap", "issued given {\n key {env.WEBHOOK_NEW_KEY}\n }"), in)
	checkReason(t, instaleapEvent(srv, "Bearer "+old), 401, "bad_token")
	checkStatus(t, instaleapEvent(srv, "Bearer "+recent), 200)
	if _, err := os.Stat(filepath.Join(storage, "webhooks")); err == nil {
		t.Error("something is kept in the storage")
	}
	if strings.Contains(srv.Log.String(), "0123456789abcdef") {
		t.Error("the log holds a key")
	}
}

// An endpoint whose tokens nobody issues is allowed, and warned of.
func TestUnknownIssuerIsWarnedOf(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site("webhook_token /token acme {\n client a 0123456789abcdef for jelp\n }\n"+
		"handle_webhook /hook instaleap {\n issued acmee\n otherwise {\n reverse_proxy "+up.Addr()+"\n }\n }\n"+
		"handle_webhook /acme github {\n issued acme\n otherwise {\n respond 204\n }\n }"))
	warnings := srv.Log.WaitAll(t, func(e webhooktest.Entry) bool { return e["level"] == "warn" && e["issuer"] != nil }, 2)
	for i, want := range []string{"no client of this issuer gets tokens for an endpoint that takes them", "did you mean acme?"} {
		if !strings.Contains(warnings[i].Text("msg"), want) {
			t.Errorf("warning is %v, want %q", warnings[i], want)
		}
	}
	checkReason(t, instaleapEvent(srv, "Bearer x"), 401, "bad_token")
	up.None()
}

// What would make tokens good for more than they are meant for, or for nobody,
// is refused when a configuration loads. Loading writes nothing.
func TestTokenConfigurationsAreRefused(t *testing.T) {
	t.Setenv("WEBHOOK_SHORT", "short")
	const clients = "webhook_token /token {\n client a 0123456789abcdef\n }\n"
	take := func(provider, lines string) string {
		return "webhook_auth /" + provider + " " + provider + " {\n " + lines + "\n }\n"
	}
	for _, test := range []struct{ name, directives, want string }{
		{"one provider", clients + take("jelp", "issued"), ""},
		{"one provider twice", clients + take("jelp", "issued") + take("jelp", "issued"), ""},
		{"several with for", "webhook_token {\n client a 0123456789abcdef for jelp\n }\n" + take("jelp", "issued") + take("instaleap", "issued"), ""},
		{"several issued elsewhere", take("jelp", "issued") + take("instaleap", "issued"), ""},
		{"several without for", clients + take("jelp", "issued") + take("instaleap", "issued"), "needs the providers or endpoints that its tokens are for"},
		{"short key", "webhook_token {\n client a 0123456789abcdef\n key {env.WEBHOOK_SHORT}\n }", "needs 32 bytes or more, not 5"},
		{"short key of issued", take("jelp", "issued {\n key short\n }"), "needs 32 bytes or more, not 5"},
		{"unset key", "webhook_token {\n client a 0123456789abcdef\n key {env.WEBHOOK_UNSET}\n }", "{env.WEBHOOK_UNSET} is empty or unknown"},
		{"unset secret", "webhook_token {\n client a {env.WEBHOOK_UNSET}\n }", "client 1, value 2 cannot be used"},
		{"keys that differ", "webhook_token /a {\n client a 0123456789abcdef\n }\n webhook_token /b {\n client a 0123456789abcdef\n key 0123456789abcdef0123456789abcdef\n }", "has other keys"},
		{"keys that are the same", "webhook_token /a {\n client a 0123456789abcdef\n }\n webhook_token /b {\n client b 0123456789abcdef\n }", ""},
		{"keys that issued need not have", clients + take("jelp", "issued {\n key 0123456789abcdef0123456789abcdef\n }"), "remove key from issued"},
		{"both in Authorization", take("jelp", "issued\n token x"), "issued and token both read the header Authorization"},
		{"Basic in Authorization", take("jelp", "issued\n basic a b"), "issued and basic both read the header Authorization"},
		{"the same header", take("jelp", "token_header X-A b\n issued {\n header x-a\n }"), "issued and token_header both read the header X-A"},
		{"unverified beside", take("jelp", "issued\n unverified"), "remove it, or remove the credentials"},
		{"public key", "webhook_token {\n client a 0123456789abcdef\n key `" + publicKey + "`\n }", "the first key must be private"},
		{"public key of issued", take("jelp", "issued {\n key `"+publicKey+"`\n }"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage := t.TempDir()
			err := webhooktest.Validate(t, "http://:0 {\n route {\n"+test.directives+"\n}\n}", func(config map[string]any) {
				config["storage"] = map[string]any{"module": "file_system", "root": storage}
			})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(storage, "webhooks")); err == nil {
				t.Error("loading has written something")
			}
		})
	}
}

// publicKey is an Ed25519 key that verifies and does not sign.
const publicKey = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
