// Package bench measures the handlers in process, without a network.
package bench

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

const (
	secret  = "bench-secret"
	webhook = `{
	webhooks {
		provider bench hmac {
			signature header.X-Signature
			content {body}
			event body.type
			id body.id
		}
	}
}
`
	routed = `handle_webhook /hook bench ` + secret + ` {
		max_size 8MiB
		on CREATED when "body.job.payment_value > 100" {
			respond 204
		}
		otherwise {
			respond 202
		}
	}`
)

// payload is a job of about a size, with what the rule reads behind the rest.
func payload(size int) string {
	return `{"id":"1","type":"CREATED","job":{"note":"` + strings.Repeat("x", size) + `","payment_value":101}}`
}

// BenchmarkRequest is a whole request through Caddy's handlers: floor is one
// that Caddy answers without this module.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"300B", 300}, {"6KB", 6_000}, {"97KB", 97_000}, {"5MB", 5_000_000}} {
		body := payload(size.bytes)
		signature := webhooktest.HMAC(secret, body)
		b.Run("floor/"+size.name, func(b *testing.B) { serve(b, "http://:0 {\n\trespond 204\n}\n", body, signature, 204) })
		b.Run("verified/"+size.name, func(b *testing.B) { serve(b, webhook+"http://:0 {\n\t"+routed+"\n}\n", body, signature, 204) })
		b.Run("metrics/"+size.name, func(b *testing.B) {
			metrics := strings.Replace(webhook, "{\n", "{\n\tmetrics\n", 1)
			serve(b, metrics+"http://:0 {\n\t"+routed+"\n}\n", body, signature, 204)
		})
	}
	body := payload(6_000)
	b.Run("spooled/6KB", func(b *testing.B) {
		store := "store " + filepath.Join(b.TempDir(), "store.db") + "\n\t\tprovider"
		delivered := strings.Replace(routed, "respond 204", "webhook_deliver {\n respond 204\n }", 1)
		serve(b, strings.Replace(webhook, "provider", store, 1)+"http://:0 {\n\t"+delivered+"\n}\n", body, webhooktest.HMAC(secret, body), 204)
	})
	b.Run("archived/6KB", func(b *testing.B) {
		archive := "archive " + filepath.Join(b.TempDir(), "archive") + "\n\t\tprovider"
		serve(b, strings.Replace(webhook, "provider", archive, 1)+"http://:0 {\n\t"+routed+"\n}\n", body, webhooktest.HMAC(secret, body), 204)
	})
	b.Run("remembered/6KB", func(b *testing.B) { // nearly all are copies
		remembered := strings.Replace(routed, "max_size", "replay 1h\n\t\tmax_size", 1)
		serve(b, webhook+"http://:0 {\n\t"+remembered+"\n}\n", body, webhooktest.HMAC(secret, body), 204)
	})
	b.Run("refused/6KB", func(b *testing.B) {
		serve(b, webhook+"http://:0 {\n\t"+routed+"\n}\n", body, strings.Repeat("0", 64), 401)
	})
}

func serve(b *testing.B, caddyfile, body, signature string, status int) {
	webhooktest.Start(b, caddyfile, quiet)
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		b.Fatal(err)
	}
	server := app.(*caddyhttp.App).Servers["srv0"]
	b.ReportAllocs()
	for b.Loop() {
		ctx, end := context.WithCancel(b.Context()) // as net/http does when it has answered
		request := httptest.NewRequestWithContext(ctx, "POST", "/hook", strings.NewReader(body))
		request.Header.Set("X-Signature", signature)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		end()
		if answer.Code != status {
			b.Fatalf("status %d, want %d", answer.Code, status)
		}
	}
}

// quiet logs errors only, as a busy server does.
func quiet(config map[string]any) {
	config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}}
}
