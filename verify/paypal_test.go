package verify_test

import (
	"crypto/rsa"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// signPayPal puts PayPal's signature for a webhook's id into a request.
func signPayPal(t testing.TB, h hook, webhook string, key *rsa.PrivateKey) hook {
	t.Helper()
	sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(h.body))), 10)
	content := h.header.Get("Paypal-Transmission-Id") + "|" + h.header.Get("Paypal-Transmission-Time") + "|" + webhook + "|" + sum
	return place{"header", "Paypal-Transmission-Sig"}.set(t, h, rsaSignature(t, key, false, content))
}

const (
	webhookID     = "WH-1A2B3C4D5E6F7G8H9"
	paypalCertURL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-00000000-example0"
)

func newPayPal(t testing.TB, config *verify.Config) (*verify.Verifier, *fetcher) {
	t.Helper()
	f := &fetcher{documents: map[string]string{paypalCertURL: certificate(t, keysOf("paypal").rsa)}}
	spec, _ := verify.Builtin("paypal")
	if config.Secrets == nil {
		config.Secrets = []string{webhookID}
	}
	v, err := verify.New(spec, config, verify.WithFetcher(f))
	if err != nil {
		t.Fatal(err)
	}
	return v, f
}

// paypalHook is the sample with other headers, given as names and values in
// turn, signed by PayPal.
func paypalHook(t testing.TB, pairs ...string) hook {
	t.Helper()
	spec, _ := verify.Builtin("paypal")
	h := newPreset(t, spec, "secret", "").sample(t)
	for i := 0; i < len(pairs); i += 2 {
		h.header.Set("Paypal-"+pairs[i], pairs[i+1])
	}
	return signPayPal(t, h, webhookID, keysOf("paypal").rsa)
}

// The text that is signed, with the checksum of a body that is well known.
func TestPayPalContent(t *testing.T) {
	const body, sum = "123456789", 0xcbf43926
	v, _ := newPayPal(t, &verify.Config{})
	h := paypalHook(t, "Transmission-Id", "id-1", "Transmission-Time", "2024-05-14T12:00:00Z")
	h.body = body
	content := "id-1|2024-05-14T12:00:00Z|" + webhookID + "|" + strconv.Itoa(sum)
	h.header.Set("Paypal-Transmission-Sig", rsaSignature(t, keysOf("paypal").rsa, false, content))
	h.expect(t, v, "")
}

func TestPayPalAccepts(t *testing.T) {
	v, f := newPayPal(t, &verify.Config{Secrets: []string{"WH-ANOTHER", webhookID}})
	result, refused := paypalHook(t).send(t, v)
	if refused != "" || result.Event != "PAYMENT.CAPTURE.COMPLETED" || result.ID != "WH-EXAMPLE00000000001-EXAMPLE00000000002" ||
		result.Signed != verify.SignedFields || result.Timestamp.IsZero() {
		t.Errorf("%+v, %q", result, refused)
	}
	paypalHook(t).expect(t, v, "")
	f.expect(t, paypalCertURL)

	sandbox := strings.Replace(paypalCertURL, "api.", "api.sandbox.", 1)
	f.documents[sandbox] = certificate(t, keysOf("paypal").rsa)
	paypalHook(t, "Cert-Url", sandbox).expect(t, v, "")
	f.expect(t, sandbox)
}

