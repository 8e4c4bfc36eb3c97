package interop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// spoilt returns the trials that all providers have.
func (p *provider) spoilt() []trial {
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	good := p.signed(first)
	changed := func(name string, change func(*message)) trial {
		return trial{name: name, message: good.with(change)}
	}
	mac := func(name string, change func(string) string) trial {
		return changed(name, func(m *message) { m.header.Set(p.headers[0], change(m.header.Get(p.headers[0]))) })
	}
	trials := []trial{
		{name: "as it was signed", message: good, good: true},
		{name: "signed with the older secret", message: p.signedBy(p.older, time.Now(), first), secret: p.older, good: true},
		{name: "signed with another secret", message: p.signedBy(p.other, time.Now(), first)},
		changed("first byte of the body changed", func(m *message) { m.body[0] ^= 1 }),
		changed("byte amid the body changed", func(m *message) { m.body[len(m.body)/2] ^= 1 }),
		changed("last byte of the body changed", func(m *message) { m.body[len(m.body)-1] ^= 1 }),
		changed("byte added to the body", func(m *message) { m.body = append(m.body, ' ') }),
		changed("byte put before the body", func(m *message) { m.body = append([]byte{' '}, m.body...) }),
		changed("byte taken off the body", func(m *message) { m.body = m.body[:len(m.body)-1] }),
		changed("no body", func(m *message) { m.body = nil }),
		changed("body of another request", func(m *message) { m.body = []byte(last.body) }),
		changed("signature of another request", func(m *message) {
			m.header.Set(p.headers[0], p.signed(last).header.Get(p.headers[0]))
		}),
		changed("two signature lines, the first is right", func(m *message) { m.header.Add(p.headers[0], "x") }),
		changed("two signature lines, the second is right", func(m *message) {
			m.header[http.CanonicalHeaderKey(p.headers[0])] = []string{"x", m.header.Get(p.headers[0])}
		}),
		mac("empty signature", func(string) string { return "" }),
		mac("signature in quotes", func(s string) string { return `"` + s + `"` }),
		mac("signature is cut", func(s string) string { return s[:len(s)-1] }),
		mac("signature is cut in half", func(s string) string { return s[:len(s)/2] }),
		mac("signature is longer", func(s string) string { return s + "A" }),
		mac("signature in upper case", strings.ToUpper),
	}
	if text := good.header.Get(p.headers[0]); text != strings.ToLower(text) {
		trials = append(trials, mac("signature in lower case", strings.ToLower))
	}
	for i, name := range p.headers {
		trials = append(trials, changed("without "+name, func(m *message) { m.header.Del(name) }))
		if i > 0 {
			trials = append(trials, changed("two lines of "+name, func(m *message) { m.header.Add(name, "x") }))
		}
	}
	if p.timed {
		trials = append(
			trials,
			trial{name: "signed four minutes ago", message: p.signedBy(p.secret, time.Now().Add(-4*time.Minute), first), good: true},
			trial{name: "signed an hour ago", message: p.signedBy(p.secret, time.Now().Add(-time.Hour), first)},
			trial{name: "signed an hour ahead", message: p.signedBy(p.secret, time.Now().Add(time.Hour), first)},
			trial{name: "signed in 1970", message: p.signedBy(p.secret, time.Unix(1, 0), first)},
		)
	}
	return trials
}

// sweep changes each byte of the signature's headers and of the body. What the
// library refuses must be refused: nothing that Caddy lets pass may be less
// than what the provider has signed.
func (p *provider) sweep(t *testing.T) {
	good := p.signed(p.samples[0])
	var sent, malformed, stricter int
	try := func(what string, m message) {
		sent++
		byLibrary := p.verify(p.secret, m) == nil
		a := m.send(t)
		switch {
		case a.status == answered && !byLibrary:
			t.Errorf("%s: Caddy lets pass what the library refuses", what)
		case a.status == answered:
		case len(a.app) > 0:
			t.Errorf("%s: the app got it", what)
		case byLibrary:
			stricter++
		case a.status == http.StatusBadRequest && p.fields:
			malformed++
		case a.status != http.StatusUnauthorized:
			t.Errorf("%s: Caddy answered %d %q; want 401", what, a.status, a.text)
		}
	}
	for _, name := range p.headers {
		value := good.header.Get(name)
		for i := range len(value) {
			for _, c := range "0f ,;=" {
				if byte(c) == value[i] {
					continue
				}
				edited := value[:i] + string(c) + value[i+1:]
				try(fmt.Sprintf("%s: %q", name, edited), good.with(func(m *message) { m.header.Set(name, edited) }))
			}
		}
	}
	for i := range good.body {
		try(fmt.Sprintf("byte %d of the body", i), good.with(func(m *message) { m.body[i] ^= 1 }))
	}
	t.Logf("%d changed requests: %d malformed, %d refused by Caddy only", sent, malformed, stricter)
}
