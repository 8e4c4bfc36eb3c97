package route_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// benchmarkBody is an order of about 6 KB, as a delivery platform sends it.
func benchmarkBody() []byte {
	items := bytes.Repeat([]byte(`{"id": "00001234567890", "name": "Artículo de limpieza 4.5 kg", "status": "PENDING", "replacements": [], `+
		`"is_substitute": false, "added_by": "CLIENT", "photo_url": "https://img.example.com/items/00001234567890L.jpg", "found_quantity": 0, `+
		`"comment": "", "barcodes": ["012345678901"], "package_name": null, "attributes": {"ean": "0123456789012", "sku": "0123456789", `+
		`"category": "Carne de cerdo", "posPrice": 97, "originalPrice": 97}, "quantity": 0.6, "unit": "KG", "price": 97.5, "weight": 1}, `), 11)
	return fmt.Appendf(nil, `{"id": "e1f0c3a2-0b1c-4d5e-a6f7-0123456789ab", "created_at": "2026-06-02T15:42:44Z", "type": "CREATED", "client_id": "C", `+
		`"job": {"id": "j1f0c3a2-0b1c-4d5e-a6f7-0123456789ab", "status": "PROCESSING", "payment_value": 403.97, "items": [%snull]}}`, items)
}

// benchmarkProviders are a scheme whose signature covers the body, one that
// signs fields and one that signs nothing.
var benchmarkProviders = []struct {
	name   string
	spec   verify.Spec
	config verify.Config
}{
	{"signed", verify.Spec{Name: "p", Credentials: []string{"secret"}, Scheme: "hmac", Content: verify.Content{{Text: "{body}"}},
		Signature: &verify.Signature{From: []string{"header.X-Signature"}}, Event: []string{"body.type"}, ID: []string{"body.id"}},
		verify.Config{Secrets: []string{"secret"}}},
	{"token", verify.Spec{Name: "p", Credentials: []string{"token"}, Event: []string{"body.type"}, ID: []string{"body.id"}},
		verify.Config{Tokens: []string{"secret"}}},
}

// BenchmarkRequest is all that is done with a request that is in memory:
// verify it, find event and id, evaluate a rule.
func BenchmarkRequest(b *testing.B) {
	body := benchmarkBody()
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write(body)
	header := http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer secret"},
		"X-Signature": {hex.EncodeToString(mac.Sum(nil))},
	}
	target := &url.URL{Path: "/hook"}
	rule, err := route.CompileRule(`event == "CREATED" && body.job.payment_value > 100`)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range benchmarkProviders {
		b.Run(p.name, func(b *testing.B) {
			v, err := verify.New(&p.spec, &p.config)
			if err != nil {
				b.Fatal(err)
			}
			identity, err := route.NewIdentity(v.Provider())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r := &verify.Request{Method: "POST", URL: target, Header: header, Received: received}
				if err := v.Admit(r); err != nil {
					b.Fatal(err)
				}
				r.Body = payload.New(body, "application/json", "")
				result, err := v.Verify(r)
				if err != nil {
					b.Fatal(err)
				}
				e, err := route.NewEvent(v.Provider(), identity, r, result)
				if err != nil {
					b.Fatal(err)
				}
				if matched, err := rule.Match(e); err != nil || !matched {
					b.Fatal(matched, err)
				}
			}
		})
	}
}

// BenchmarkRules evaluates one rule, and fifty of which the last matches, of an
// event that was read already.
func BenchmarkRules(b *testing.B) {
	var rules []*route.Rule
	for i := range 50 {
		rule, err := route.CompileRule(fmt.Sprintf(`event == "CREATED" && body.job.payment_value > %d`, 4900-100*i-1000))
		if err != nil {
			b.Fatal(err)
		}
		rules = append(rules, rule)
	}
	body := string(benchmarkBody())
	for _, n := range []int{1, 10, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := newEvent(b, body)
			b.ReportAllocs()
			for b.Loop() {
				for _, rule := range rules[:n] {
					if _, err := rule.Match(e); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkHMAC is the measure for the machine: the code of the same body.
func BenchmarkHMAC(b *testing.B) {
	body := benchmarkBody()
	mac := hmac.New(sha256.New, []byte("secret"))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		mac.Reset()
		mac.Write(body)
		mac.Sum(nil)
	}
}
