package bench

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// beside is a site with both: one static secret at /static, and tenants at /hook.
func beside(source string) string {
	static := strings.Replace(strings.Replace(routed, "/hook", "/static", 1), "max_size", "name static\n\t\tmax_size", 1)
	return strings.Replace(shared(source), "http://:0 {\n\t", "http://:0 {\n\t"+static+"\n\t", 1)
}

// BenchmarkTenantsBeside sends to one static secret and to tenants out of a million in
// turn, and reports medians of the rounds' own ratios: what a tenant costs, and whether
// the time of a refusal tells who is known.
func BenchmarkTenantsBeside(b *testing.B) {
	b.Run("file", func(b *testing.B) { measureBeside(b, "file "+millionLines(b)) })
	b.Run("storage", func(b *testing.B) {
		root := millionFiles(b)
		measureBeside(b, "storage", func(config map[string]any) {
			config["storage"] = map[string]any{"module": "file_system", "root": root}
		})
	})
}

// millionFiles is a storage of Caddy's with a million tenants.
func millionFiles(b *testing.B) string {
	root := b.TempDir()
	folder := filepath.Join(root, "webhooks", "tenants")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		b.Fatal(err)
	}
	for i := range million {
		if err := os.WriteFile(filepath.Join(folder, shop(i)+".json"), []byte(shopDocument(i, shopSecret(i))), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return root
}

func measureBeside(b *testing.B, source string, edits ...webhooktest.Edit) {
	before, began := heap(), time.Now()
	webhooktest.Start(b, beside(source), append(edits, quiet)...)
	started, atStart := time.Since(began), heap()-before
	server, body := running(b), payload(6_000)
	send := func(path, id, signature string, status int) time.Duration {
		start := time.Now()
		if got := deliverTo(b.Context(), server, path, id, body, signature); got != status {
			b.Fatalf("%s %s: status %d, want %d", path, id, got, status)
		}
		return time.Since(start)
	}
	right, wrong := webhooktest.HMAC(shopSecret(0), body), webhooktest.HMAC("another", body)
	static := func() time.Duration { return send("/static", "", webhooktest.HMAC(secret, body), http.StatusNoContent) }
	warm := func() time.Duration { return send("/hook", shop(0), right, http.StatusNoContent) }
	known := func() time.Duration { return send("/hook", shop(0), wrong, http.StatusUnauthorized) }
	unknown := func() time.Duration { return send("/hook", "nobody", right, http.StatusUnauthorized) }
	var costs, tells []float64
	for b.Loop() {
		costs = append(costs, inTurn(warm, static))
		tells = append(tells, inTurn(unknown, known))
	}
	b.ReportMetric(started.Seconds(), "s-to-start")
	b.ReportMetric(float64(atStart)/(1<<20), "MiB-at-start")
	b.ReportMetric(quartile(costs, 2), "warm/static")
	b.ReportMetric(quartile(tells, 1), "unknown/wrong-q1")
	b.ReportMetric(quartile(tells, 2), "unknown/wrong")
	b.ReportMetric(quartile(tells, 3), "unknown/wrong-q3")
	const active = 100_000
	before = heap()
	for i := range active {
		send("/hook", shop(i), webhooktest.HMAC(shopSecret(i), body), http.StatusNoContent)
	}
	b.ReportMetric(float64(heap()-before)/active, "B/active")
	b.ReportMetric(float64(heap())/(1<<20), "MiB-with-100k-active")
}

// inTurn is how long one takes beside the other.
func inTurn(one, other func() time.Duration) float64 {
	var first, second time.Duration
	for range 500 {
		first += one()
		second += other()
	}
	return float64(first) / float64(second)
}

func quartile(values []float64, n int) float64 {
	slices.Sort(values)
	return values[len(values)*n/4]
}
