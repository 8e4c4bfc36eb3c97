//go:build unix

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// app is what the app answers.
const app = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

// BenchmarkProxied is a whole request over loopback connections, to an app and
// back: floor is one that Caddy proxies without this module. What the sender
// and the app cost is in all of them.
func BenchmarkProxied(b *testing.B) {
	upstream := startApp(b)
	routes := `handle_webhook /hook bench ` + secret + ` {
		on CREATED when "body.job.payment_value > 100" {
			webhook_proxy ` + upstream + `
		}
		otherwise {
			respond 202
		}
	}`
	for _, size := range []struct {
		name  string
		items int
	}{{"300B", 0}, {"6KB", 11}} {
		body := job(size.items)
		for _, way := range []struct{ name, routes string }{
			{"floor", "reverse_proxy " + upstream + " {\n transport http {\n keepalive_idle_conns_per_host 128\n }\n }"},
			{"verified", routes},
			{"strict", strings.Replace(routes, `"body`, `"body.nowhere == nil && body`, 1)},
			{"delivered", strings.Replace(routes, "webhook_proxy "+upstream, "webhook_deliver {\n webhook_proxy "+upstream+"\n }", 1)},
			{"rewritten", strings.Replace(routes, "webhook_proxy", "webhook_rewrite {\n set type body.type\n }\n webhook_proxy", 1)},
		} {
			b.Run(way.name+"/"+size.name, func(b *testing.B) {
				server := webhooktest.Start(b, webhook+"http://:0 {\n\t"+way.routes+"\n}\n", quiet)
				send(b, server.Addr(), body)
			})
		}
	}
}

// job is a payload of an order with as many items.
func job(items int) string {
	const item = `{"id": "06238453750639", "name": "Café molido 500 g", "status": "PENDING", "replacements": [], ` +
		`"is_substitute": false, "added_by": "CLIENT", "photo_url": "https://img.example.com/items/09891708245238L.jpg", ` +
		`"found_quantity": 0, "comment": "", "barcodes": ["669784939049"], "package_name": null, ` +
		`"attributes": {"ean": "0381174477768", "category": "Cocina", "price": 97}, "quantity": 0.6, "unit": "KG", "price": 97.5}`
	return `{"id": "bfbe5365-7277-404d-ae34-c195d2ea3e14", "created_at": "2026-06-02T15:42:44Z", "type": "CREATED", ` +
		`"job": {"id": "baa4f928-ca6b-4ee7-aabf-709c1bcf608e", "status": "PROCESSING", "payment_value": 403.97, ` +
		`"items": [` + strings.Repeat(item+", ", items) + `{}]}}`
}

// send makes requests over sixteen connections for each processor.
func send(b *testing.B, address, body string) {
	request := fmt.Appendf(nil, "POST /hook HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n"+
		"User-Agent: bench\r\nX-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", webhooktest.HMAC(secret, body), len(body), body)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	began := processorTime()
	b.RunParallel(func(pb *testing.PB) {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer connection.Close()
		answer := make([]byte, 4<<10)
		for pb.Next() {
			if _, err := connection.Write(request); err != nil {
				b.Error(err)
				return
			}
			// The answer is short, and comes in one piece.
			n, err := connection.Read(answer)
			if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) || !bytes.HasSuffix(answer[:n], []byte("ok")) {
				b.Errorf("%q %v", answer[:n], err)
				return
			}
		}
	})
	b.ReportMetric(float64(processorTime()-began)/float64(b.N), "cpu-ns/op")
}

// processorTime is how much the process has used of the processors, in ns.
func processorTime() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// startApp answers to all requests.
func startApp(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(connection)
		}
	}()
	return listener.Addr().String()
}

// answer takes requests that have bodies, with as little work as can be.
func answer(connection net.Conn) {
	defer connection.Close()
	requests := bufio.NewReaderSize(connection, 64<<10)
	for {
		length := 0
		for {
			line, err := requests.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == len("\r\n") {
				break
			}
			if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
			}
		}
		if _, err := requests.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(connection, app); err != nil {
			return
		}
	}
}