// The key may be given instead of being fetched, and is then the only one.
func TestPayPalGivenKey(t *testing.T) {
	v, f := newPayPal(t, &verify.Config{Secrets: []string{webhookID, certificate(t, keysOf("paypal").rsa), publicPEM(t, keysOf("next").rsa)}})
	paypalHook(t).expect(t, v, "")
	signPayPal(t, paypalHook(t), webhookID, keysOf("next").rsa).expect(t, v, "")
	signPayPal(t, paypalHook(t), webhookID, keysOf("other").rsa).expect(t, v, verify.BadSignature)
	paypalHook(t, "Cert-Url", "https://evil.example.com/").expect(t, v, "")
	f.expect(t)
	spec, _ := verify.Builtin("paypal")
	for name, secrets := range map[string][]string{
		"no webhook":        {certificate(t, keysOf("").rsa)},
		"an ECDSA key":      {webhookID, publicPEM(t, keysOf("").ecdsa)},
		"an Ed25519 key":    {webhookID, certificate(t, keysOf("").ed25519)},
		"a private key":     {webhookID, privatePEM(t, keysOf("").rsa)},
		"a broken document": {webhookID, "-----BEGIN CERTIFICATE-----\nx"},
	} {
		if _, err := verify.New(spec, &verify.Config{Secrets: secrets}); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}

func TestPayPalRefuses(t *testing.T) {
	changed := func(change func(h *hook)) hook {
		h := paypalHook(t)
		change(&h)
		return h
	}
	header := func(name, value string) hook { return changed(func(h *hook) { h.header.Set("Paypal-"+name, value) }) }
	tests := []refused{
		{"by another key", signPayPal(t, paypalHook(t), webhookID, keysOf("other").rsa), verify.BadSignature},
		{"for another webhook", signPayPal(t, paypalHook(t), "WH-ANOTHER", keysOf("paypal").rsa), verify.BadSignature},
		{"for no webhook", signPayPal(t, paypalHook(t), "", keysOf("paypal").rsa), verify.BadSignature},
		{"another body", changed(func(h *hook) { h.body = strings.Replace(h.body, "42.00", "43.00", 1) }), verify.BadSignature},
		{"another id", header("Transmission-Id", "x"), verify.BadSignature},
		{"another time", header("Transmission-Time", "2026-03-04T09:15:29Z"), verify.BadSignature},
		{"signature that is no base64", header("Transmission-Sig", "!"), verify.BadSignature},
		{"another algorithm", header("Auth-Algo", "SHA1withRSA"), verify.BadSignature},
		{"algorithm in lower case", header("Auth-Algo", "sha256withrsa"), verify.BadSignature},
		{"no algorithm", header("Auth-Algo", "none"), verify.BadSignature},
		{"by GET", changed(func(h *hook) { h.method = "GET" }), verify.BadMethod},
	}
	for _, name := range []string{"Transmission-Id", "Transmission-Time", "Transmission-Sig", "Auth-Algo", "Cert-Url"} {
		at := place{"header", "Paypal-" + name}
		value, _ := at.get(t, paypalHook(t))
		tests = append(tests,
			refused{name + " absent", at.drop(t, paypalHook(t)), verify.MissingSignature},
			refused{name + " empty", at.set(t, paypalHook(t), ""), verify.MissingSignature},
			refused{name + " twice", at.double(t, paypalHook(t), value, value), verify.BadSignature},
			refused{name + " and another", at.double(t, paypalHook(t), value, "x"), verify.BadSignature},
		)
	}
	v, f := newPayPal(t, &verify.Config{})
	checkAll(t, v, tests)
	f.expect(t, paypalCertURL)
}

func TestPayPalCertificateURL(t *testing.T) {
	v, f := newPayPal(t, &verify.Config{})
	for _, url := range []string{
		"x", "http://api.paypal.com/v1/notifications/certs/CERT-1", "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
		"https://evil.example/v1/notifications/certs/CERT-1", "https://api.paypal.com:443/v1/notifications/certs/CERT-1",
		"https://api.paypal.com:8443/v1/notifications/certs/CERT-1", "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
		"https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1", "https://api.paypal.com/v1/notifications/certs/CERT-1?x=y",
		"https://api.paypal.com/", "https://api.paypal.com/v1/notifications/certs", "https://api.paypal.com/v2/notifications/certs/CERT-1",
		"https://api.paypal.com/x/v1/notifications/certs/CERT-1", "https://www.paypal.com/v1/notifications/certs/CERT-1",
		"https://xapi.paypal.com/v1/notifications/certs/CERT-1", "https://api.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1",
		"https://127.0.0.1/v1/notifications/certs/CERT-1", "https://evil.example/#api.paypal.com/v1/notifications/certs/CERT-1",
		"https://evil.example\\@api.paypal.com/v1/notifications/certs/CERT-1", "//api.paypal.com/v1/notifications/certs/CERT-1",
		"file://api.paypal.com/v1/notifications/certs/CERT-1", "/v1/notifications/certs/CERT-1", "https://%zz/", "https://api.paypal.com/v1/notifications/certs/../../../evil",
		"https://api.paypal.com/v1/notifications/certs/%2e%2e/%2e%2e/evil", "https://api.paypal.com/v1/notifications/certs/",
		"https://api.paypal.com/v1/notifications/certs/CERT-1#x",
	} {
		if _, got := paypalHook(t, "Cert-Url", url).send(t, v); got != verify.BadSignature {
			t.Errorf("%q: refused for %q; want bad_signature", url, got)
		}
		if fetched := f.fetched(); len(fetched) > 0 {
			t.Errorf("%q made it fetch %q", url, fetched)
		}
	}
}

func TestPayPalFetches(t *testing.T) {
	for name, document := range map[string]string{
		"nothing": "", "text": "<html>", "an ECDSA certificate": certificate(t, keysOf("paypal").ecdsa), "the certificate of another": certificate(t, keysOf("other").rsa),
	} {
		v, f := newPayPal(t, &verify.Config{})
		f.documents[paypalCertURL] = document
		if _, got := paypalHook(t).send(t, v); got != verify.BadSignature {
			t.Errorf("%s: refused for %q; want bad_signature", name, got)
		}
	}
	v, f := newPayPal(t, &verify.Config{})
	document := f.documents[paypalCertURL]
	delete(f.documents, paypalCertURL)
	h := paypalHook(t)
	h.expect(t, v, verify.KeysUnavailable)
	h.expect(t, v, verify.KeysUnavailable)
	f.documents[paypalCertURL] = document
	h.received = now.Add(time.Minute - 1)
	h.expect(t, v, verify.KeysUnavailable)
	f.expect(t, paypalCertURL)
	h.received = now.Add(time.Minute)
	h.expect(t, v, "")
	h.expect(t, v, "")
	f.expect(t, paypalCertURL)
	h.received = now.Add(26 * time.Hour)
	h.expect(t, v, "")
	f.expect(t, paypalCertURL)
}

// Anybody can name as many certificates as he likes: PayPal's webhooks have
// nothing that is checked before.
func TestPayPalFlood(t *testing.T) {
	v, f := newPayPal(t, &verify.Config{})
	paypalHook(t).expect(t, v, "")
	const forged = 300
	for i := range forged {
		paypalHook(t, "Cert-Url", "https://api.paypal.com/v1/notifications/certs/CERT-"+strconv.Itoa(i)).expect(t, v, verify.KeysUnavailable)
	}
	if n := len(f.fetched()); n > forged/3 {
		t.Errorf("%d forged webhooks made %d fetches", forged, n)
	}
	paypalHook(t).expect(t, v, "")
	if slices.Contains(f.fetched(), paypalCertURL) {
		t.Error("the flood washed the good certificate away")
	}
}

func TestPayPalTolerance(t *testing.T) {
	v, _ := newPayPal(t, &verify.Config{Tolerance: verify.Duration(time.Minute)})
	for skew, want := range map[time.Duration]verify.Reason{
		0: "", time.Minute: "", -time.Minute: "", time.Minute + time.Second: verify.Stale, -time.Minute - time.Second: verify.Stale,
	} {
		paypalHook(t, "Transmission-Time", now.Add(skew).Format(time.RFC3339)).expect(t, v, want)
	}
	signPayPal(t, paypalHook(t), webhookID, keysOf("other").rsa).expect(t, v, verify.BadSignature)
}
