package verify_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// multipartForm writes fields, given as names and values in turn, and a file.
func multipartForm(fields ...string) string {
	var out strings.Builder
	for i := 0; i < len(fields); i += 2 {
		out.WriteString("--B\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n")
	}
	out.WriteString("--B\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"a.bin\"\r\n\r\n\x00\xff\r\n--B--\r\n")
	return out.String()
}

const multipartType = "multipart/form-data; boundary=B"

// Whatever reads the fields of a form reads those of a multipart one, too.
func TestMultipartForms(t *testing.T) {
	mail := []string{"recipient", "in@example.com", "timestamp", "1715688000", "token", "t1", "signature", mac(secret, "1715688000t1")}
	event := func(key string) string {
		return `{"event":{"event_time":"1715688000","event_type":"signature_request_sent","event_hash":"` + mac(key, "1715688000signature_request_sent") + `"}}`
	}
	mailgun := signed(t, "mailgun-form")
	sign := custom(t, `{"name":"x","scheme":"hmac","signature":{"from":["body.event.event_hash"]},"form_field":"json",
		"timestamp":{"from":["body.event.event_time"]},"content":"{timestamp}{body.event.event_type}","event":["body.event.event_type"]}`,
		&verify.Config{Secrets: []string{secret}})
	listed := custom(t, `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":"{form.a}","id":["form.a"]}`,
		&verify.Config{Secrets: []string{secret}})
	multi := with("Content-Type", multipartType, "X-Signature", mac(secret, "1"))
	for name, test := range map[string]struct {
		v         *verify.Verifier
		body      string
		want      verify.Reason
		event, id string
	}{
		"mail with an attachment":     {mailgun, multipartForm(mail...), "", "inbound", "t1"},
		"another token":               {mailgun, strings.Replace(multipartForm(mail...), "t1", "t2", 1), verify.BadSignature, "", ""},
		"a token that is a file":      {mailgun, strings.Replace(multipartForm(mail...), `name="token"`, `name="token"; filename="t"`, 1), verify.Malformed, "", ""},
		"two tokens":                  {mailgun, multipartForm(append(mail, "token", "t1")...), verify.Malformed, "", ""},
		"a token after the end":       {mailgun, multipartForm(mail...) + multipartForm("token", "t2"), verify.Malformed, "", ""},
		"no end":                      {mailgun, strings.TrimSuffix(multipartForm(mail...), "--B--\r\n"), verify.Malformed, "", ""},
		"JSON in a field":             {sign, multipartForm("json", event(secret)), "", "signature_request_sent", ""},
		"JSON under another key":      {sign, multipartForm("json", event("other")), verify.BadSignature, "", ""},
		"JSON in another field":       {sign, multipartForm("data", event(secret)), verify.Malformed, "", ""},
		"a field signed in a header":  {listed, multipartForm("a", "1", "b", "2"), "", "", "1"},
		"another field, not the same": {listed, multipartForm("a", "2"), verify.BadSignature, "", ""},
	} {
		h := hook{header: multi, body: test.body}
		result, refused := h.send(t, test.v)
		if refused != test.want {
			t.Errorf("%s: refused for %q; want %q", name, refused, test.want)
		} else if refused == "" && (result.Event != test.event || result.ID != test.id) {
			t.Errorf("%s: event %q, id %q", name, result.Event, result.ID)
		}
	}
	form := url.Values{"json": {event(secret)}}
	hook{header: with("Content-Type", "application/x-www-form-urlencoded"), body: form.Encode()}.expect(t, sign, "")
}

// What signs a form inside of it writes the kind of form that it is given.
func TestMultipartIsSigned(t *testing.T) {
	spec, _ := verify.Builtin("mailgun-form")
	config := &verify.Config{Secrets: []string{secret}}
	v := builtin(t, "mailgun-form", config)
	h := hook{header: with("Content-Type", multipartType), body: multipartForm("recipient", "in@example.com", "timestamp", "1715688000", "token", "t1")}
	r := h.request(t, v)
	if err := verify.Sign(spec, config, r); err != nil {
		t.Fatal(err)
	}
	h.body = string(r.Body.Bytes())
	h.expect(t, v, "")
	if !strings.Contains(h.body, "\r\n\r\n\x00\xff\r\n") {
		t.Error("the file is gone")
	}
}

// A value's kind is signed with it where its JSON is: a text that reads as a
// boolean or a number is another value.
func TestSignedKinds(t *testing.T) {
	v := custom(t, `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":["{json.obj.amount_cents}|{json.obj.success}|{json.obj.data}"]}`,
		&verify.Config{Secrets: []string{secret}})
	for body, want := range map[string]verify.Reason{
		`{"obj":{"amount_cents":1000,"success":false,"data":{"a": [1]}}}`:                    "",
		`{"obj":{"data":{"a": [1]},"other":1,"success":false,"amount_cents":1000}}`:          "",
		`{"obj":{"amount_cents":"1000","success":false,"data":{"a": [1]}}}`:                  verify.BadSignature,
		`{"obj":{"amount_cents":1000,"success":"false","data":{"a": [1]}}}`:                  verify.BadSignature,
		`{"obj":{"amount_cents":1000,"success":true,"data":{"a": [1]}}}`:                     verify.BadSignature,
		`{"obj":{"amount_cents":1000.0,"success":false,"data":{"a": [1]}}}`:                  verify.BadSignature,
		`{"obj":{"amount_cents":1000,"success":false,"data":{"a":[1]}}}`:                     verify.BadSignature,
		`{"obj":{"amount_cents":1000,"success":false,"data":"{\"a\": [1]}"}}`:                verify.BadSignature,
		`{"obj":{"amount_cents":1000,"success":false,"Success":true,"data":{"a": [1]}}}`:     verify.Malformed,
		`{"obj":{"amount_cents":1000,"success":false,"success":true,"data":{"a": [1]}}}`:     verify.Malformed,
		`{"obj":{"amount_cents":1000,"success":false}}`:                                      verify.Malformed,
		"\ufeff" + `{"obj":{"amount_cents":1000,"success":false,"data":{"a": [1]}}}`:         verify.Malformed,
		`[{"obj":{"amount_cents":1000,"success":false,"data":{"a": [1]}}}]`:                  verify.Malformed,
		`{"obj":{"amount_cents":1000,"success":false,"data":{"a": [1]}}} {"obj":{"data":1}}`: verify.Malformed,
	} {
		h := hook{header: with("X-Signature", mac(secret, `1000|false|{"a": [1]}`)), body: body}
		if _, got := h.send(t, v); got != want {
			t.Errorf("%s: refused for %q; want %q", body, got, want)
		}
	}
	provider := v.Provider()
	for place, want := range map[string]bool{
		"body.obj.success": true, "json.obj.success": true, "body.obj.data.a.0": true, "json.obj.data.a": true, "body.obj": false,
		"body.obj.other": false, "json.obj": false,
	} {
		if provider.Signs(place) != want {
			t.Errorf("%s is signed: %t; want %t", place, !want, want)
		}
	}
}
