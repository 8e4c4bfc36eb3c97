package verify_test

import (
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// BenchmarkVerify is the way of most webhooks: HMAC over the body, or over the
// time and the body.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"github", "stripe", "standard-webhooks", "instaleap"} {
		b.Run(name, func(b *testing.B) {
			spec, _ := verify.Builtin(name)
			p := newPreset(b, spec, "secret", "")
			v, h := p.verifier(b), p.good(b)
			r := h.request(b, v)
			raw := []byte(h.body)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				request := verify.Request{Method: r.Method, URL: r.URL, Header: r.Header, Received: r.Received}
				if err := v.Admit(&request); err != nil {
					b.Fatal(err)
				}
				request.SetBody(raw, v.Provider().Spec.FormField)
				if _, err := v.Verify(&request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
