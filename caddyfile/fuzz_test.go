package caddyfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// FuzzCaddyfile gives the whole adapter what nobody would write: it must say
// what is wrong, and never panic.
func FuzzCaddyfile(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "adapt", "*.caddyfiletest"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), "\n----------\n")
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") {
			return // would read whatever files the text names
		}
		config, err := webhooktest.Adapt(text)
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if err == nil && config == "" {
			t.Error("neither a configuration nor an error")
		}
	})
}

// FuzzDirectives gives our own parsers alone what nobody would write.
func FuzzDirectives(f *testing.F) {
	for _, block := range []string{
		"handle_webhook github secret {\n on a when b {\n c\n }\n otherwise {\n d\n }\n}",
		"handle_webhook github {$UNSET} {\n on \"{\" {\n }\n otherwise pass {\n }\n}",
		"handle_webhook acme {\n secret a b\n token c\n token_header d e\n basic f g\n unverified\n sources\n methods h\n}",
		"handle_webhook acme {\n content {body} drop lower\n event a b\n id =c\n tolerance off\n max_size 1MiB\n}",
		"webhook_rewrite {\n body a\n header b c\n uri d\n set e f\n rename g h\n delete i\n as cloudevents binary\n}",
		"webhooks {\n provider a hmac {\n signature b {\n list , {\n tag c\n }\n }\n content d\n handshakes {\n when {\n equal e f\n }\n }\n }\n}",
		"handle_webhook", "handle_webhook a {", "on", "{", "}", "when", "{\n}\n}", "",
	} {
		f.Add(block)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		tokens, err := caddyfile.Tokenize([]byte(text), "Caddyfile")
		if err != nil {
			return
		}
		own := map[string]*verify.Spec{"acme": {Name: "acme", Scheme: "token"}}
		parser := func() *caddyfile.Dispenser {
			d := caddyfile.NewDispenser(tokens)
			d.Next()
			return d
		}
		_, _ = fromcaddyfile.ParseWebhook(parser(), own)
		_, _ = fromcaddyfile.ParseAuth(parser(), own)
		_, _ = fromcaddyfile.ParseRewrite(parser(), nil, nil)
		_, _ = fromcaddyfile.ParseRule(parser())
		_, _ = fromcaddyfile.ParseDeliver(parser())
		_ = fromcaddyfile.ParseOptions(caddyfile.NewDispenser(tokens), &fromcaddyfile.Options{Providers: own})
	})
}
