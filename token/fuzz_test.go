package token

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever is sent, reading it ends, and ends in credentials or in a refusal
// that says nothing of them.
func FuzzRead(f *testing.F) {
	for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", multipartType, "", "multipart/form-data"} {
		for _, body := range []string{
			"", `{"client_id":"me","client_secret":"s3cret-s3cret"}`, "client_id=me&client_secret=s3cret-s3cret",
			part(`name="client_id"`, "me") + part(`name="client_secret"`, "s3cret-s3cret") + "--b--",
		} {
			f.Add(contentType, "Basic bWU6czNjcmV0", "me", "s3cret-s3cret", body)
			f.Add(contentType, "", "", "", body)
		}
	}
	config := &Config{Headers: &Names{ID: "X-Id", Secret: "X-Secret"}}
	config.SetDefaults()
	f.Fuzz(func(t *testing.T, contentType, authorization, id, secret, body string) {
		header := make(http.Header)
		for name, value := range map[string]string{
			"Content-Type": contentType, "Authorization": authorization, "X-Id": id, "X-Secret": secret,
		} {
			if value != "" {
				header.Set(name, value)
			}
		}
		got, err := config.Read(header, []byte(body))
		if err != nil {
			refusal, ok := errors.AsType[*RequestError](err)
			if !ok || refusal.Status != 400 && refusal.Status != 415 || refusal.Code == "" || !utf8.ValidString(refusal.Detail) {
				t.Errorf("error is %#v", err)
			}
			if len(secret) > 12 && strings.Contains(refusal.Detail, secret) {
				t.Errorf("the error repeats the secret: %v", err)
			}
			return
		}
		if len(got) > 2 {
			t.Errorf("%d credentials are read", len(got))
		}
		for _, credentials := range got {
			if credentials == (Credentials{}) {
				t.Error("empty credentials count as some")
			}
		}
	})
}

// No text that the issuer has not signed is a token.
func FuzzVerify(f *testing.F) {
	keys, err := ParseKeys([]string{secretA, secretB})
	if err != nil {
		f.Fatal(err)
	}
	foreign, err := Mint(keys[1], &Claims{Issuer: "acme", Audience: []string{"instaleap"}, Issued: at, Expires: at.Add(1)})
	if err != nil {
		f.Fatal(err)
	}
	renamed := keys[1]
	renamed.id = keys[0].id
	forged, err := Mint(renamed, &Claims{Issuer: "acme", Audience: []string{"instaleap"}, Issued: at, Expires: at.Add(1)})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "a.b.c", foreign, forged, "eyJhbGciOiJub25lIn0.e30.", strings.Replace(forged, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := expects(keys[:1]).Verify(t.Context(), text, at)
		if _, refused := errors.AsType[RefusedError](err); !refused {
			t.Errorf("%q: error is %v", text, err)
		}
	})
}
