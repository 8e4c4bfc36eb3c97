package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

const million = 1_000_000

func shop(i int) string       { return fmt.Sprintf("shop-%07d", i) }
func shopSecret(i int) string { return fmt.Sprintf("secret-of-%07d", i) }

func shopDocument(i int, secrets ...string) string {
	return fmt.Sprintf(`{"id":%q,"credentials":{"bench":{"secrets":["%s"]}},"vars":{"upstream":"10.0.0.7:8080"}}`,
		shop(i), strings.Join(secrets, `","`))
}

// shared is the site of the other benchmarks, with tenants in the place of the secret.
func shared(source string) string {
	return strings.Replace(webhook, "provider", "tenants shops "+source+"\n\t\tprovider", 1) + "http://:0 {\n\t" +
		strings.Replace(routed, "bench "+secret+" {", "bench {\n\t\ttenant {header.X-Tenant} from shops", 1) + "\n}\n"
}

// millionLines is a file of a million tenants.
func millionLines(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "tenants.jsonl")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	for i := range million {
		_, _ = w.WriteString(shopDocument(i, shopSecret(i)) + "\n")
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkTenants compares one static secret with tenants out of a million: one that is
// known, one that has to be looked up each time, and ids that nobody has.
func BenchmarkTenants(b *testing.B) {
	body := payload(6_000)
	b.Run("static", func(b *testing.B) {
		webhooktest.Start(b, webhook+"http://:0 {\n\t"+routed+"\n}\n", quiet)
		signature := webhooktest.HMAC(secret, body)
		ask(b, body, 204, func(int) (string, string) { return shop(0), signature })
	})
	path := millionLines(b)
	before, began := heap(), time.Now()
	webhooktest.Start(b, shared("file "+path), quiet)
	b.Logf("a million tenants: started in %s, %.0f MiB of memory", time.Since(began).Round(time.Millisecond), float64(heap()-before)/(1<<20))
	signatures := make([]string, 20_000)
	for i := range signatures {
		signatures[i] = webhooktest.HMAC(shopSecret(i), body)
	}
	b.Run("warm", func(b *testing.B) {
		ask(b, body, 204, func(int) (string, string) { return shop(0), signatures[0] })
	})
	b.Run("cold", func(b *testing.B) {
		ask(b, body, 204, func(i int) (string, string) { return shop(1 + i%19_999), signatures[1+i%19_999] })
	})
	b.Run("unknown", func(b *testing.B) {
		ask(b, body, 401, func(i int) (string, string) { return fmt.Sprint("nobody-", i), signatures[0] })
	})
}

// ask sends webhooks, each of the tenant and with the signature that a function says.
func ask(b *testing.B, body string, status int, who func(i int) (id, signature string)) {
	server := running(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		id, signature := who(i)
		if got := deliverTo(b.Context(), server, "/hook", id, body, signature); got != status {
			b.Fatalf("%s: status %d, want %d", id, got, status)
		}
	}
}

func running(b *testing.B) http.Handler {
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		b.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers["srv0"]
}

func deliverTo(ctx context.Context, server http.Handler, path, id, body, signature string) int {
	ctx, end := context.WithCancel(ctx) // as net/http does when it has answered
	defer end()
	request := httptest.NewRequestWithContext(ctx, "POST", path, strings.NewReader(body))
	request.Header["X-Tenant"], request.Header["X-Signature"] = []string{id}, []string{signature}
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	return answer.Code
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRotation replaces the secrets of 10,000 tenants in files while their webhooks
// come, and counts what is refused or accepted wrongly.
func BenchmarkRotation(b *testing.B) {
	const count = 10_000
	root, body := b.TempDir(), payload(300)
	write := func(i int, secrets ...string) {
		name := filepath.Join(root, shop(i)+".json")
		if err := os.WriteFile(name+".new", []byte(shopDocument(i, secrets...)), 0o600); err != nil {
			b.Error(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			b.Error(err)
		}
	}
	for i := range count {
		write(i, "old-"+shopSecret(i))
	}
	webhooktest.Start(b, shared("file "+root), quiet)
	server := running(b)
	// Each secret is good in a phase, or not; between phases all tenants are changed,
	// and either may be. The third phase begins a second after the last change.
	var requests, wrongRefusals, wrongAcceptances atomic.Int64
	check := func(i int, kind string, good bool) {
		requests.Add(1)
		switch got := deliverTo(context.Background(), server, "/hook", shop(i), body, webhooktest.HMAC(kind+shopSecret(i), body)); {
		case good && got != 204:
			wrongRefusals.Add(1)
		case !good && got != 401:
			wrongAcceptances.Add(1)
		}
	}
	phase := func(change func(i int), good ...string) {
		var senders sync.WaitGroup
		done := make(chan struct{})
		for sender := range 2 {
			senders.Go(func() {
				for i := sender; ; i = (i + 7) % count {
					select {
					case <-done:
						return
					default:
					}
					for _, kind := range good {
						check(i, kind, true)
					}
					check(i, "wrong-", false)
				}
			})
		}
		if change != nil {
			for i := range count {
				change(i)
			}
		}
		time.Sleep(time.Second) // within which a change is to be seen
		close(done)
		senders.Wait()
	}
	for b.Loop() {
		phase(nil, "old-")
		phase(func(i int) { write(i, "new-"+shopSecret(i), "old-"+shopSecret(i)) }, "old-")
		phase(nil, "old-", "new-")
		phase(func(i int) { write(i, "new-"+shopSecret(i)) }, "new-")
		for i := range count {
			check(i, "old-", false)
			check(i, "new-", true)
		}
		for i := range count { // for the next round
			write(i, "old-"+shopSecret(i))
		}
		time.Sleep(time.Second)
	}
	b.ReportMetric(float64(requests.Load()), "requests")
	b.ReportMetric(float64(wrongRefusals.Load()), "wrong-refusals")
	b.ReportMetric(float64(wrongAcceptances.Load()), "wrong-acceptances")
}
