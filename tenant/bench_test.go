package tenant_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

const million = 1_000_000

func shop(i int) string { return fmt.Sprintf("shop-%07d", i) }

// writeMillion writes a file of a million tenants.
func writeMillion(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "tenants.jsonl")
	file, err := os.Create(path)
	must(b, err)
	w := bufio.NewWriterSize(file, 1<<20)
	for i := range million {
		fmt.Fprintf(w, `{"id":%q,"credentials":{"shopify":{"secrets":["shpss_%032d"]}},"vars":{"upstream":"10.0.0.7:8080"}}`+"\n", shop(i), i)
	}
	must(b, w.Flush())
	must(b, file.Close())
	return path
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillionLines tells how long it takes to open a file of a million tenants,
// what memory it takes, and what a look-up costs.
func BenchmarkMillionLines(b *testing.B) {
	path := writeMillion(b)
	before, began := heap(), time.Now()
	source, err := tenant.OpenFile(path)
	must(b, err)
	took := time.Since(began)
	held := heap() - before
	i := 0
	for b.Loop() {
		if _, err := source.Tenant(context.Background(), shop(i*7919%million)); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(took.Seconds(), "s-to-open")
	b.ReportMetric(float64(held)/(1<<20), "MiB-held")
	must(b, source.Close())
}

// BenchmarkCache tells what a tenant costs that is known.
func BenchmarkCache(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tenants.jsonl")
	must(b, os.WriteFile(path, tenanttest.Document("acme", "x"), 0o600))
	source, err := tenant.OpenFile(path)
	must(b, err)
	cache := tenant.NewCache(source, tenant.Options{TTL: time.Hour})
	for b.Loop() {
		if _, err := cache.Tenant(context.Background(), "acme"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkActive tells what memory a tenant takes that is in use.
func BenchmarkActive(b *testing.B) {
	cache := tenant.NewCache(sourceFunc(func(id string) (*tenant.Tenant, error) {
		return tenant.Parse(id, tenanttest.Document(id, "10.0.0.7:8080"))
	}), tenant.Options{TTL: time.Hour})
	before, i := heap(), 0
	for ; b.Loop(); i++ {
		if _, err := cache.Tenant(context.Background(), shop(i%100_000)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(heap()-before)/float64(min(i, 100_000)), "B/tenant")
	runtime.KeepAlive(cache)
}

// sourceFunc is a source of a function.
type sourceFunc func(id string) (*tenant.Tenant, error)

func (f sourceFunc) Tenant(_ context.Context, id string) (*tenant.Tenant, error) { return f(id) }
