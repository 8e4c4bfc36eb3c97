package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// A body is declared in the character set in which it was verified, or refused:
// whoever can change the header could have an app read other values.
func TestCharset(t *testing.T) {
	read := []string{
		"", ";", "; charset=utf-8", ";charset=utf-8", "; charset=UTF-8", `; charset="utf-8"`, "; Charset=Utf-8", "; charset=utf8", "; charset = utf-8",
		"; charset='utf-8'", "; charset=us-ascii", "; CHARSET=US-ASCII", "; version=1; charset=utf-8", "; charset=utf-8; version=1",
		"; charset=utf-8;", "; charset=utf-8; charset=utf-8", "; version=1", "\t;\tcharset\t=\tutf-8",
	}
	foreign := []string{
		"; charset=utf-7", ";charset=utf-7", "; charset=UTF-7", `; charset="utf-7"`, "; charset='utf-7'", "; CHARSET=utf-7", "; charset =utf-7",
		"; charset= utf-7", "; charset=utf-16", `; charset="utf-16le"`, "; charset=utf-32", "; charset=utf-16be", "; charset=unicode-1-1-utf-7",
		"; charset=ucs-2", "; charset=ibm037", "; charset=shift_jis", "; charset=gbk", "; charset=iso-2022-jp", "; charset=hz-gb-2312",
		"; charset=utf-8; charset=utf-7", "; charset=utf-7; charset=utf-8", `; charset="utf-8"; charset="utf-7"`, "; charset=utf-8, charset=utf-7",
		`; x="; charset=utf-7"`, "; version=1; charset=utf-7", ", text/plain; charset=utf-7", ", x/y;charset=utf-7", "; charset*=utf-8''utf-7",
		"; charset*0=utf-7", `; charset="utf-7`, `; charset=utf-8"`, `; charset="utf-8`, `; charset="ut\f-7"`, "; charset", "; charset=", `; charset=""`, "; charset:utf-7",
		"; charset=utf-8 utf-7", "; charset=utf-8/utf-7", "; charset=utf-8\x00", ";charset=utf-7;", "; charset=none", "; xcharset=utf-7", " charset=utf-7", "\tcharset=utf-7", "; charset=utf-80",
	}
	kinds := []string{
		"application/json", "Application/JSON", "text/json", "application/vnd.x+json", "application/cloudevents+json", "text/plain", "application/octet-stream",
		"application/x-www-form-urlencoded", "", "*/*", "json",
		// These are read as JSON only where they begin so.
		"text/xml", "application/xml", "text/html", "application/soap+xml", "multipart/form-data", "image/png",
	}
	instaleap := signed(t, "instaleap")
	whole := builtin(t, "github", &verify.Config{Secrets: []string{secret}})
	token := builtin(t, "instaleap", &verify.Config{Tokens: []string{"t-1"}})
	anybody := builtin(t, "github", &verify.Config{Unverified: true})
	for _, kind := range kinds {
		for i, parameters := range append(read[:len(read):len(read)], foreign...) {
			contentType, want := kind+parameters, verify.Reason("")
			if i >= len(read) {
				want = verify.BadEncoding
			}
			sent := []struct {
				name string
				v    *verify.Verifier
				hook hook
			}{
				{"fields", instaleap, job(goodJob, goodText)},
				{"body", whole, hook{header: with("X-Hub-Signature-256", "sha256="+mac(secret, goodJob)), body: goodJob}},
				{"token", token, hook{header: with("Authorization", "Bearer t-1"), body: goodJob}},
				{"nobody", anybody, hook{header: with("X-Any", "1"), body: goodJob}},
			}
			for _, s := range sent {
				s.hook.header.Set("Content-Type", contentType)
				if _, got := s.hook.send(t, s.v); got != want {
					t.Errorf("%s, %q: refused for %q; want %q", s.name, contentType, got, want)
				}
			}
		}
	}
}

// What is no JSON may be in any character set, and a form in those that differ
// beyond ASCII only.
func TestCharsetOfOthers(t *testing.T) {
	v := builtin(t, "github", &verify.Config{Unverified: true})
	for _, test := range []struct {
		contentType, body string
		want              verify.Reason
	}{
		{"text/xml; charset=ISO-8859-1", "<a/>", ""},
		{"application/soap+xml; charset=utf-16", "\xfe\xff", ""},
		{"text/html; charset=windows-1252", "<p>", ""},
		{"application/x-www-form-urlencoded; charset=ISO-8859-1", "a=1", ""},
		{"application/x-www-form-urlencoded; charset=windows-1252", "a=1", ""},
		{"application/x-www-form-urlencoded; charset=utf-16", "a=1", verify.BadEncoding},
		{"application/x-www-form-urlencoded; charset=latin1; charset=utf-7", "a=1", verify.BadEncoding},
		{"text/plain; charset=latin1", "{}", ""},
		{"text/plain; charset=latin1; charset=utf-7", "{}", verify.BadEncoding},
		{"application/json; charset=ISO-8859-1", "{}", verify.BadEncoding},
		{"application/json; charset=utf-7", "", verify.BadEncoding},
		{"text/plain; charset=utf-7", "a=1", verify.BadEncoding},
		{"text/xml; charset=utf-7", "\ufeff {}", verify.BadEncoding},
	} {
		hook{header: with("Content-Type", test.contentType), body: test.body}.expect(t, v, test.want)
	}
	// The head alone is enough where it says so.
	r := hook{header: with("Content-Type", "application/json; charset=utf-7")}.request(t, v)
	r.Body = nil
	if err := v.Admit(r); err == nil || !strings.Contains(err.Error(), "utf-7") {
		t.Errorf("a body in UTF-7 is wanted: %v", err)
	}
	for _, second := range []string{"application/json", "text/plain", "application/json; charset=utf-7"} {
		hook{header: with("Content-Type", "application/json", "Content-Type", second), body: "{}"}.expect(t, v, verify.BadEncoding)
	}
}
