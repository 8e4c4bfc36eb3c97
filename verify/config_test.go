package verify_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestConfigMistakes(t *testing.T) {
	const plainSpec = `{"name":"own","credentials":["token"]}`
	token := func(name string, values ...string) []verify.TokenHeader {
		return []verify.TokenHeader{{Name: name, Values: values}}
	}
	account := func(user, password string) []verify.Account {
		return []verify.Account{{Username: user, Password: password}}
	}
	tests := []struct {
		name, provider string
		config         verify.Config
		want           string // in the error
	}{
		{"nothing", "instaleap", verify.Config{}, "no credentials for instaleap: write secret or token, or unverified"},
		{"nothing, Basic provider", "detrack", verify.Config{}, "basic or token"},
		{"nothing but sources", "detrack", verify.Config{Sources: []string{"published"}}, "no credentials"},
		{"tenant and secret", "shopify", verify.Config{Tenant: &verify.Tenant{ID: "{http.request.uri.path.1}"}, Secrets: []string{secret}}, "each tenant has credentials of its own"},
		{"tenant and unverified", "shopify", verify.Config{Tenant: &verify.Tenant{ID: "{http.request.uri.path.1}"}, Unverified: true}, "anybody could send"},
		{"tenant without a placeholder", "shopify", verify.Config{Tenant: &verify.Tenant{ID: "acme"}}, "write a placeholder"},
		{"tenant out of the body", "shopify", verify.Config{Tenant: &verify.Tenant{ID: "{http.request.host}{http.request.body}"}}, "before the body is read"},
		{"tenant out of the event", "shopify", verify.Config{Tenant: &verify.Tenant{ID: "{http.webhook.id}"}}, "write a placeholder"},
		{"unverified and secret", "instaleap", verify.Config{Unverified: true, Secrets: []string{secret}}, "unverified"},
		{"unverified and token", "instaleap", verify.Config{Unverified: true, Tokens: []string{"t"}}, "unverified"},
		{"unverified and token header", "instaleap", verify.Config{Unverified: true, TokenHeaders: token("X-T", "t")}, "unverified"},
		{"unverified and account", "detrack", verify.Config{Unverified: true, Basic: account("u", "p")}, "unverified"},
		{"secret without a scheme", "jelp", verify.Config{Secrets: []string{secret}}, "write token or basic"},
		{"secret without a scheme, by form", "detrack", verify.Config{Secrets: []string{secret}}, "detrack has no scheme"},
		{"empty secret", "instaleap", verify.Config{Secrets: []string{""}}, "secret 1 is empty"},
		{"blank secret", "instaleap", verify.Config{Secrets: []string{" \t\n"}}, "secret 1 is empty"},
		{"empty second secret", "instaleap", verify.Config{Secrets: []string{secret, ""}}, "secret 2 is empty"},
		{"empty token", "jelp", verify.Config{Tokens: []string{""}}, "token 1 is empty"},
		{"blank second token", "jelp", verify.Config{Tokens: []string{"t", " "}}, "token 2 is empty"},
		{"token header without a name", "shippify", verify.Config{TokenHeaders: token("", "t")}, "not the name of a header"},
		{"token header with a colon", "shippify", verify.Config{TokenHeaders: token("X-T:", "t")}, "not the name of a header"},
		{"token header with a line break", "shippify", verify.Config{TokenHeaders: token("X-T\r\nX-U", "t")}, "not the name of a header"},
		{"token header without a value", "shippify", verify.Config{TokenHeaders: token("X-T")}, "X-T has no value"},
		{"token header with an empty value", "shippify", verify.Config{TokenHeaders: token("X-T", "t", "")}, "X-T has an empty value"},
		{"account without a user", "detrack", verify.Config{Basic: account("", "p")}, "no user name"},
		{"account with a colon", "detrack", verify.Config{Basic: account("a:b", "p")}, "colon"},
		{"account without a password", "detrack", verify.Config{Basic: account("u", "")}, "empty password"},
		{"bad address", "detrack", verify.Config{Tokens: []string{"t"}, Sources: []string{"10.0.0.256"}}, "10.0.0.256"},
		{"bad range", "detrack", verify.Config{Tokens: []string{"t"}, Sources: []string{"10.0.0.0/33"}}, "10.0.0.0/33"},
		{"name for an address", "detrack", verify.Config{Tokens: []string{"t"}, Sources: []string{"example.com"}}, "example.com"},
		{"no published addresses", "instaleap", verify.Config{Tokens: []string{"t"}, Sources: []string{"published"}}, "publishes no addresses"},
		{"content with an open brace", "instaleap", verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: "{body"}}}, "closing brace"},
		{"content with an unknown field", "instaleap", verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: "{bodi.id}"}}}, "unknown field"},
		{"content that is empty", "instaleap", verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: ""}}}, "content"},
		{"content that is the same for all", "instaleap", verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: "signed"}}}, "content"},
		{"event with an empty entry", "instaleap", verify.Config{Secrets: []string{secret}, Event: []string{""}}, "event"},
		{"event with an expression first", "instaleap", verify.Config{Secrets: []string{secret}, Event: []string{"=a", "b"}}, "must be the last"},
		{"id with a broken template", "instaleap", verify.Config{Secrets: []string{secret}, ID: []string{"{body.id"}}, "id"},
		{"tolerance without a timestamp", "github", verify.Config{Secrets: []string{secret}, Tolerance: verify.Duration(time.Minute)}, "states no time"},
		{"tolerance without a scheme", "own", verify.Config{Tokens: []string{"t"}, Tolerance: verify.Duration(time.Minute)}, "states no time"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, ok := verify.Builtin(test.provider)
			if !ok {
				spec, _ = verify.ParseSpec([]byte(plainSpec))
			}
			err := test.config.Check(spec)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check: %v; want %q", err, test.want)
			}
			if _, err := verify.New(spec, &test.config); err == nil {
				t.Error("New accepted it")
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestConfigCheck(t *testing.T) {
	tests := []struct {
		provider string
		config   verify.Config
	}{
		{"instaleap", verify.Config{Secrets: []string{"{env.SECRET}"}}},
		{"instaleap", verify.Config{Secrets: []string{secret}, Tokens: []string{"t"}, Tolerance: verify.Off}},
		{"instaleap", verify.Config{Secrets: []string{secret}, Content: verify.Content{{Text: "{body.id}"}}}},
		{"github", verify.Config{Secrets: []string{secret}, Tolerance: verify.Off}},
		{"jelp", verify.Config{Unverified: true}},
		{"detrack", verify.Config{Basic: []verify.Account{{Username: "u", Password: " "}}, Sources: []string{"published", "10.0.0.0/8", "::1"}}},
	}
	for _, test := range tests {
		spec, _ := verify.Builtin(test.provider)
		if err := test.config.Check(spec); err != nil {
			t.Errorf("%s, %+v: %v", test.provider, test.config, err)
		}
	}
}

// Corrections are for one endpoint; the shared description stays as it is.
func TestConfigLeavesSpecAlone(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	before, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	v := builtin(t, "instaleap", &verify.Config{
		Secrets: []string{secret}, Content: verify.Content{{Text: "{body}"}}, Event: []string{"x"}, ID: []string{"y"},
		Methods: []string{"PUT"}, Tolerance: verify.Duration(time.Minute),
	})
	after, _ := json.Marshal(spec)
	if string(before) != string(after) {
		t.Errorf("the provider's description became %s", after)
	}
	if v.Provider().Coverage() != verify.SignedBody {
		t.Error("content was not overridden")
	}
}

func TestDuration(t *testing.T) {
	tests := []struct {
		text string
		want verify.Duration
		out  string
	}{
		{`"5m"`, verify.Duration(5 * time.Minute), `"5m0s"`},
		{`"90s"`, verify.Duration(90 * time.Second), `"1m30s"`},
		{`"off"`, verify.Off, `"off"`},
		{`300000000000`, verify.Duration(5 * time.Minute), `"5m0s"`},
	}
	for _, test := range tests {
		var d verify.Duration
		if err := json.Unmarshal([]byte(test.text), &d); err != nil || d != test.want {
			t.Errorf("%s is %v, %v; want %v", test.text, d, err, test.want)
		}
		out, err := json.Marshal(d)
		if err != nil || string(out) != test.out {
			t.Errorf("%v is written %s, %v; want %s", d, out, err, test.out)
		}
		var again verify.Duration
		if err := json.Unmarshal(out, &again); err != nil || again != d {
			t.Errorf("%s is %v, %v; want %v", out, again, err, d)
		}
	}
	for _, text := range []string{`"5"`, `"-5m"`, `"0"`, `"0s"`, `""`, `"never"`, `"OFF"`, `true`, `1.5`, `{}`} {
		var d verify.Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s became %v", text, d)
		}
	}
}

