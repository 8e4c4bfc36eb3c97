package bolt

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// simWorld is what a simulation is held to: the apps, and what is known of each
// webhook that was acknowledged. It outlives the processes that deliver.
type simWorld struct {
	mu      sync.Mutex
	seed    uint64
	start   time.Time
	epoch   int                       // which process is alive
	known   map[string]*simDelivery   // by destination and id
	order   map[string][]*simDelivery // acknowledged of a lane, by destination and lane
	lanes   map[string]int            // attempts under way, likewise
	paused  map[string]time.Time      // since when destinations are
	modes   map[string]string         // of the apps
	history []string
	faults  []string
}

// simDelivery is what has become of a webhook at a destination.
type simDelivery struct {
	name, lane string
	acked      bool // its sender was told that it is safe
	removed    bool // by an operator
	taken      bool // the app has it
	takenIn    int  // in this epoch
	final      bool // an attempt that was the last has failed
}

func newSimWorld(seed uint64) *simWorld {
	return &simWorld{
		seed: seed, start: time.Now(), known: make(map[string]*simDelivery), order: make(map[string][]*simDelivery),
		lanes: make(map[string]int), paused: make(map[string]time.Time), modes: make(map[string]string),
	}
}

// note writes the history. The world is locked.
func (w *simWorld) note(format string, args ...any) {
	w.history = append(w.history, fmt.Sprintf("%12.6f ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

// fault says that something has happened that must not. The world is locked.
func (w *simWorld) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("FAULT %s", text)
	w.faults = append(w.faults, text)
}

// chance is the same whenever the same is asked for, whatever happens in between.
func (w *simWorld) chance(parts ...any) *rand.Rand {
	sum := fnv.New64a()
	fmt.Fprint(sum, parts...)
	return rand.New(rand.NewPCG(w.seed, sum.Sum64()))
}

func (w *simWorld) get(destination, id string) *simDelivery {
	name := destination + " " + id
	if w.known[name] == nil {
		w.known[name] = &simDelivery{name: name}
	}
	return w.known[name]
}

// acknowledge says that a webhook is stored for destinations.
func (w *simWorld) acknowledge(id, lane string, destinations ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("stored %s in %q for %v", id, lane, destinations)
	for _, destination := range destinations {
		w.expect(destination, id, lane)
	}
}

// expect says that a webhook is stored, and behind what is expected already.
func (w *simWorld) expect(destination, id, lane string) {
	d := w.get(destination, id)
	if !d.acked && lane != "" {
		w.order[destination+" "+lane] = append(w.order[destination+" "+lane], d)
	}
	d.acked, d.lane = true, lane
}

// attempt is one of an app, of a process.
func (w *simWorld) attempt(ctx context.Context, epoch int, destination, lane string, d *deliver.Delivery, last bool) deliver.Outcome {
	outcome, took := w.begin(epoch, destination, lane, d)
	if took == 0 {
		return outcome
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		outcome = deliver.Outcome{Failure: deliver.Failure{Reason: "cut short"}}
	}
	return w.end(ctx, epoch, destination, lane, d, outcome, last)
}

// die says that the process is not there any more: what it still does is not seen.
func (w *simWorld) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("the process is killed")
	w.epoch++
	clear(w.lanes)
}

// begin checks whether an attempt may begin, and decides how it ends.
func (w *simWorld) begin(epoch int, destination, lane string, d *deliver.Delivery) (outcome deliver.Outcome, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if epoch != w.epoch {
		return outcome, 0
	}
	id := d.Record.ID
	w.note("attempt %d of %s at %s", d.Made+1, id, destination)
	if since, paused := w.paused[destination]; paused && time.Since(since) > 0 {
		w.fault("%s is attempted at %s, which is paused", id, destination)
	}
	if known := w.get(destination, id); known.taken && known.takenIn == epoch {
		w.fault("%s is attempted again at %s, which has taken it", id, destination)
	}
	if lane != "" {
		if w.lanes[destination+" "+lane]++; w.lanes[destination+" "+lane] > 1 {
			w.fault("two of the lane %s of %s are under way", lane, destination)
		}
		for _, earlier := range w.order[destination+" "+lane] {
			if earlier.name == destination+" "+id {
				break
			}
			if !earlier.taken && !earlier.final && !earlier.removed {
				w.fault("%s is attempted at %s before %s of its lane", id, destination, earlier.name)
			}
		}
	}
	chance := w.chance(id, destination, d.Made)
	outcome = map[string]deliver.Outcome{
		"well":  {Verdict: deliver.Delivered},
		"down":  {Failure: deliver.Failure{Status: 503, Reason: "503"}},
		"picky": {Verdict: deliver.Verdict(chance.IntN(3)), Failure: deliver.Failure{Status: 422, Reason: "422"}},
	}[w.modes[destination]]
	return outcome, time.Duration(1 + chance.Int64N(int64(2*time.Second)))
}

func (w *simWorld) end(
	ctx context.Context, epoch int, destination, lane string, d *deliver.Delivery, outcome deliver.Outcome, last bool,
) deliver.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	if epoch != w.epoch {
		return outcome
	}
	if lane != "" {
		w.lanes[destination+" "+lane]--
	}
	known := w.get(destination, d.Record.ID)
	switch {
	case outcome.Verdict == deliver.Delivered:
		known.taken, known.takenIn = true, epoch
	case ctx.Err() == nil && (outcome.Verdict == deliver.Refused || last):
		known.final = true
	}
	w.note("outcome %d of %s at %s", outcome.Verdict, d.Record.ID, destination)
	return outcome
}

// check compares what was acknowledged with what a store has.
func (w *simWorld) check(entries []deliver.Entry, atTheEnd bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make(map[string]deliver.State)
	for i := range entries { // what nobody was told of, too, if power has failed just then
		e := &entries[i]
		states[e.Destination+" "+e.ID] = e.State
		w.expect(e.Destination, e.ID, laneIn(e.ID))
	}
	for _, name := range w.names() {
		d, state := w.known[name], states[name]
		d.final = state == deliver.Dead
		switch {
		case !d.acked || d.removed:
		case state == "" && !d.taken:
			w.fault("%s was acknowledged and is lost", name)
		case atTheEnd && state == deliver.Waiting:
			w.fault("%s waits for ever", name)
		}
	}
}

func (w *simWorld) names() []string {
	names := make([]string, 0, len(w.known))
	for name := range w.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// text is the history. What happens at the same moment has no order.
func (w *simWorld) text() string {
	return strings.Join(slices.Sorted(slices.Values(w.history)), "\n")
}
