package bolt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

// benchmarkSize is that of a usual webhook.
const benchmarkSize = 6 << 10

// BenchmarkDisk writes a webhook to the end of a file and forces it to disk: what
// nothing that stores one at a time can surpass. TMPDIR says on which disk.
func BenchmarkDisk(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	content := make([]byte, benchmarkSize)
	for b.Loop() {
		if _, err := file.Write(content); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend stores webhooks, of which those of several senders share what
// is forced to disk.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 16} {
		b.Run(fmt.Sprint(senders), func(b *testing.B) {
			store, err := bolt.Open(filepath.Join(b.TempDir(), "store.db"), 0, deliver.Observer{})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			var group sync.WaitGroup
			b.ResetTimer()
			for sender := range senders {
				group.Go(func() {
					for n := sender; n < b.N; n += senders {
						record := &deliver.Record{ID: fmt.Sprint(n), Body: make([]byte, benchmarkSize)}
						if err := store.Append(b.Context(), record, []deliver.Target{{Destination: "app"}}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
		})
	}
}
