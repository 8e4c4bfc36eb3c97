//go:build unix

package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// BenchmarkQueue stores webhooks of 6 KB before it acknowledges them, and delivers them
// at once. The unit of-disk is how many there are for each time that the same disk
// forces one appended after the other, measured just before. TMPDIR says on which disk.
func BenchmarkQueue(b *testing.B) {
	upstream := startApp(b)
	for _, way := range []struct{ name, options string }{{"delivered", ""}, {"ordered", "order body.id"}} {
		for _, senders := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", way.name, senders), func(b *testing.B) {
				store := filepath.Join(b.TempDir(), "deliveries.db")
				config := strings.Replace(webhook, "webhooks {", "webhooks {\n\t\tstore "+store, 1)
				server := webhooktest.Start(b, config+`http://:0 {
					handle_webhook /hook bench `+secret+` {
						otherwise {
							webhook_deliver {
								mode queue
								`+way.options+`
								webhook_proxy `+upstream+`
							}
						}
					}
				}
				`, quiet)
				disk := forcedAppends(b)
				b.ResetTimer()
				began := time.Now()
				var group sync.WaitGroup
				for sender := range senders {
					group.Go(func() { sendNumbered(b, server.Addr(), sender, senders) })
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/time.Since(began).Seconds()/disk, "of-disk")
			})
		}
	}
}

// forcedAppends returns how many webhooks a disk appends and forces in a second.
func forcedAppends(b *testing.B) float64 {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	const appends = 1000
	content := []byte(job(11))
	began := time.Now()
	for range appends {
		if _, err := file.Write(content); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return appends / time.Since(began).Seconds()
}

// sendNumbered sends each of so many numbers, as the id of a webhook, over one
// connection.
func sendNumbered(b *testing.B, address string, first, step int) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer connection.Close()
	answer := make([]byte, 4<<10)
	for number := first; number < b.N; number += step {
		body := strings.Replace(job(11), "bfbe5365-7277-404d-ae34-c195d2ea3e14", fmt.Sprintf("%036d", number), 1)
		request := fmt.Appendf(nil, "POST /hook HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n"+
			"X-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", webhooktest.HMAC(secret, body), len(body), body)
		if _, err := connection.Write(request); err != nil {
			b.Error(err)
			return
		}
		if n, err := connection.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 202")) {
			b.Errorf("%q %v", answer[:n], err)
			return
		}
	}
}
