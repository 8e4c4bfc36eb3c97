package diagnose_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
)

// delivery is what a made-up provider sends.
type delivery struct {
	id, time, event, body string
	uri                   string
	fields                map[string]string // of the body
}

// deliveries returns two that differ in all that differs from one to the next.
func deliveries() (first, second delivery) {
	make := func(n int) delivery {
		d := delivery{
			id: fmt.Sprintf("dlv_%08x", 0xbeef*n), time: fmt.Sprint(1767225600 + 77*n), event: "order.paid", uri: "/in/acme?tenant=7",
			fields: map[string]string{
				"reference": fmt.Sprintf("R-%d", 1000+n), "status": []string{"PAID", "SENT"}[n%2], "amount": fmt.Sprint(1250 * n),
				"updated_at": fmt.Sprintf("2026-01-0%dT10:00:00Z", n),
			},
		}
		d.body = fmt.Sprintf(`{"reference": "%s", "status": "%s", "amount": %s, "updated_at": "%s", "customer": {"name": "Zoë <z/%d>", "city": "Bogotá"}, "lines": [{"sku": "A%d"}]}`,
			d.fields["reference"], d.fields["status"], d.fields["amount"], d.fields["updated_at"], n, n)
		return d
	}
	return make(1), make(2)
}

// scheme is how a made-up provider signs.
type scheme struct {
	hash    string
	key     string // hex, base64, whsec or as it is
	digest  bool
	write   string // hex, base64, base64url
	carry   string // where the signature goes; %s is the code, %t the time
	content func(d delivery, method, url, secret string) string
}

var newHashes = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// secretOf returns a secret and the key that it stands for.
func (s *scheme) secret() (secret string, key []byte) {
	raw := sha256.Sum256([]byte("key of " + s.hash))
	switch s.key {
	case "hex":
		return hex.EncodeToString(raw[:]), raw[:]
	case "base64":
		return base64.StdEncoding.EncodeToString(raw[:]), raw[:]
	case "whsec":
		return "whsec_" + base64.StdEncoding.EncodeToString(raw[:]), raw[:]
	default:
		return "a secret, with %s and \"quotes\"", []byte("a secret, with %s and \"quotes\"")
	}
}

