package token

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limited is a Limiter in front of two clients.
type limited struct {
	*Limiter
	clients *Clients
}

func newLimited() limited {
	return limited{NewLimiter(), NewClients([]Client{{ID: "a", Secret: "right"}, {ID: "b", Secret: "right"}})}
}

// guess sends one pair of credentials, and returns what becomes of it: "right",
// "wrong", or how long it is held back.
func (l limited) guess(id, secret, address string, after time.Duration) string {
	from, _ := netip.ParseAddr(address)
	_, right, wait := l.Guess("acme", l.clients, []Credentials{{id, secret}}, from, at.Add(after))
	switch {
	case wait > 0:
		return wait.String()
	case right:
		return "right"
	}
	return "wrong"
}

// fail fails as often as is allowed at once.
func (l limited) fail(id, address string) {
	for range failureBurst {
		l.guess(id, "wrong", address, 0)
	}
}

func TestLimiter(t *testing.T) {
	l := newLimited()
	for i := range failureBurst {
		if got := l.guess("a", fmt.Sprint(i), "192.0.2.1", 0); got != "wrong" {
			t.Fatalf("failure %d: %s", i+1, got)
		}
	}
	l.fail("nobody", "192.0.2.9")
	l.fail("a", "2001:db8::1")
	for _, test := range []struct {
		name, id, secret, address string
		after                     time.Duration
		want                      string
	}{
		{"wrong again", "a", "wrong", "192.0.2.1", 0, "1m0s"},
		{"right, too late", "a", "right", "192.0.2.1", 0, "1m0s"},
		{"a moment too early", "a", "right", "192.0.2.1", failureEvery - time.Second, "1s"},
		{"the same address in another form", "a", "right", "::ffff:192.0.2.1", 0, "1m0s"},
		{"another client there", "b", "right", "192.0.2.1", 0, "right"},
		{"the client elsewhere", "a", "right", "192.0.2.2", 0, "right"},
		{"no address", "a", "right", "", 0, "right"},
		{"an id that nobody has", "nobody", "right", "192.0.2.1", 0, "wrong"},
		{"any such id of an address", "nobody else", "right", "192.0.2.9", 0, "1m0s"},
		{"a client where such ids are held back", "a", "right", "192.0.2.9", 0, "right"},
		{"the same network", "a", "right", "2001:db8::ffff:2", 0, "1m0s"},
		{"another network", "a", "right", "2001:db8:0:1::1", 0, "right"},
		{"after the time that was said", "a", "right", "192.0.2.1", failureEvery, "right"},
		{"one more failure", "a", "wrong", "192.0.2.1", failureEvery, "wrong"},
		{"and held back again", "a", "right", "192.0.2.1", failureEvery, "1m0s"},
		{"much later", "a", "wrong", "192.0.2.1", time.Hour, "wrong"},
		{"with all of the burst there", "a", "right", "192.0.2.1", time.Hour, "right"},
		{"the clock set back", "a", "right", "2001:db8::1", -time.Hour, "1m0s"},
	} {
		if got := l.guess(test.id, test.secret, test.address, test.after); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if _, right, wait := l.Guess("other", l.clients, []Credentials{{"b", "right"}}, netip.Addr{}, at); !right || wait != 0 {
		t.Error("another issuer is held back")
	}
	if _, _, wait := l.Guess("acme", l.clients, nil, netip.MustParseAddr("192.0.2.9"), at); wait != 0 {
		t.Error("no credentials are a guess")
	}
}

// All of four digits are tried from one address: the right ones are not found.
func TestGuessingIsBounded(t *testing.T) {
	l := limited{NewLimiter(), NewClients([]Client{{ID: "a", Secret: "0739"}})}
	compared := 0
	for i := range 10_000 {
		switch l.guess("a", fmt.Sprintf("%04d", i), "192.0.2.1", time.Duration(i)*time.Millisecond) {
		case "right":
			t.Fatalf("found after %d", i)
		case "wrong":
			compared++
		}
	}
	if compared != failureBurst {
		t.Errorf("%d were compared in ten seconds", compared)
	}
}

// Requests at the same time are counted before the next one is compared.
func TestGuessingAtOnce(t *testing.T) {
	l := newLimited()
	var compared atomic.Int64
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			if l.guess("a", fmt.Sprint(i), "192.0.2.1", 0) == "wrong" {
				compared.Add(1)
			}
		})
	}
	group.Wait()
	if compared.Load() != failureBurst {
		t.Errorf("%d were compared", compared.Load())
	}
}

// Failures from more addresses than are remembered take no more memory, and set
// nobody free who is held back.
func TestLimiterIsBounded(t *testing.T) {
	l := newLimited()
	l.fail("a", "203.0.113.1")
	l.fail("nobody", "203.0.113.1")
	for i := range 2 * maxFailing {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], uint32(i))
		address := netip.AddrFrom4(bytes).String()
		l.guess("a", "wrong", address, time.Second)
		l.guess(address, "wrong", address, time.Second)
	}
	for name, f := range map[string]*failing{"known": &l.known, "unknown": &l.unknown} {
		if len(f.byPair) != maxFailing || len(f.byUntil) != maxFailing {
			t.Errorf("%d and %d %s pairs are remembered", len(f.byPair), len(f.byUntil), name)
		}
	}
	for _, id := range []string{"a", "nobody"} {
		if got := l.guess(id, "right", "203.0.113.1", time.Second); got != "59s" {
			t.Errorf("%s: %s", id, got)
		}
	}
	// One address with many ids has one place.
	before := len(l.unknown.byPair)
	for i := range 100 {
		l.guess(fmt.Sprint("id-", i), "wrong", "203.0.113.1", time.Hour)
	}
	if len(l.unknown.byPair) > before {
		t.Error("many ids take much memory")
	}
}