func TestContentJSON(t *testing.T) {
	tests := []struct {
		text string
		want verify.Content
		out  string
	}{
		{`"{body}"`, verify.Content{{Text: "{body}"}}, `"{body}"`},
		{`["{timestamp}."]`, verify.Content{{Text: "{timestamp}."}}, `"{timestamp}."`},
		{
			`["a",{"text":"{id}","absent":"drop"},{"text":"B","lower":true}]`,
			verify.Content{{Text: "a"}, {Text: "{id}", Absent: "drop"}, {Text: "B", Lower: true}},
			`[{"text":"a"},{"text":"{id}","absent":"drop"},{"text":"B","lower":true}]`,
		},
		{`[{"text":"{id}","absent":"empty"}]`, verify.Content{{Text: "{id}", Absent: "empty"}}, `[{"text":"{id}","absent":"empty"}]`},
	}
	for _, test := range tests {
		var c verify.Content
		if err := json.Unmarshal([]byte(test.text), &c); err != nil || !reflect.DeepEqual(c, test.want) {
			t.Errorf("%s is %+v, %v; want %+v", test.text, c, err, test.want)
		}
		out, err := json.Marshal(c)
		if err != nil || string(out) != test.out {
			t.Errorf("%+v is written %s, %v; want %s", c, out, err, test.out)
		}
		var again verify.Content
		if err := json.Unmarshal(out, &again); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s is %+v, %v; want %+v", out, again, err, c)
		}
	}
	for _, text := range []string{`1`, `{"text":"a"}`, `[1]`, `[["a"]]`, `true`} {
		var c verify.Content
		if err := json.Unmarshal([]byte(text), &c); err == nil {
			t.Errorf("%s became %+v", text, c)
		}
	}
}

// A key of another kind than the algorithms need would refuse everybody.
func TestKeysOfAnotherKind(t *testing.T) {
	for _, test := range []struct{ algorithms, kind string }{
		{`["RS256"]`, "ES256"}, {`["RS256","PS256"]`, "ed25519"}, {`["ES256"]`, "RS256"}, {`["ES256"]`, "ed25519"}, {`["EdDSA"]`, "ES256"},
	} {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"jwt","jwt":{"algorithms":` + test.algorithms + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{ourKeys()[test.kind].public}}); err == nil {
			t.Errorf("%s takes a key for %s", test.algorithms, test.kind)
		}
	}
}
