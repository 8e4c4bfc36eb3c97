package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// hide hides places while a test runs.
func hide(t testing.TB, places ...string) {
	t.Helper()
	hiding.add(places)
	t.Cleanup(func() { hiding.remove(places) })
}

func TestHiddenText(t *testing.T) {
	hide(t, "query.token", "query.hub.verify_token")
	for _, test := range []struct{ text, want string }{
		{"/hook", "/hook"},
		{"/hook?a=b", "/hook?a=b"},
		{"/hook?token=x", "/hook?token=REDACTED"},
		{"/hook?a=b&token=x&c=d", "/hook?a=b&token=REDACTED&c=d"},
		{"/hook?token=x&token=y", "/hook?token=REDACTED&token=REDACTED"},
		{"/hook?TOKEN=x", "/hook?TOKEN=REDACTED"},
		{"/hook?to%6Ben=x", "/hook?to%6Ben=REDACTED"},
		{"/hook?hub.verify_token=x&hub.mode=y", "/hook?hub.verify_token=REDACTED&hub.mode=y"},
		{"/hook?token", "/hook?token"},
		{"/hook?token=", "/hook?token=REDACTED"},
		{"/hook?mytoken=x", "/hook?mytoken=x"},
		{"/hook?a=token", "/hook?a=token"},
		{"/hook?token=a=b%26c", "/hook?token=REDACTED"},
		{"/hook?token=it's\"quoted", "/hook?token=REDACTED"},
		{"/hook?rd=https%3A%2F%2Fh%2F%3Ftoken%3Dx%26y%3Dz&a=b", "/hook?rd=https%3A%2F%2Fh%2F%3Ftoken%3DREDACTED%26y%3Dz&a=b"},
		{`Post "http://app/hook?token=x": EOF`, `Post "http://app/hook?token=REDACTED EOF`},
		{"token=x", "token=REDACTED"}, // a query alone
		{"to%6Ben=x&a=b&token=y", "to%6Ben=REDACTED&a=b&token=REDACTED"},
		{"mytoken=x", "mytoken=x"},
		{"a=token=x", "a=token=x"},
		{"a token=x", "a token=x"}, // no query
		{"100%", "100%"},
		{"?", "?"},
	} {
		if got := hiding.now().text(test.text); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.text, got, test.want)
		}
	}
}

// Whatever the URL is, the verifier finds no credential in what is left of it.
func FuzzHiddenText(f *testing.F) {
	for _, seed := range []string{"token=x", "a=b&token=x&c", "to%6ben=x", "%74oken=x?y", "a?token=x", "rd=%3Ftoken%3Dx", "token=x&&token=y", "+token=x"} {
		f.Add(seed)
	}
	hiding.add([]string{"query.token"})
	f.Fuzz(func(t *testing.T, query string) {
		for _, c := range query {
			if c <= ' ' || c == 0x7f {
				t.Skip("no such request can be made")
			}
		}
		left := hiding.now().text("/hook?" + query)
		u, err := url.Parse(left)
		if err != nil {
			t.Skip("no URL")
		}
		for _, value := range u.Query()["token"] {
			if value != "" && value != redacted {
				t.Errorf("%q is left of %q: %q", value, query, left)
			}
		}
		if again := hiding.now().text(left); again != left {
			t.Errorf("%q becomes %q when it is looked at again", left, again)
		}
	})
}

