package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// rewriting is a site that rewrites GitHub's webhooks by the lines.
func rewriting(up *webhooktest.Upstream, lines string) string {
	return routes("otherwise {\n webhook_rewrite {\n" + lines + "\n }\n reverse_proxy " + up.Addr() + "\n }")
}

// A new payload goes out as JSON with its own length, however the old one came.
func TestRewriteBody(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, rewriting(up, "body `{source: provider, type: event, data: body, \"<&>\": 'ü'}`"))
	const body = `{"big":12345678901234567890,"price":1.5,"b":[null,true]}`
	const want = `{"<&>":"ü","data":{"b":[null,true],"big":12345678901234567890,"price":1.5},"source":"github","type":"push"}`
	head := append(webhooktest.GitHub(testSecret, "push", body), "Transfer-Encoding: chunked")
	head = slices.DeleteFunc(head, func(line string) bool { return strings.HasPrefix(line, "Content-Type: ") })
	head = append(head, "Content-Type: text/plain")
	chunked := rawHead(head...) + string(chunk([]byte(body[:10]))) + string(chunk([]byte(body[10:]))) + "0\r\n\r\n"
	for name, send := range map[string]func() webhooktest.Response{
		"declared": func() webhooktest.Response { return push(srv, body) },
		"chunked":  func() webhooktest.Response { return srv.Raw([]byte(chunked)) },
	} {
		t.Run(name, func(t *testing.T) {
			checkStatus(t, send(), 200)
			got := up.Only()
			if string(got.Body) != want {
				t.Errorf("the upstream got\n%s, want\n%s", got.Body, want)
			}
			if got.ContentLength != int64(len(want)) || len(got.TransferEncoding) != 0 || len(got.Header["Content-Length"]) != 1 {
				t.Errorf("length %d, transfer encoding %v", got.ContentLength, got.TransferEncoding)
			}
			if types := got.Header["Content-Type"]; len(types) != 1 || types[0] != "application/json" {
				t.Errorf("Content-Type is %q", types)
			}
			checkWebhookHeaders(t, got, wantHeaders)
		})
	}
}

// Any value is a payload.
func TestRewriteBodyToScalars(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for expression, want := range map[string]string{
		`"'text'"`: `"text"`, `body.n`: `9007199254740993`, `body?.none`: `null`, `[1, "a"]`: `[1,"a"]`, `true`: `true`,
		`body.f`: `1.10`, `timestamp == received`: `true`, `"''"`: `""`,
	} {
		t.Run(expression, func(t *testing.T) {
			srv := webhooktest.Start(t, rewriting(up, "body "+expression))
			checkStatus(t, push(srv, `{"n":9007199254740993,"f":1.10}`), 200)
			if got := up.Only(); string(got.Body) != want && (want != "1.10" || string(got.Body) != "1.1") {
				t.Errorf("the upstream got %s, want %s", got.Body, want)
			}
		})
	}
}

func TestRewriteHeaders(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, rewriting(up, `header X-Type event
		header x-lower body.list
		header X-Gone nil
		header X-Absent body?.none
		header X-Empty "''"
		header X-Lines body.lines
		header X-Number body.n
		header X-Old header("X-Old") + "er"
		header Webhook-Extra "'kept'"`))
	const body = `{"n":9007199254740993,"list":["ü",1],"lines":"a\r\nX-Injected: yes"}`
	checkStatus(t, push(srv, body, "X-Gone: here", "X-Absent: here", "X-Old: old", "X-Type: a", "X-Type: b"), 200)
	got := up.Only()
	for name, want := range map[string]string{
		"X-Type": "push", "X-Lower": `["%C3%BC",1]`, "X-Empty": "", "X-Lines": "a%0D%0AX-Injected: yes",
		"X-Number": "9007199254740993", "X-Old": "older", "Webhook-Extra": "kept",
	} {
		if values := got.Header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s is %q, want %q", name, values, want)
		}
	}
	for _, name := range []string{"X-Gone", "X-Absent", "X-Injected"} {
		if values, ok := got.Header[name]; ok {
			t.Errorf("%s is %q, want none", name, values)
		}
	}
	if string(got.Body) != body || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the body is %q, its type %q", got.Body, got.Header.Get("Content-Type"))
	}
}

