package token

import (
	"container/heap"
	"net/netip"
	"sync"
	"time"
)

// How often an address may fail for a client: ten times at once, and then once a
// minute.
const (
	failureBurst = 10
	failureEvery = time.Minute
)

// maxFailing is how many pairs of address and client are remembered: so many of
// clients that exist, and so many of ids that do not.
const maxFailing = 16_384

// Limiter bounds how fast credentials can be guessed. It holds back a pair of
// address and client that keeps failing, whatever it sends, and nobody else:
// another client at that address, and that client elsewhere, are other pairs. It
// is safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	known   failing // of clients that exist
	unknown failing // of ids that do not, which are one client for each address
}

// NewLimiter returns a Limiter that has seen nobody fail.
func NewLimiter() *Limiter {
	return &Limiter{known: newFailing(), unknown: newFailing()}
}

// Guess looks for the client whose credentials are among those that a request may
// mean, as Clients.Match does, but compares none of a pair that is held back: if
// there are no others, wait says how long it is. Many requests at once cannot get
// ahead of the count. IPv6 addresses count by their network of 64 bits, which is
// what one sender has.
func (l *Limiter) Guess(
	issuer string, clients *Clients, sent []Credentials, address netip.Addr, now time.Time,
) (client *Client, right bool, wait time.Duration) {
	from := network(address)
	l.mu.Lock()
	defer l.mu.Unlock()
	var compared []Credentials
	var pairs []pair
	for _, credentials := range sent {
		who := pair{issuer, clients.existing(credentials.ID), from}
		if held := l.of(who).held(who, now); held > 0 {
			wait = max(wait, held)
			continue
		}
		compared, pairs = append(compared, credentials), append(pairs, who)
	}
	if len(compared) == 0 {
		return nil, false, wait
	}
	if client, right = clients.Match(compared); right {
		return client, true, 0
	}
	for i, who := range pairs {
		if i == 0 || who != pairs[i-1] {
			l.of(who).fail(who, now)
		}
	}
	return client, false, 0
}

func (l *Limiter) of(who pair) *failing {
	if who.client == "" {
		return &l.unknown
	}
	return &l.known
}

// pair is who fails.
type pair struct {
	issuer, client string // the client is empty where there is none with the id
	address        netip.Prefix
}

// failing are pairs that have failed of late, no more than maxFailing. For another
// one the pair with the least failures is forgotten, so that those who are held
// back stay so while others fail from many addresses.
type failing struct {
	byPair  map[pair]*failures
	byUntil leastFirst
}

// failures says how many more there may be: as many as have been spared.
type failures struct {
	of    pair
	until time.Time // when all of them are spared
	index int       // in the heap
}

func newFailing() failing { return failing{byPair: make(map[pair]*failures)} }

// held returns how long a pair is held back; it is zero if it is not.
func (f *failing) held(who pair, now time.Time) time.Duration {
	state := f.byPair[who]
	if state == nil {
		return 0
	}
	f.forgive(state, now)
	return max(0, state.until.Add(failureEvery).Sub(now)-failureBurst*failureEvery)
}

// fail counts a failure.
func (f *failing) fail(who pair, now time.Time) {
	state := f.byPair[who]
	if state == nil {
		if len(f.byPair) >= maxFailing {
			delete(f.byPair, heap.Pop(&f.byUntil).(*failures).of)
		}
		state = &failures{of: who, until: now}
		f.byPair[who] = state
		heap.Push(&f.byUntil, state)
	}
	f.forgive(state, now)
	f.set(state, state.until.Add(failureEvery))
}

// forgive forgets what has been spared, and, where the clock was set back, what
// would take too long.
func (f *failing) forgive(state *failures, now time.Time) {
	if state.until.Before(now) {
		f.set(state, now)
	} else if longest := now.Add(failureBurst * failureEvery); state.until.After(longest) {
		f.set(state, longest)
	}
}

func (f *failing) set(state *failures, until time.Time) {
	state.until = until
	heap.Fix(&f.byUntil, state.index)
}

// leastFirst is a heap of failures, with the least in front. It implements
// heap.Interface.
type leastFirst []*failures

func (h leastFirst) Len() int           { return len(h) }
func (h leastFirst) Less(i, j int) bool { return h[i].until.Before(h[j].until) }

func (h leastFirst) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push adds failures.
func (h *leastFirst) Push(x any) {
	added := x.(*failures)
	added.index = len(*h)
	*h = append(*h, added)
}

// Pop removes the last ones.
func (h *leastFirst) Pop() any {
	last := len(*h) - 1
	removed := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return removed
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