func TestHiddenHeader(t *testing.T) {
	hide(t, "header.X-Token", "header.X-Part-#")
	for name, want := range map[string]bool{
		"X-Token": true, "x-token": true, "X_Token": true, "X-Part-1": true, "x-part-12": true, "X-Part-": true,
		"X-Part-A": false, "X-Tokens": false, "": false, strings.Repeat("x", 1000): false,
	} {
		if got := hiding.now().header(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}

// A place is hidden as long as any configuration has it, and no longer.
func TestHidingPlaces(t *testing.T) {
	var h hidingPlaces
	if h.now().header("X-Token") || h.now().text("?a=b") != "?a=b" {
		t.Error("something is hidden from the beginning")
	}
	h.add([]string{"header.X-Token"})
	h.add([]string{"header.X-Token", "query.key"})
	h.remove([]string{"header.X-Token"})
	if !h.now().header("X-Token") || h.now().text("?key=b") == "?key=b" {
		t.Error("what the newer configuration has is not hidden")
	}
	h.remove([]string{"header.X-Token", "query.key"})
	if h.now().header("X-Token") || h.now().text("?key=b") != "?key=b" || len(h.used) != 0 {
		t.Error("it is hidden for ever")
	}
}

// encoderOf adapts and provisions what a Caddyfile says of a log's format.
func encoderOf(t *testing.T, text string) zapcore.Encoder {
	t.Helper()
	d := caddyfile.NewTestDispenser(text)
	d.Next()
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, encoderNamespace+name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(module)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	loaded, err := ctx.LoadModuleByID(encoderNamespace+name, config)
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	return loaded.(zapcore.Encoder)
}

// parts is a value of a type that knows nothing of logs.
type parts struct {
	Header http.Header
	URL    string
	Number json.Number
}

// variables are logged as those are that FastCGI passes on.
type variables map[string]string

func (v variables) MarshalLogObject(to zapcore.ObjectEncoder) error {
	for name, value := range v {
		to.AddString(name, value)
	}
	return nil
}

func TestRedactEncoder(t *testing.T) {
	const secret = "the-credential"
	hide(t, "header.X-Token", "query.token")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://here/hook?token="+secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.RequestURI = request.URL.RequestURI()
	request.Header = http.Header{
		"X-Token": {secret}, "X_token": {secret}, "Referer": {"http://here/?token=" + secret}, "Accept": {"x"}, "X-Other": {"hashed"},
	}
	fields := []zap.Field{
		zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: request}),
		zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: request.Header}),
		zap.Any("header", request.Header),
		zap.Any("value", parts{request.Header, "?token=" + secret, "12345678901234567890"}),
		zap.Strings("urls", []string{"?token=" + secret}),
		zap.ByteStrings("raw", [][]byte{[]byte("?token=" + secret)}),
		zap.ByteString("raw_one", []byte("?token="+secret)),
		zap.Stringer("url", request.URL),
		zap.Error(errors.New("?token=" + secret)),
		zap.Errors("errors", []error{errors.New("?token=" + secret)}),
		zap.Objects("requests", []caddyhttp.LoggableHTTPRequest{{Request: request}}),
		zap.Object("env", variables{"HTTP_X_TOKEN": secret, "QUERY_STRING": "token=" + secret}),
		zap.Any("variables", map[string]string{"HTTP_X_TOKEN": secret}),
		zap.Namespace("first"), zap.Int("status", 500), zap.String("x", "?token="+secret),
	}
	for _, format := range []string{
		"webhook_redact", "webhook_redact json", "webhook_redact console",
		"webhook_redact filter {\n request>headers>X-Other hash\n}",
		"webhook_redact append {\n a b\n}",
		"filter {\n wrap webhook_redact\n request>headers>X-Other hash\n}",
		"append {\n wrap webhook_redact\n a b\n}",
		"webhook_redact webhook_redact",
	} {
		encoder := encoderOf(t, format)
		// Caddy gives a logger the request before there is an entry.
		with := encoder.Clone()
		for _, field := range fields[:1] {
			field.AddTo(with)
		}
		for _, entry := range []struct {
			encoder zapcore.Encoder
			fields  []zap.Field
		}{{encoder, fields}, {with, fields[1:]}} {
			buffer, err := entry.encoder.EncodeEntry(zapcore.Entry{Message: "GET ?token=" + secret}, entry.fields)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			text := buffer.String()
			if strings.Contains(text, secret) {
				t.Errorf("%s writes %s", format, text)
			}
			for _, kept := range []string{`"Accept":["x"]`, "12345678901234567890", `"status":500`} {
				if !strings.Contains(strings.ReplaceAll(text, `": `, `":`), kept) {
					t.Errorf("%s: there is no %s in %s", format, kept, text)
				}
			}
			if strings.Contains(format, "hash") && entry.encoder == encoder && !strings.Contains(text, `"X-Other":["1a06df82"]`) {
				t.Errorf("%s: the filter does nothing: %s", format, text)
			}
		}
	}
	if request.Header.Get("Referer") != "http://here/?token="+secret {
		t.Error("the request itself is changed")
	}
}

func TestLogProbe(t *testing.T) {
	for format, want := range map[string]int{
		"json": 1, "filter {\n x delete\n}": 1, "webhook_redact": 0,
		"webhook_redact filter {\n x delete\n}": 0, "filter {\n wrap webhook_redact\n}": 0,
	} {
		probe := new(logProbe)
		zap.Inline(probe).AddTo(encoderOf(t, format).Clone())
		if probe.asked-probe.redacted != want {
			t.Errorf("%s: %+v", format, probe)
		}
	}
}

func TestRedactSyntax(t *testing.T) {
	for text, want := range map[string]string{
		"webhook_redact {\n wrap json\n}": "before the brace",
		"webhook_redact nosuch":           "caddy.logging.encoders.nosuch",
	} {
		err := new(Redact).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
