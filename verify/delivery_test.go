package verify_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// delivery returns what tells a webhook from others, which must verify.
func (h hook) delivery(t *testing.T, v *verify.Verifier) verify.Delivery {
	t.Helper()
	r := h.request(t, v)
	body := r.Body
	r.Body = nil
	if err := v.Admit(r); err != nil {
		t.Fatal(err)
	}
	r.Body = body
	result, err := v.Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Delivery(r, result.Signed, result.Event, result.ID, v.Provider().Signs("id"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What makes a copy of a webhook, and what makes another one.
func TestDelivery(t *testing.T) {
	const url = "https://hooks.example.com/hook"
	signed := func(name, prefix string, parts ...string) http.Header {
		return with(name, prefix+mac(secret, strings.Join(parts, "")))
	}
	stripe := func(time, body string) hook {
		return hook{header: with("Stripe-Signature", "t="+time+",v1="+mac(secret, time+"."+body)), body: body}
	}
	github := func(id, body string) hook {
		h := signed("X-Hub-Signature-256", "sha256=", body)
		h.Set("X-GitHub-Delivery", id)
		return hook{header: h, body: body}
	}
	instaleap := func(id, more string) hook {
		return hook{
			header: with("InstaLeap-Signature", mac(secret, id+"&2024-05-14T12:00:00Z&A")),
			body:   `{"id":"` + id + `","created_at":"2024-05-14T12:00:00Z","type":"A"` + more + `}`,
		}
	}
	chat := func(time, more string) hook {
		return hook{
			header: with("InstaLeap-Signature-V3", "t="+time+",v3="+mac(secret, time+"&c&s&j")),
			body:   `{"client_id":"c","sender":"s","job_id":"j"` + more + `}`,
		}
	}
	token := func(method, path, body string) hook {
		return hook{method: method, url: url + path, header: with("Authorization", "Bearer "+secret), body: body}
	}
	gitlab := func(event string) hook {
		return hook{header: with("X-Gitlab-Token", secret, "X-Gitlab-Event", event), body: `{}`}
	}
	named := func(event, body string) hook {
		h := github("a", body)
		h.header.Set("X-GitHub-Event", event)
		return h
	}
	batch := func(body string) hook { return hook{header: signed("X-Batch", "", body), body: body} }
	bySecret := &verify.Config{Secrets: []string{secret}, Tolerance: verify.Off}
	noTime := &verify.Config{Secrets: []string{secret}}
	byToken := &verify.Config{Tokens: []string{secret}}

	tests := []struct {
		name  string
		v     *verify.Verifier
		first hook
		other hook
		same  bool // one key
		bound bool
	}{
		{"id and body signed: another body", builtin(t, "stripe", bySecret), stripe("1", `{"id":"a"}`), stripe("2", `{"id":"a","n":2}`), true, false},
		{"id and body signed: another id", builtin(t, "stripe", bySecret), stripe("1", `{"id":"a"}`), stripe("1", `{"id":"b"}`), false, false},
		{"no id: another time", builtin(t, "stripe", bySecret), stripe("1", `{}`), stripe("2", `{}`), false, false},
		{"no id: the same", builtin(t, "stripe", bySecret), stripe("1", `{}`), stripe("1", `{}`), true, false},
		{"id unsigned: another id", builtin(t, "github", noTime), github("a", `{}`), github("b", `{}`), true, false},
		{"id unsigned: another body", builtin(t, "github", noTime), github("a", `{}`), github("a", `[]`), false, false},
		{"fields signed: another body", builtin(t, "instaleap", noTime), instaleap("a", ""), instaleap("a", `,"job":1`), true, true},
		{"fields signed: another id", builtin(t, "instaleap", noTime), instaleap("a", ""), instaleap("b", ""), false, true},
		{"fields signed, no id: another body", builtin(t, "instaleap-chat", noTime), chat("2024-05-14T12:00:00Z", ""), chat("2024-05-14T12:00:00Z", `,"m":1`), true, true},
		{"fields signed, no id: another time", builtin(t, "instaleap-chat", noTime), chat("2024-05-14T12:00:00Z", ""), chat("2024-05-14T12:00:01Z", ""), false, true},
		{"token: the same", builtin(t, "jelp", byToken), token("POST", "", `{"a":1}`), token("POST", "", `{"a":1}`), true, false},
		{"token: another body", builtin(t, "jelp", byToken), token("POST", "", `{"a":1}`), token("POST", "", `{"a":2}`), false, false},
		{"token: another path", builtin(t, "detrack", byToken), token("POST", "/a", `{}`), token("POST", "/b", `{}`), false, false},
		{"token: another query", builtin(t, "detrack", byToken), token("POST", "?a=1", `{}`), token("POST", "?a=2", `{}`), false, false},
		{"token: another event", builtin(t, "gitlab", byToken), gitlab("Push Hook"), gitlab("Tag Push Hook"), false, false},
		{"event unsigned: another event", builtin(t, "github", noTime), named("create", `{}`), named("delete", `{}`), true, false},
		{"token of a scheme that could sign", builtin(t, "instaleap", byToken), token("POST", "", `{"id":"a"}`), token("POST", "", `{"id":"a","n":1}`), false, false},
		{
			"id of a batch's first element",
			custom(t, `{"name":"x","scheme":"hmac","content":"{body}","signature":{"from":["header.X-Batch"]},"id":["body.0.id"]}`, noTime),
			batch(`[{"id":"a"}]`), batch(`[{"id":"a"},{"id":"b"}]`), false, false,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			first, other := test.first.delivery(t, test.v), test.other.delivery(t, test.v)
			if same := first.Key == other.Key; same != test.same {
				t.Errorf("one key: %t, want %t", same, test.same)
			}
			if first.Bound != test.bound || other.Bound != test.bound {
				t.Errorf("bound: %t and %t, want %t", first.Bound, other.Bound, test.bound)
			}
			if equal := test.first.body == test.other.body; equal != (first.Digest == other.Digest) {
				t.Errorf("digests are equal: %t, payloads: %t", !equal, equal)
			}
		})
	}
}

// Whatever is not signed can be changed by anybody who has seen a request, and
// must not make another delivery of it.
func TestDeliveryOfRecordedRequests(t *testing.T) {
	files, err := filepath.Glob("../testdata/*/requests/signed*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded requests: %v", err)
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		provider := filepath.Base(filepath.Dir(folder))
		t.Run(provider, func(t *testing.T) {
			config, ok := recordedKinds(t, filepath.Join(folder, "credentials.json"))["secret"]
			if !ok {
				t.Skip("it is signed by something else")
			}
			v := builtin(t, provider, config)
			h := recorded(t, file)
			if _, refused := h.send(t, v); refused != "" {
				return // TestRecordedRequests says why
			}
			first := h.delivery(t, v)
			if again := h.delivery(t, v); again != first {
				t.Error("a copy is another delivery")
			}
			for name := range h.header {
				changed := h
				changed.header = h.header.Clone()
				changed.header.Set(name, "changed")
				if result, refused := changed.send(t, v); refused != "" || result.Signed == verify.SignedNothing {
					continue
				}
				if changed.delivery(t, v).Key != first.Key {
					t.Errorf("with another %s it is another delivery", name)
				}
			}
		})
	}
}

// A URL that may be signed with or without its port is one URL.
func TestDeliveryEitherPort(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","content":"{url}{body}","url":{"either_port":true},"signature":{"from":["header.X-Sig"]}}`,
		&verify.Config{Secrets: []string{secret}})
	keys := make(map[[32]byte]bool)
	for _, host := range []string{"hooks.example.com", "hooks.example.com:443"} {
		h := hook{url: "https://" + host + "/hook", header: with("X-Sig", mac(secret, "https://hooks.example.com/hook{}")), body: "{}"}
		keys[h.delivery(t, v).Key] = true
	}
	if len(keys) != 1 {
		t.Error("writing the port makes another delivery")
	}
}

func TestEndpointCheck(t *testing.T) {
	spec, _ := verify.Builtin("github")
	unverified, secret := verify.Config{Unverified: true}, verify.Config{Secrets: []string{"s"}}
	for _, test := range []struct {
		endpoint verify.Endpoint
		want     string
	}{
		{verify.Endpoint{Config: unverified, Replay: 1}, "replay remembers verified deliveries"},
		{verify.Endpoint{Config: unverified, Replay: verify.Off}, ""},
		{verify.Endpoint{Config: secret, Replay: 1}, ""},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"off"}}, ""},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"3xx", "404", "5xx", "599"}}, ""},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"off", "404"}}, `"off" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"204"}}, `"204" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"2xx"}}, `"2xx" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"600"}}, `"600" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"xxx"}}, `"xxx" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"4x4"}}, `"4x4" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{""}}, `"" is not a status`},
		{verify.Endpoint{Config: secret, MapStatus: verify.Statuses{"+404"}}, `"+404" is not a status`},
	} {
		err := test.endpoint.Check(spec)
		if test.want == "" && err != nil || test.want != "" && !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%v %v: %v; want %q", test.endpoint.Replay, test.endpoint.MapStatus, err, test.want)
		}
	}
}
