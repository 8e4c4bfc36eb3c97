package token

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const multipartType = `multipart/form-data; boundary=b`

// part is a field of a multipart form with the boundary b.
func part(disposition, value string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
}

func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestRead(t *testing.T) {
	const (
		asJSON = "Content-Type: application/json"
		asForm = "Content-Type: application/x-www-form-urlencoded"
		asPart = "Content-Type: " + multipartType
	)
	good := []Credentials{{"me", "s3c+ret &=é"}}
	plain := &Config{}
	named := &Config{Fields: &Names{ID: "user.name", Secret: "Pass"}, Headers: &Names{ID: "x-id", Secret: "X-Secret"}}
	for _, test := range []struct {
		name   string
		config *Config
		header []string
		body   string
		want   []Credentials
		status int
		code   string
		detail string
	}{
		{"JSON", plain, []string{asJSON}, `{"client_id":"me","client_secret":"s3c+ret &=\u00e9"}`, good, 0, "", ""},
		{"JSON with charset", plain, []string{asJSON + "; charset=utf-8"}, `{"client_id":"me","client_secret":"s3c+ret &=é"}`, good, 0, "", ""},
		{"JSON with more", plain, []string{asJSON}, `{"client_id":"me","client_secret":"s3c+ret &=é","grant_type":"client_credentials","scope":["a"],"n":{"client_id":"x"}}`, good, 0, "", ""},
		{"form", plain, []string{asForm}, `client_id=me&client_secret=s3c%2Bret+%26%3D%C3%A9`, good, 0, "", ""},
		{"form with grant", plain, []string{asForm}, `grant_type=client_credentials&client_id=me&client_secret=s3c%2Bret+%26%3D%C3%A9`, good, 0, "", ""},
		{"form with empty grant", plain, []string{asForm}, `grant_type=&client_id=me&client_secret=s3c%2Bret+%26%3D%C3%A9`, good, 0, "", ""},
		{"multipart", plain, []string{asPart}, part(`name="client_id"`, "me") + part(`name="client_secret"`, "s3c+ret &=é") + "--b--\r\n", good, 0, "", ""},
		{"multipart without quotes", plain, []string{asPart}, part(`name=client_id`, "me") + part(`name=client_secret`, "s3c+ret &=é") + "--b--", good, 0, "", ""},
		{"Basic as RFC 7617", plain, []string{basic("me", "s3cret")}, "", []Credentials{{"me", "s3cret"}}, 0, "", ""},
		{"Basic as RFC 6749", plain, []string{basic("me", "s3c%2Bret")}, "", []Credentials{{"me", "s3c%2Bret"}, {"me", "s3c+ret"}}, 0, "", ""},
		{"Basic with a percent", plain, []string{basic("me", "100%")}, "", []Credentials{{"me", "100%"}}, 0, "", ""},
		{"Basic with colons", plain, []string{basic("me", "a:b")}, "", []Credentials{{"me", "a:b"}}, 0, "", ""},
		{"Basic and grant", plain, []string{basic("me", "s3cret"), asForm}, "grant_type=client_credentials&scope=a", []Credentials{{"me", "s3cret"}}, 0, "", ""},
		{"Basic and its id again", plain, []string{basic("me", "s3cret"), asForm}, "client_id=me", []Credentials{{"me", "s3cret"}}, 0, "", ""},
		{"old token beside", plain, []string{"Authorization: Bearer old", asForm}, "client_id=me&client_secret=x", []Credentials{{"me", "x"}}, 0, "", ""},
		{"own fields", named, []string{asJSON}, `{"user.name":"me","Pass":"x"}`, []Credentials{{"me", "x"}}, 0, "", ""},
		{"own fields in a form", named, []string{asForm}, `user.name=me&Pass=x`, []Credentials{{"me", "x"}}, 0, "", ""},
		{"own headers", named, []string{"X-Id: me", "X-Secret: x"}, "", []Credentials{{"me", "x"}}, 0, "", ""},
		{"own headers, one of them", named, []string{"X-Id: me"}, "", []Credentials{{"me", ""}}, 0, "", ""},
		{"own headers and other type without body", named, []string{"X-Id: me", "X-Secret: x", "Content-Type: text/plain"}, "", []Credentials{{"me", "x"}}, 0, "", ""},

		{"nothing", plain, nil, "", nil, 0, "", ""},
		{"names of others", plain, []string{asForm}, "Client_Id=me&client-secret=x", nil, 0, "", ""},
		{"headers that are not named", plain, []string{"X-Id: me", "X-Secret: x"}, "", nil, 0, "", ""},
		{"numbers", plain, []string{asJSON}, `{"client_id":1,"client_secret":null}`, nil, 0, "", ""},
		{"id only", plain, []string{asForm}, "client_id=me", []Credentials{{"me", ""}}, 0, "", ""},

		{"other grant", plain, []string{asForm}, "grant_type=password&client_id=me&client_secret=x", nil, 400, UnsupportedGrantType, "not client_credentials"},
		{"other grant in JSON", plain, []string{asJSON}, `{"grant_type":"refresh_token"}`, nil, 400, UnsupportedGrantType, "not client_credentials"},
		{"grant that is no text", plain, []string{asJSON}, `{"grant_type":1}`, nil, 400, InvalidRequest, "grant_type"},
		{"Basic and body", plain, []string{basic("me", "x"), asForm}, "client_id=me&client_secret=x", nil, 400, InvalidRequest, "more than one place"},
		{"Basic and headers", named, []string{basic("me", "x"), "X-Id: me", "X-Secret: x"}, "", nil, 400, InvalidRequest, "more than one place"},
		{"headers and body", named, []string{"X-Id: me", "X-Secret: x", asJSON}, `{"Pass":"x"}`, nil, 400, InvalidRequest, "more than one place"},
		{"Basic and another id", plain, []string{basic("me", "x"), asForm}, "client_id=you", nil, 400, InvalidRequest, "another client"},
		{"two Authorization", plain, []string{basic("me", "x"), basic("me", "y")}, "", nil, 400, InvalidRequest, "given 2 times"},
		{"two of the own header", named, []string{"X-Id: me", "X-Id: you", "X-Secret: x"}, "", nil, 400, InvalidRequest, "given 2 times"},
		{"Basic without base64", plain, []string{"Authorization: Basic me:x"}, "", nil, 400, InvalidRequest, "not base64"},
		{"Basic without colon", plain, []string{"Authorization: Basic bWU="}, "", nil, 400, InvalidRequest, "no colon"},

		{"JSON name twice", plain, []string{asJSON}, `{"client_id":"me","client_id":"you"}`, nil, 400, InvalidRequest, "duplicate"},
		{"JSON that ends early", plain, []string{asJSON}, `{"client_id":"me"`, nil, 400, InvalidRequest, "not valid JSON"},
		{"JSON list", plain, []string{asJSON}, `["me"]`, nil, 400, InvalidRequest, "not a JSON object"},
		{"JSON with a mark", plain, []string{asJSON}, "\ufeff{}", nil, 400, InvalidRequest, "not valid JSON"},
		{"form field twice", plain, []string{asForm}, "client_id=me&client_id=you", nil, 400, InvalidRequest, "2 times"},
		{"other form field twice", plain, []string{asForm}, "scope=a&scope=b", nil, 400, InvalidRequest, "2 times"},
		{"form with bad escapes", plain, []string{asForm}, "client_id=%zz", nil, 400, InvalidRequest, "cannot be read"},
		{"form with semicolons", plain, []string{asForm}, "client_id=me;client_secret=x", nil, 400, InvalidRequest, "cannot be read"},
		{"multipart twice", plain, []string{asPart}, part(`name="client_id"`, "me") + part(`name="client_id"`, "me") + "--b--", nil, 400, InvalidRequest, "more than once"},
		{"multipart file", plain, []string{asPart}, part(`name="client_id"; filename="a"`, "me") + "--b--", nil, 400, InvalidRequest, "is a file"},
		{"multipart without name", plain, []string{asPart}, part(`x="client_id"`, "me") + "--b--", nil, 400, InvalidRequest, "no name"},
		{"multipart that ends early", plain, []string{asPart}, part(`name="client_id"`, "me"), nil, 400, InvalidRequest, "ends too early"},
		{"multipart of another boundary", plain, []string{asPart + "x"}, part(`name="client_id"`, "me") + "--b--", nil, 400, InvalidRequest, "no fields"},
		{"multipart without boundary", plain, []string{"Content-Type: multipart/form-data"}, "--b--", nil, 400, InvalidRequest, "no boundary"},
		{"multipart of many", plain, []string{asPart}, manyParts() + "--b--", nil, 400, InvalidRequest, "more than 32"},

		{"no type", plain, nil, "client_id=me", nil, 415, InvalidRequest, "not declared"},
		{"other type", plain, []string{"Content-Type: text/plain"}, "client_id=me", nil, 415, InvalidRequest, "not declared"},
		{"broken type", plain, []string{"Content-Type: application/json;="}, "{}", nil, 415, InvalidRequest, "not declared"},
		{"two types", plain, []string{asJSON, asForm}, "{}", nil, 400, InvalidRequest, "given 2 times"},
		{"compressed", plain, []string{asJSON, "Content-Encoding: gzip"}, "{}", nil, 415, InvalidRequest, "compressed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := *test.config
			config.SetDefaults()
			header := make(http.Header)
			for _, line := range test.header {
				name, value, _ := strings.Cut(line, ": ")
				header.Add(name, value)
			}
			got, err := config.Read(header, []byte(test.body))
			if test.code == "" {
				if err != nil || !equal(got, test.want) {
					t.Errorf("credentials are %v, want %v (%v)", got, test.want, err)
				}
				return
			}
			refusal, ok := errors.AsType[*RequestError](err)
			if !ok || refusal.Status != test.status || refusal.Code != test.code || !strings.Contains(refusal.Detail, test.detail) {
				t.Errorf("error is %+v, want %d %s %q", err, test.status, test.code, test.detail)
			}
		})
	}
}

