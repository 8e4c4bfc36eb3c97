package token

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := NewLimiter()
	here := netip.MustParseAddr("192.0.2.1")
	fail := func(client string, address netip.Addr, after time.Duration) time.Duration {
		return l.Fail("acme", client, address, at.Add(after))
	}
	for i := range failureBurst {
		if wait := fail("a", here, 0); wait != 0 {
			t.Fatalf("failure %d waits %s", i+1, wait)
		}
	}
	if wait := fail("a", here, 0); wait != failureEvery {
		t.Errorf("wait is %s, want %s", wait, failureEvery)
	}
	if wait := fail("a", here, failureEvery-time.Second); wait != time.Second {
		t.Errorf("wait is %s, want 1s", wait)
	}
	if wait := fail("a", here, failureEvery); wait != 0 {
		t.Errorf("after the time that was said, wait is %s", wait)
	}
	if wait := fail("a", netip.MustParseAddr("::ffff:192.0.2.1"), failureEvery); wait == 0 {
		t.Error("the same address in another form is not limited")
	}
	for name, wait := range map[string]time.Duration{
		"other client":  fail("b", here, failureEvery),
		"other address": fail("a", netip.MustParseAddr("192.0.2.2"), failureEvery),
		"no address":    fail("a", netip.Addr{}, failureEvery),
		"other issuer":  l.Fail("b", "a", here, at),
		"much later":    fail("a", here, time.Hour),
		"clock set back": func() time.Duration {
			fail("c", here, time.Hour)
			return fail("c", here, -time.Hour)
		}(),
	} {
		if wait != 0 {
			t.Errorf("%s waits %s", name, wait)
		}
	}
	for range failureBurst {
		fail("a", netip.MustParseAddr("2001:db8::1"), 0)
	}
	if wait := fail("a", netip.MustParseAddr("2001:db8::ffff:2"), 0); wait == 0 {
		t.Error("another address of the same network is not limited")
	}
	if wait := fail("a", netip.MustParseAddr("2001:db8:0:1::1"), 0); wait != 0 {
		t.Error("another network is limited")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l := NewLimiter()
	recent := netip.MustParseAddr("203.0.113.1")
	for i := range 2 * maxFailing {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], uint32(i))
		l.Fail("acme", strconv.Itoa(i%7), netip.AddrFrom4(bytes), at)
		if i > maxFailing && i%maxFailing < failureBurst {
			l.Fail("acme", "a", recent, at)
		}
	}
	if len(l.known) != maxFailing || l.order.Len() != maxFailing {
		t.Errorf("%d and %d are remembered", len(l.known), l.order.Len())
	}
}
