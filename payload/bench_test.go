package payload_test

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// item is an article of an order as a delivery platform sends it.
const item = `{"id": "%014d", "name": "Artículo de limpieza \"La Vaca\" 4.5 kg", "status": "PENDING", "replacements": [], ` +
	`"is_substitute": false, "added_by": "CLIENT", "photo_url": "https://img.example.com/items/00001234567890L.jpg", ` +
	`"found_quantity": 0, "comment": "", "barcodes": ["012345678901"], "package_name": null, "replacement_mode": "SUGGESTED", ` +
	`"attributes": {"ean": "0123456789012", "sku": "0123456789", "category": "Carne de cerdo", "posPrice": 97, "originalPrice": 97}, ` +
	`"quantity": 0.6, "sub_quantity": 1, "unit": "KG", "sub_unit": "KG", "price": 97.5, "weight": 1, "volume": 1}`

// benchmarkBodies are bodies of one kind and several sizes: the largest holds
// an image in front of its last fields.
func benchmarkBodies() []struct {
	name string
	body []byte
} {
	body := func(items, image int) []byte {
		var list []string
		for i := range items {
			list = append(list, fmt.Sprintf(item, i))
		}
		random := make([]byte, image)
		_, _ = rand.New(rand.NewSource(1)).Read(random)
		return fmt.Appendf(nil, `{"id": "e1f0c3a2-0b1c-4d5e-a6f7-0123456789ab", "created_at": "2026-06-02T15:42:44Z", "type": "CREATED", `+
			`"client_id": "CLIENT", "job": {"id": "j1f0c3a2-0b1c-4d5e-a6f7-0123456789ab", "status": "PROCESSING", "client_reference": "0000AG382N", `+
			`"payment_value": 403.97, "payment_method": "PREPAID", "operational_model": "FULL_SERVICE", "job_items": [%s]}, `+
			`"images": ["%s"], "tracking": {"code": "t-xyz-123", "attempts": 1}}`,
			strings.Join(list, ", "), base64.StdEncoding.EncodeToString(random))
	}
	return []struct {
		name string
		body []byte
	}{{"400B", body(0, 0)}, {"6KB", body(10, 0)}, {"97KB", body(170, 0)}, {"5MB", body(3, 3_750_000)}}
}

// BenchmarkFind reads whole documents for two paths, strictly.
func BenchmarkFind(b *testing.B) {
	var finder payload.Finder
	finder.Add(payload.Path{"type"}, false)
	finder.Add(payload.Path{"job", "payment_value"}, false)
	for _, size := range benchmarkBodies() {
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(size.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := finder.Find(size.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode reads whole documents into maps.
func BenchmarkDecode(b *testing.B) {
	for _, size := range benchmarkBodies() {
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(size.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Decode(size.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSet changes one value in place.
func BenchmarkSet(b *testing.B) {
	for _, size := range benchmarkBodies() {
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(size.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Set(size.body, payload.Path{"job", "payment_value"}, []byte("1")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
