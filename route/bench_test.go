package route_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

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
	{
		"signed",
		verify.Spec{
			Name: "p", Credentials: []string{"secret"}, Scheme: "hmac", Content: verify.Content{{Text: "{body}"}},
			Signature: &verify.Signature{From: []string{"header.X-Signature"}}, Event: []string{"body.type"},
		},
		verify.Config{Secrets: []string{"secret"}},
	},
	{
		"token",
		verify.Spec{Name: "p", Credentials: []string{"token"}, Event: []string{"body.type"}},
		verify.Config{Tokens: []string{"secret"}},
	},
}

// inMemory returns what is done with a request that is in memory: verify it,
// find the event, evaluate a rule.
func inMemory(t testing.TB, spec *verify.Spec, config *verify.Config) (handle func() (bool, error), size int) {
	t.Helper()
	body := benchmarkBody()
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write(body)
	header := http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer secret"},
		"X-Signature": {hex.EncodeToString(mac.Sum(nil))},
	}
	target := &url.URL{Path: "/hook"}
	rule, ruleErr := route.CompileRule(`event == "CREATED" && body.job.payment_value > 100`)
	v, err := verify.New(spec, config)
	if err := errors.Join(ruleErr, err); err != nil {
		t.Fatal(err)
	}
	identity, err := route.NewIdentity(v.Provider())
	if err != nil {
		t.Fatal(err)
	}
	return func() (bool, error) {
		r := &verify.Request{Method: "POST", URL: target, Header: header, Received: received}
		if err := v.Admit(r); err != nil {
			return false, err
		}
		r.SetBody(body, "")
		result, err := v.Verify(r)
		if err != nil {
			return false, err
		}
		e, err := route.NewEvent(v.Provider(), identity, r, result)
		if err != nil {
			return false, err
		}
		return rule.Match(e)
	}, len(body)
}

func BenchmarkRequest(b *testing.B) {
	for _, p := range benchmarkProviders {
		b.Run(p.name, func(b *testing.B) {
			handle, size := inMemory(b, &p.spec, &p.config)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if matched, err := handle(); err != nil || !matched {
					b.Fatal(matched, err)
				}
			}
		})
	}
}

// A request costs a handful of allocations, whatever its size.
func TestRequestAllocations(t *testing.T) {
	most := 5.0
	if raceDetector {
		most = 12
	}
	for _, p := range benchmarkProviders {
		handle, _ := inMemory(t, &p.spec, &p.config)
		allocations := testing.AllocsPerRun(100, func() {
			if matched, err := handle(); err != nil || !matched {
				t.Fatal(matched, err)
			}
		})
		if allocations > most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", p.name, allocations, most)
		}
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

// BenchmarkRewriteSet sets one value of a payload in place, of which it is the
// first that is read.
func BenchmarkRewriteSet(b *testing.B) {
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Set: "job.payment_value", Value: "1"}}})
	if err != nil {
		b.Fatal(err)
	}
	body := benchmarkBody()
	e := newEvent(b, string(body))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		arrived := e.Outgoing("POST", new(url.URL), nil, body)
		if _, err := rewriter.Apply(arrived); err != nil {
			b.Fatal(err)
		}
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
