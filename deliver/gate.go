package deliver

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits say how a destination is spared. What is zero is not limited, save
// Concurrency.
type Limits struct {
	// Concurrency is how many attempts are made at a time, first ones included. 0 is
	// the constant Concurrency for what was stored, and any number of first ones.
	Concurrency int

	// Rate is how many attempts begin in the time Per, evenly.
	Rate int
	Per  time.Duration

	// BreakAfter is after how many failed attempts in a row there is only one in
	// the time BreakPause, until one of them does not fail.
	BreakAfter int
	BreakPause time.Duration
}

// Concurrency is how many attempts of what was stored are made at a destination at
// a time, where its Limits say nothing else.
const Concurrency = 16

// maxUnsettled is how many outcomes of a destination may be on their way into the
// store. It is more than an engine takes at a time.
const maxUnsettled = 1024

// Gate lets attempts of a destination begin as its Limits say: those of a Runner,
// and first attempts of what is not stored. Several Runners may share one, as
// before and after a reload, which does not close a breaker.
//
// A Runner asks room how many may begin, claims so many, and then has each of them
// begin, since first attempts may have begun meanwhile, or the breaker may have
// opened. What may not begin after all is released. Nothing of that waits with a
// delivery in its hands.
//
// The breaker is closed (open is zero), or open. Then one attempt begins when pause
// is over: the probe. If it fails there is another pause; any attempt that does not
// fail closes the breaker.
type Gate struct {
	mu        sync.Mutex
	limits    Limits
	limiter   *rate.Limiter // nil: any rate
	told      func(down bool, failure Failure)
	changed   chan struct{} // closed when more may begin
	running   int           // attempts that count
	unsettled int           // outcomes that are not in the store
	failed    int           // attempts in a row
	open      time.Time     // since when the breaker is open
	pause     time.Time     // until when nothing begins while it is
	probing   bool
}

// NewGate makes the gate of a destination.
func NewGate(limits Limits) *Gate {
	g := &Gate{changed: make(chan struct{})}
	g.SetLimits(limits, nil)
	return g
}

// SetLimits changes the limits, and who is told when the breaker opens and closes,
// if anybody is.
func (g *Gate) SetLimits(limits Limits, told func(down bool, failure Failure)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case limits.Rate <= 0:
		g.limiter = nil
	case limits.Rate != g.limits.Rate || limits.Per != g.limits.Per:
		// A tenth of a second's worth may begin together, so that timers do not
		// bound the rate.
		burst := max(1, int(float64(limits.Rate)*float64(100*time.Millisecond)/float64(limits.Per)))
		g.limiter = rate.NewLimiter(rate.Limit(float64(limits.Rate)/limits.Per.Seconds()), burst)
	}
	g.limits, g.told = limits, told
	if limits.BreakAfter <= 0 {
		g.open = time.Time{}
	}
	g.wake()
}

// wake has those look again who wait for room. The gate is locked.
func (g *Gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Down reports whether the breaker is open.
func (g *Gate) Down() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.open.IsZero()
}

// Reset closes the breaker, as an operator does who knows that the app is well.
func (g *Gate) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed = 0
	g.close()
	g.wake()
}

// close closes the breaker. The gate is locked.
func (g *Gate) close() {
	if g.open.IsZero() {
		return
	}
	g.open, g.probing = time.Time{}, false
	if g.told != nil {
		go g.told(false, Failure{})
	}
}

// Pass is an attempt that has begun.
type Pass struct {
	gate    *Gate
	counted bool // it counts in Concurrency
	probe   bool
}

// First begins the first attempt of what is not stored, if one may begin now.
func (g *Gate) First() (*Pass, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.begin(g.limits.Concurrency > 0)
}

// begin begins an attempt, if one may begin now. The gate is locked.
func (g *Gate) begin(counted bool) (*Pass, bool) {
	now := time.Now()
	if counted && g.running >= g.concurrency() || !g.open.IsZero() && (g.probing || now.Before(g.pause)) {
		return nil, false
	}
	if g.limiter != nil && !g.limiter.AllowN(now, 1) {
		return nil, false
	}
	p := &Pass{gate: g, counted: counted, probe: !g.open.IsZero()}
	if counted {
		g.running++
	}
	g.probing = g.probing || p.probe
	return p, true
}

func (g *Gate) concurrency() int {
	if g.limits.Concurrency > 0 {
		return g.limits.Concurrency
	}
	return Concurrency
}

// End says how an attempt has ended.
func (p *Pass) End(outcome Outcome) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	p.leave()
	switch {
	case outcome.Verdict != Failed:
		g.failed = 0
		g.close()
	case !g.open.IsZero():
		if p.probe {
			g.pause = time.Now().Add(g.limits.BreakPause)
		}
	default:
		if g.failed++; g.limits.BreakAfter > 0 && g.failed >= g.limits.BreakAfter {
			g.open = time.Now()
			g.pause = g.open.Add(g.limits.BreakPause)
			if g.told != nil {
				go g.told(true, outcome.Failure)
			}
		}
	}
}

// Cut says that an attempt was cut short, which says nothing of the app.
func (p *Pass) Cut() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.leave()
}

// leave makes room. The gate is locked.
func (p *Pass) leave() {
	g := p.gate
	if p.counted {
		g.running--
	}
	if p.probe {
		g.probing = false
	}
	g.wake()
}

func (g *Gate) breakPause() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limits.BreakPause
}

// settle counts outcomes that are on their way into the store.
func (g *Gate) settle(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsettled += n
	if n < 0 && g.unsettled == maxUnsettled-1 {
		g.wake()
	}
}

// room waits until at least one attempt may begin, and returns how many. It takes
// nothing yet.
func (g *Gate) room(ctx context.Context) int {
	for ctx.Err() == nil {
		n, again, changed := g.look()
		if n > 0 {
			return n
		}
		var timer <-chan time.Time
		if again > 0 {
			timer = time.After(again)
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
		}
	}
	return 0
}

// look returns how many attempts may begin. If none may, there may be more after a
// time, if that is not zero, or when changed is closed.
func (g *Gate) look() (n int, again time.Duration, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	n = g.concurrency() - g.running
	if g.unsettled >= maxUnsettled {
		n = 0
	}
	if !g.open.IsZero() {
		n = min(n, 1)
		again = g.pause.Sub(now)
		if again > 0 || g.probing {
			return 0, max(again, 0), g.changed
		}
	}
	if g.limiter != nil && n > 0 {
		tokens := g.limiter.TokensAt(now)
		if n = min(n, int(tokens)); n == 0 {
			again = time.Duration((1-tokens)/float64(g.limiter.Limit())*float64(time.Second)) + 1
		}
	}
	return n, again, g.changed
}
