package token

import (
	"container/list"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// How often an address may fail for a client: five times at once, and then once
// in twelve seconds.
const (
	failureBurst = 5
	failureEvery = 12 * time.Second
)

// maxFailing is how many pairs of address and client a Limiter remembers. The
// one that failed longest ago is forgotten for another.
const maxFailing = 10_000

// Limiter counts wrong credentials by address and client. Right ones are not
// its business, so that nobody can lock a client out. It is safe for
// concurrent use.
type Limiter struct {
	mu    sync.Mutex
	known map[failing]*list.Element
	order *list.List // of *failures, those that failed last in front
}

// failing is who failed. The client is chosen by the sender, so it is kept as
// a digest, whose size is known.
type failing struct {
	address netip.Prefix
	client  [sha256.Size]byte
}

// failures says how many more there may be: as many as have been spared since
// a time.
type failures struct {
	of    failing
	spent time.Time // when all of the burst is there again
}

// NewLimiter returns a Limiter that has seen nobody fail.
func NewLimiter() *Limiter {
	return &Limiter{known: make(map[failing]*list.Element), order: list.New()}
}

// Fail counts a failure. If there were too many it returns how long the sender
// has to wait, else zero. IPv6 addresses count by their network of 64 bits,
// which is what one sender has.
func (l *Limiter) Fail(issuer, client string, address netip.Addr, now time.Time) time.Duration {
	who := failing{network(address), sha256.Sum256([]byte(issuer + "\x00" + client))}
	l.mu.Lock()
	defer l.mu.Unlock()
	element, ok := l.known[who]
	if !ok {
		if l.order.Len() >= maxFailing {
			delete(l.known, l.order.Remove(l.order.Back()).(*failures).of)
		}
		element = l.order.PushFront(&failures{of: who})
		l.known[who] = element
	}
	l.order.MoveToFront(element)
	state := element.Value.(*failures)
	if state.spent.Before(now) || state.spent.After(now.Add(failureBurst*failureEvery)) { // or the clock was set back
		state.spent = now
	}
	next := state.spent.Add(failureEvery)
	if wait := next.Sub(now) - failureBurst*failureEvery; wait > 0 {
		return wait
	}
	state.spent = next
	return 0
}

func network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil { // no address is known
		return netip.Prefix{}
	}
	return prefix
}