// send makes the request of a delivery.
func (s *scheme) send(d delivery) *diagnose.Request {
	const host = "hooks.example.com"
	secret, key := s.secret()
	h := newHashes[s.hash]()
	if !s.digest {
		h = hmac.New(newHashes[s.hash], key)
	}
	h.Write([]byte(s.content(d, "POST", "https://"+host+d.uri, secret)))
	code := h.Sum(nil)
	text := map[string]func([]byte) string{
		"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString, "base64url": base64.RawURLEncoding.EncodeToString,
		"HEX": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	}[s.write](code)
	sum := sha256.Sum256([]byte(d.body))
	header := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Acme/1.0"}, "Accept": {"*/*"},
		"X-Acme-Delivery": {d.id}, "X-Acme-Event": {d.event}, "X-Acme-Content-Sha256": {hex.EncodeToString(sum[:])},
	}
	if !strings.Contains(s.carry, "%t") {
		header.Set("X-Acme-Timestamp", d.time)
	}
	value := strings.NewReplacer("%s", text, "%t", d.time).Replace(s.carry)
	target, _ := url.Parse("//" + host + d.uri)
	if code, inQuery := strings.CutPrefix(value, "?"); inQuery {
		target.RawQuery += "&signature=" + url.QueryEscape(code)
	} else {
		header.Set("X-Acme-Signature", value)
	}
	return &diagnose.Request{Method: "POST", URL: target, Header: header, Body: []byte(d.body), Received: time.Unix(1767225700, 0)}
}

// contents are what made-up providers sign.
var contents = map[string]func(d delivery, method, url, secret string) string{
	"body":                 func(d delivery, _, _, _ string) string { return d.body },
	"time.body":            func(d delivery, _, _, _ string) string { return d.time + "." + d.body },
	"time:body":            func(d delivery, _, _, _ string) string { return d.time + ":" + d.body },
	"time|body":            func(d delivery, _, _, _ string) string { return d.time + "|" + d.body },
	"time body":            func(d delivery, _, _, _ string) string { return d.time + d.body },
	"body time":            func(d delivery, _, _, _ string) string { return d.body + d.time },
	"time newline body":    func(d delivery, _, _, _ string) string { return d.time + "\n" + d.body },
	"id.time.body":         func(d delivery, _, _, _ string) string { return d.id + "." + d.time + "." + d.body },
	"time.id.body":         func(d delivery, _, _, _ string) string { return d.time + "." + d.id + "." + d.body },
	"id-time-body":         func(d delivery, _, _, _ string) string { return d.id + "-" + d.time + "-" + d.body },
	"v1:time:body":         func(d delivery, _, _, _ string) string { return "v1:" + d.time + ":" + d.body },
	"v0.time.body":         func(d delivery, _, _, _ string) string { return "v0." + d.time + "." + d.body },
	"url body":             func(d delivery, _, u, _ string) string { return u + d.body },
	"body url":             func(d delivery, _, u, _ string) string { return d.body + u },
	"url.time.body":        func(d delivery, _, u, _ string) string { return u + "." + d.time + "." + d.body },
	"method url body":      func(d delivery, m, u, _ string) string { return m + u + d.body },
	"method url body time": func(d delivery, m, u, _ string) string { return m + u + d.body + d.time },
	"url":                  func(_ delivery, _, u, _ string) string { return u },
	"lines":                func(d delivery, m, _, _ string) string { return m + "\n" + d.uri + "\n" + d.time + "\n" + d.body },
	"lines with id": func(d delivery, m, _, _ string) string {
		return m + "\n" + d.uri + "\n" + d.time + "\n" + d.id + "\n" + d.body + "\n"
	},
	"lines with path": func(d delivery, m, _, _ string) string { return m + "\n/in/acme\n" + d.time + "\n" + d.body },
	"lines with body's hash": func(d delivery, m, _, _ string) string {
		return m + "\n" + d.uri + "\n" + d.time + "\n" + hashed(d.body)
	},
	"time method uri body": func(d delivery, m, _, _ string) string { return d.time + m + d.uri + d.body },
	"headers":              func(d delivery, _, _, _ string) string { return d.event + ":" + d.id + ":" + d.time },
	"time newline id newline body newline": func(d delivery, _, _, _ string) string {
		return d.time + "\n" + d.id + "\n" + d.body + "\n"
	},
	"one field":      func(d delivery, _, _, _ string) string { return d.fields["reference"] },
	"two fields":     func(d delivery, _, _, _ string) string { return d.fields["status"] + "|" + d.fields["reference"] },
	"three fields":   func(d delivery, _, _, _ string) string { return pick(d, "&", "reference", "updated_at", "status") },
	"bare fields":    func(d delivery, _, _, _ string) string { return pick(d, "", "reference", "status", "amount") },
	"lines of three": func(d delivery, _, _, _ string) string { return pick(d, "\n", "amount", "status", "reference") },
	"comma fields": func(d delivery, _, _, _ string) string {
		return pick(d, ",", "status", "amount", "updated_at", "reference")
	},
	"time and fields": func(d delivery, _, _, _ string) string {
		return d.time + ":" + pick(d, ":", "reference", "amount")
	},
	"inner field": func(d delivery, _, _, _ string) string {
		return d.fields["reference"] + "." + strings.Split(strings.SplitN(d.body, `"sku": "`, 2)[1], `"`)[0]
	},
	"sorted pairs": func(d delivery, _, _, _ string) string {
		return "amount=" + d.fields["amount"] + "&reference=" + d.fields["reference"] + "&status=" + d.fields["status"] +
			"&updated_at=" + d.fields["updated_at"]
	},
	"pairs": func(d delivery, _, _, _ string) string {
		return "reference" + d.fields["reference"] + "status" + d.fields["status"] + "amount" + d.fields["amount"]
	},
	"prefix body": func(d delivery, _, _, _ string) string { return "hmacsha256=" + d.body },
}

// digests are what made-up providers hash together with the secret.
var digests = map[string]func(d delivery, method, url, secret string) string{
	"secret body":      func(d delivery, _, _, s string) string { return s + d.body },
	"body secret":      func(d delivery, _, _, s string) string { return d.body + s },
	"body.secret":      func(d delivery, _, _, s string) string { return d.body + "." + s },
	"secret time body": func(d delivery, _, _, s string) string { return s + d.time + d.body },
	"secret method url body": func(d delivery, m, u, s string) string {
		return s + m + u + d.body
	},
	"fields secret": func(d delivery, _, _, s string) string {
		return pick(d, "|", "reference", "status", "amount", "updated_at") + "|" + s
	},
	"pairs and key": func(d delivery, _, _, s string) string {
		return "amount=" + d.fields["amount"] + "&reference=" + d.fields["reference"] + "&status=" + d.fields["status"] +
			"&updated_at=" + d.fields["updated_at"] + "&key=" + s
	},
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func pick(d delivery, separator string, names ...string) string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = d.fields[name]
	}
	return strings.Join(values, separator)
}

// TestSchemes finds providers that nobody knows from one delivery, and makes
// sure that what is found holds for the next.
func TestSchemes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same every time
	choose := func(list ...string) string { return list[random.IntN(len(list))] }
	try := func(name string, digest bool, content func(d delivery, method, url, secret string) string) {
		s := scheme{
			hash: choose("sha1", "sha256", "sha384", "sha512"), key: choose("", "hex", "base64", "whsec"), digest: digest,
			write: choose("hex", "HEX", "base64", "base64url"), content: content,
			carry: choose("%s", "sha256=%s", "v1=%s", "v1,%s", "HMAC-SHA256 %s", "Bearer %s", "t=%t,v1=%s", "ts=%t; sig=%s", "%t,%s", "timestamp:%t|s:%s", "v0=bad,s=%s"),
		}
		if digest {
			s.key = ""
		}
		if s.hash == "sha384" {
			s.write = "hex" // its base64 needs no padding, so one delivery does not show which of the two it is
		}
		if strings.Contains(s.carry, "v0=bad,") && s.write == "base64" {
			s.carry = "%s" // its equals signs would be ambiguous
		}
		if !strings.Contains(name, "url") && !strings.Contains(name, "lines") && !strings.Contains(name, "uri") && random.IntN(6) == 0 {
			s.carry = "?%s"
		}
		t.Run(name+" "+s.hash+" "+s.key+" "+s.write+" "+s.carry, func(t *testing.T) { s.check(t) })
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		try(name, false, contents[name])
	}
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		try(name, true, digests[name])
	}
}

func (s *scheme) check(t *testing.T) {
	secret, _ := s.secret()
	first, second := deliveries()
	r := s.send(first)
	start := time.Now()
	d, err := diagnose.Find(r, &diagnose.Input{Secrets: []string{"another secret", secret}})
	t.Log(time.Since(start))
	if err != nil || d.Finding == nil {
		t.Fatalf("not found: %v %q", err, d.Notes())
	}
	if notes := strings.Join(d.Notes(), "\n"); strings.Contains(notes, secret) {
		t.Errorf("the notes show the secret: %s", notes)
	}
	for _, r := range []*diagnose.Request{r, s.send(second)} {
		if outcome := prove(t, d, secret, r, r.Received); outcome != "accepted" {
			t.Errorf("the proposed configuration refuses %s: %s\n%s", r.Header.Get("X-Acme-Delivery"), outcome, d.Caddyfile())
		}
	}
}