func TestRewriteURI(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const body = `{"name":"a/b?c d%","path":"x/y","space":"b c ü","lines":"a\r\nb"}`
	for expression, want := range map[string]string{
		`"/events/" + provider + "/" + event`: "/events/github/push",
		`"/e/" + escape(body.name)`:           "/e/a%2Fb%3Fc%20d%25",
		`"/q?a=" + escape(body.name)`:         "/q?a=a%2Fb%3Fc%20d%25",
		`"/" + body.space`:                    "/b%20c%20%C3%BC",
		`"/" + body.lines`:                    "/a%0D%0Ab",
		`"/q?a=" + escape(body.lines)`:        "/q?a=a%0D%0Ab",
		`"/q?a=" + escapeQuery(body.space)`:   "/q?a=b%20c%20%C3%BC",
		`"/" + body.path`:                     "/x/y",
		`"/%2e"+"x"`:                          "/%2ex",
		`path + "/more"`:                      "/hook/more",
		`"'/'"`:                               "/",
	} {
		t.Run(expression, func(t *testing.T) {
			srv := webhooktest.Start(t, rewriting(up, "uri "+expression))
			checkStatus(t, srv.Post("/hook?old=1", body, webhooktest.GitHub(testSecret, "push", body)...), 200)
			if got := up.Only(); got.URI != want || string(got.Body) != body {
				t.Errorf("the upstream got %s with %q, want %s", got.URI, got.Body, want)
			}
		})
	}
}

// When one expression fails, nothing is forwarded and nothing is changed.
func TestFailingRewrite(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for _, lines := range []string{
		"body body.a.b", "body `{a: body.a.b}`", "header X-A body.a.b", "uri \"/x/\" + body.a.b",
		"body body\nheader X-A body.a.b", "uri \"'/ok'\"\nbody body.a.b",
		`uri "'relative'"`, `uri "'//other.example.com/'"`, `uri "'http://other.example.com/'"`, `uri "''"`, "uri nil",
		`uri "'/a/../b'"`, `uri "'/a/./b'"`, `uri "'/a/%2e%2e/b'"`, `uri "'/..'"`, `uri "/" + escape(body.climb)`,
		`uri body.list`, `body json("{")`, `body unix("x")`, `body b64decode("!")`,
	} {
		t.Run(lines, func(t *testing.T) {
			srv := webhooktest.Start(t, rewriting(up, lines))
			checkAnswer(t, push(srv, `{"lines":"a\r\nb","list":["/a"],"climb":"../a"}`), 500, "")
			up.None()
			entry := srv.Log.Wait(t, webhooktest.Message("rewriting a webhook failed; it is not forwarded"))
			if entry["level"] != "error" || entry["event"] != "push" || entry.Text("error") == "" {
				t.Errorf("the log line is %v", entry)
			}
		})
	}
}

// The sender is not told what failed.
func TestFailingRewriteTellsNothing(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, strings.Replace(rewriting(up, "body body.account.number"),
		"<{http.webhook.error}>", "{err.message}", 1))
	checkAnswer(t, push(srv, `{"account":"secret-payload"}`, "X-Tell: yes"), 500, "rewriting the webhook failed")
	up.None()
}

// Several rewrites and rules build on each other in their order.
func TestRewritesInOrder(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, routes(`otherwise {
		route {
			webhook_rewrite {
				body "{inner: body, n: 1}"
				header X-Before body.n
			}
			webhook_rewrite {
				body "{outer: body}"
				header X-After body.n
			}
			@rewritten webhook_expr body.outer.inner.n == 0
			header @rewritten X-Rule yes
			header X-Placeholder {http.webhook.body.outer.n}
			request_header X-Body {http.request.body}
			reverse_proxy `+up.Addr()+`
		}
	}`))
	answer := push(srv, `{"n":0}`)
	checkStatus(t, answer, 200)
	const want = `{"outer":{"inner":{"n":0},"n":1}}`
	got := up.Only()
	if string(got.Body) != want || got.Header.Get("X-Body") != want {
		t.Errorf("the upstream got %q and X-Body %q, want %q", got.Body, got.Header.Get("X-Body"), want)
	}
	if got.Header.Get("X-Before") != "0" || got.Header.Get("X-After") != "1" {
		t.Errorf("the upstream got %v", got.Header)
	}
	if answer.Header.Get("X-Rule") != "yes" || answer.Header.Get("X-Placeholder") != "1" {
		t.Errorf("the answer has %v", answer.Header)
	}
}

// A payload may also come inside a form; rewritten it is plain JSON.
func TestRewriteForm(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, rewriting(up, "body body.a"))
	const form = "payload=%7B%22a%22%3A%22b+c%22%7D"
	headers := append(webhooktest.GitHub(testSecret, "push", form)[1:], "Content-Type: application/x-www-form-urlencoded")
	checkStatus(t, srv.Post("/hook", form, headers...), 200)
	if got := up.Only(); string(got.Body) != `"b c"` || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the upstream got %q as %s", got.Body, got.Header.Get("Content-Type"))
	}
}
