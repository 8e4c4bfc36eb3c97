package interop

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
)

// vendor joins a preset with the library of its maker where the scheme needs no
// trials of its own: caddy webhooks send signs, and the library says whether that
// is right.
type vendor struct {
	preset string
	verify func(secret string, m message) error // the library's verdict

	// A change of the body can go unnoticed, for only fields are signed.
	part bool
}

// The secrets of all vendors, as those of provider.
const (
	vendorSecret = "interop-secret-0123456789abcdef"
	vendorOlder  = "interop-older-0123456789abcdef"
	vendorOther  = "interop-other-0123456789abcdef"
)

func TestVendors(t *testing.T) {
	for _, v := range vendors {
		t.Run(v.preset, v.run)
	}
}

func (v *vendor) run(t *testing.T) {
	good := v.signed(t, vendorSecret)
	v.requirePassed(t, vendorSecret, good)
	v.requirePassed(t, vendorOlder, v.signed(t, vendorOlder))
	v.requireRefused(t, "signed with another secret", v.signed(t, vendorOther))
	v.requireRefused(t, "spoilt by send", v.signed(t, vendorSecret, "--tamper"))
	noticed := 0
	for i := range good.body {
		spoilt := good.with(func(m *message) { m.body[i] ^= 1 })
		if v.verify(vendorSecret, spoilt) != nil {
			noticed++
			v.requireRefused(t, fmt.Sprintf("byte %d of the body", i), spoilt)
		}
	}
	if all := len(good.body); noticed == 0 || v.part == (noticed == all) {
		t.Errorf("the library notices %d of %d changes; part is %v", noticed, all, v.part)
	}
	for name := range good.header {
		for i := range len(good.header.Get(name)) {
			spoilt := good.with(func(m *message) {
				value := []byte(m.header.Get(name))
				value[i] ^= 1
				m.header.Set(name, string(value))
			})
			if v.verify(vendorSecret, spoilt) != nil {
				v.requireRefused(t, fmt.Sprintf("byte %d of %s", i, name), spoilt)
			}
		}
		spoilt := good.with(func(m *message) { m.header.Del(name) })
		if v.verify(vendorSecret, spoilt) != nil {
			v.requireRefused(t, "without "+name, spoilt)
		}
	}
}

// signed returns the vendor's sample as caddy webhooks send signs it.
func (v *vendor) signed(t *testing.T, secret string, more ...string) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append([]string{"webhooks", "send", v.preset, "--secret", secret, "--to", "http://" + app.address() + "/" + v.preset}, more...)
	if output, err := exec.CommandContext(ctx, binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got := app.take()
	if len(got) != 1 {
		t.Fatalf("%d requests were sent; want one", len(got))
	}
	for _, name := range []string{"Content-Length", "Accept-Encoding", "User-Agent"} {
		got[0].header.Del(name)
	}
	return got[0]
}

// requirePassed checks that library and Caddy accept a message, and that the
// library accepts what the app got.
func (v *vendor) requirePassed(t *testing.T, secret string, m message) {
	t.Helper()
	if err := v.verify(secret, m); err != nil {
		t.Fatalf("the library refuses it: %v", err)
	}
	if err := v.verify(secret, m.send(t).requirePassed(t, m)); err != nil {
		t.Errorf("the library refuses what the app got: %v", err)
	}
}

// requireRefused checks that library and Caddy refuse a message. Caddy's status
// says why; the app gets nothing.
func (v *vendor) requireRefused(t *testing.T, what string, m message) {
	t.Helper()
	if v.verify(vendorSecret, m) == nil {
		t.Errorf("%s: the library accepts it", what)
	}
	a := m.send(t)
	if a.status != 400 && a.status != 401 || len(a.app) > 0 {
		t.Errorf("%s: Caddy answered %d %q, and the app got %d requests", what, a.status, a.text, len(a.app))
	}
}