func manyParts() string {
	var out strings.Builder
	for i := range maxParts + 1 {
		out.WriteString(part(`name="f`+strconv.Itoa(i)+`"`, ""))
	}
	return out.String()
}

func equal(a, b []Credentials) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestCheckConfig(t *testing.T) {
	clients := []Client{{ID: "a", Secret: "0123456789abcdef"}}
	for want, config := range map[string]Config{
		"nobody to give tokens to": {},
		"client 1 has no id":       {Clients: []Client{{Secret: "0123456789abcdef"}}},
		"client 1 has an empty":    {Clients: []Client{{ID: "a", Secret: " "}}},
		"openssl rand":             {Clients: []Client{{ID: "a", Secret: "fifteen-bytes--"}}},
		"without a name":           {Clients: []Client{{ID: "a", Secret: "0123456789abcdef", For: []string{""}}}},
		"issuer's name":            {Clients: clients, Issuer: "Acme"},
		"needs a name":             {Clients: clients, Fields: &Names{ID: "a"}},
		"field a cannot hold":      {Clients: clients, Fields: &Names{ID: "a", Secret: "a"}},
		"header A cannot hold":     {Clients: clients, Headers: &Names{ID: "A", Secret: "a"}},
		"not the name of a header": {Clients: clients, Headers: &Names{ID: "A B", Secret: "a"}},
		"Authorization holds":      {Clients: clients, Headers: &Names{ID: "authorization", Secret: "a"}},
		"another meaning in OAuth": {Clients: clients, Fields: &Names{ID: "grant_type", Secret: "a"}},
		"ttl is 30s":               {Clients: clients, TTL: 30e9},
		"ttl is 25h0m0s":           {Clients: clients, TTL: 25 * 3600e9},
		"ttl is off":               {Clients: clients, TTL: -1},
		"key 1 is empty":           {Clients: clients, Keys: []string{""}},
		"status is 204":            {Clients: clients, Status: 204},
		"status is 404":            {Clients: clients, Status: 404},
		"has an empty part":        {Clients: clients, Field: "a..b"},
		"with another meaning":     {Clients: clients, Field: "expires_in.token"},
	} {
		if err := config.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	placeholder := Config{Clients: []Client{{ID: "a", Secret: "{env.A}"}}}
	if err := placeholder.Check(); err != nil {
		t.Error(err)
	}
	if err := placeholder.CheckSecrets(); err == nil {
		t.Error("a placeholder's text is a secret")
	}
	good := Config{Clients: clients}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	good.SetDefaults()
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, ok := range map[string]bool{
		"": true, "a": true, "a-b_c.9": true, ".a": false, "a/b": false, "A": false, "é": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if err := CheckIssuer(name); (err == nil) != ok {
			t.Errorf("issuer %q: %v", name, err)
		}
	}
}
