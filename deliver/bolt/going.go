package bolt

import (
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// going leases what an Append stores while an attempt of it is still being made.
//
// The goroutine that commits makes the leases before the transaction is over, so
// that nobody claims the deliveries first. Who appends may have stopped waiting
// by then: whichever of the two comes last sees to it that no lease is left
// without an owner.
type going struct {
	store  *Store
	record *deliver.Record
	now    time.Time

	mu     sync.Mutex
	ended  bool // the caller has stopped waiting
	leased []*lease
	tell   []func()
}

// lease leases a delivery, unless somebody else has it. It is called within the
// transaction.
func (g *going) lease(target *deliver.Target, at slot) {
	if target.Lease == nil || target.Dead != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	l := &lease{at, held{target.Destination, laneOf(target.Lane)}}
	if !g.store.acquire(l) {
		return
	}
	d := target.Going(g.record, g.now)
	d.Lease = l
	g.leased = append(g.leased, l)
	g.tell = append(g.tell, func() { target.Lease(d) })
}

// end hands over the leases, or ends them if the record was not stored in time.
func (g *going) end(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if err == nil {
		for _, tell := range g.tell {
			tell()
		}
		return
	}
	for _, l := range g.leased {
		g.store.free(l)
	}
}
