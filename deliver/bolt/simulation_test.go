package bolt

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

var (
	simSeeds = flag.Uint64("seeds", 60, "how many seeds TestSimulation runs")
	simFirst = flag.Uint64("seed", 1, "the first of them")
)

// TestSimulation runs a Runner and a Store, as they are, in a world that a seed
// decides: what is stored and when, how apps answer, what operators do, when the
// clock is set, when the store is full, and when the process is killed or the power
// fails, also in the middle of a transaction. simWorld says what must hold. A seed
// that fails fails each time: -seed N -seeds 1 -v prints what has happened.
func TestSimulation(t *testing.T) {
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		simulate(t, seed)
		if t.Failed() {
			return
		}
	}
}

// What happens to a seed happens again.
func TestSimulationRepeats(t *testing.T) {
	for seed := uint64(1); seed < 6; seed++ {
		if first, second := simulate(t, seed), simulate(t, seed); first != second {
			t.Fatalf("seed %d:\n%s", seed, firstDifference(first, second))
		}
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + "\n" + bs[i]
		}
	}
	return fmt.Sprintf("%d lines, then %d", len(as), len(bs))
}

// simulate runs one seed, and returns its history.
func simulate(t *testing.T, seed uint64) (history string) {
	t.Helper()
	directory := simDirectory(t)
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{
			T: t, random: rand.New(rand.NewPCG(seed, 0)), world: newSimWorld(seed),
			disk: simDisk{t: t, path: filepath.Join(directory, "store.db")},
		}
		s.run()
		history = s.world.text()
		if len(s.world.faults) > 0 {
			t.Errorf("seed %d: %s", seed, s.world.faults[0])
		}
		if testing.Verbose() && *simSeeds == 1 {
			t.Log("\n" + history)
		}
	})
	return history
}

// simDirectory is in memory where that is possible: what is forced to disk is kept
// by simDisk.
func simDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "simulation")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// simulation is the side of the world that acts. Each of its steps has a moment of
// its own, so that goroutines have little to race for.
type simulation struct {
	*testing.T
	random *rand.Rand
	world  *simWorld
	disk   simDisk
	ahead  atomic.Int64 // of the clock

	store  *Store
	runner *deliver.Runner
	gates  map[string]*deliver.Gate
	fails  atomic.Bool            // the power fails in the next transaction
	failed atomic.Pointer[[]byte] // it has: what is on disk
	events int
	cuts   *rand.Rand
}

var (
	simDestinations = []string{"a", "b"}
	simSchedule     = deliver.Schedule{time.Second, 3 * time.Second, 10 * time.Second}
)

const simSteps = 60

func (s *simulation) run() {
	s.cuts = rand.New(rand.NewPCG(s.world.seed, 1))
	for _, destination := range simDestinations {
		s.world.modes[destination] = "well"
	}
	s.begin()
	for range simSteps {
		time.Sleep(time.Duration(1+s.random.IntN(1500))*time.Millisecond + time.Duration(s.random.IntN(1000))*time.Microsecond)
		if image := s.failed.Swap(nil); image != nil {
			s.crash(*image)
			continue
		}
		s.step()
	}
	if image := s.failed.Swap(nil); image != nil {
		s.crash(*image)
	}
	s.settle()
}

// step does something.
func (s *simulation) step() {
	destination := simDestinations[s.random.IntN(len(simDestinations))]
	switch n := s.random.IntN(40); {
	case n < 18:
		s.append()
	case n < 22:
		s.first(destination)
	case n < 27:
		mode := []string{"well", "well", "down", "picky"}[s.random.IntN(4)]
		s.world.mu.Lock()
		s.world.note("%s is %s", destination, mode)
		s.world.modes[destination] = mode
		s.world.mu.Unlock()
	case n < 29:
		s.pause(destination, s.random.IntN(2) == 0)
	case n < 33:
		s.operate(destination)
	case n < 34:
		ahead := time.Duration(s.random.Int64N(int64(4*time.Hour))) - 2*time.Hour
		s.say("the clock is set %v ahead", ahead)
		s.ahead.Store(int64(ahead))
	case n < 35:
		s.store.SetMaxSize([]int64{4000, 0}[s.random.IntN(2)])
	case n < 36:
		s.reload()
	case n < 38:
		s.disk.force()
		s.fails.Store(true)
	default:
		s.crash(s.disk.read())
	}
}

func (s *simulation) say(format string, args ...any) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.note(format, args...)
}

// begin starts a process.
func (s *simulation) begin() {
	options := Options{
		Path: s.disk.path, Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
		Observer: deliver.Observer{Synced: func(time.Duration, int) {
			if s.fails.CompareAndSwap(true, false) {
				image := s.disk.interrupted(s.cuts)
				s.failed.Store(&image)
				s.world.die()
				runtime.Goexit() // nobody is told
			}
		}, Corrupt: func(destination string) { s.Errorf("a record for %s is damaged", destination) }},
	}
	var err error
	if s.store, err = options.Open(); err != nil {
		s.Fatalf("seed %d: opening the store: %v\n%s", s.world.seed, err, s.world.text())
	}
	s.store.lookAgain = 10 * time.Second
	s.gates = make(map[string]*deliver.Gate)
	for _, destination := range simDestinations {
		s.gates[destination] = deliver.NewGate(deliver.Limits{BreakAfter: 5, BreakPause: 5 * time.Second})
	}
	s.recall()
	s.runner = s.newRunner()
}

// recall has the world know what has got onto the disk of that which nobody was told.
func (s *simulation) recall() {
	s.reconcile()
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for _, destination := range simDestinations {
		if s.store.Paused(destination) {
			s.world.paused[destination] = time.Now()
		} else if since, paused := s.world.paused[destination]; paused && time.Since(since) > 0 {
			s.world.fault("the pause of %s is lost", destination)
		}
	}
}

func (s *simulation) newRunner() *deliver.Runner {
	var destinations []deliver.Destination
	for _, name := range simDestinations {
		epoch := s.world.epoch
		destinations = append(destinations, deliver.Destination{
			Name: name, Schedule: simSchedule, Gate: s.gates[name],
			Attempt: func(ctx context.Context, d *deliver.Delivery) deliver.Outcome {
				return s.world.attempt(ctx, epoch, name, laneIn(d.Record.ID), d, d.Attempts+1 > len(simSchedule))
			},
		})
	}
	return deliver.NewRunner(s.store, destinations, 0, deliver.Events{
		Attempted: func(*deliver.Delivery, deliver.Outcome) {}, Died: func(*deliver.Delivery, deliver.Failure) {},
		Expired: func(string, deliver.State, int) {}, Trouble: func(string, error) {},
	})
}

// laneIn is the lane that an id names behind a colon.
func laneIn(id string) string {
	_, lane, _ := strings.Cut(id, ":")
	return lane
}

// next makes a record, mostly in a lane.
func (s *simulation) next() (record *deliver.Record, lane string) {
	s.events++
	if lane = []string{"", "x", "y"}[s.random.IntN(3)]; lane != "" {
		lane = ":" + lane
	}
	id := fmt.Sprint(s.events, lane)
	record = &deliver.Record{ID: id, Body: make([]byte, 300)}
	if s.random.IntN(2) == 0 {
		record.Key = fmt.Sprintf("%08x", s.events)
	}
	return record, laneIn(id)
}

// append stores a webhook for one destination or both.
func (s *simulation) append() {
	record, lane := s.next()
	names := simDestinations[:1+s.random.IntN(2)]
	var targets []deliver.Target
	for _, name := range names {
		target := deliver.Target{Destination: name, Lane: lane}
		if s.random.IntN(4) == 0 {
			target.Due = s.store.Now().Add(time.Duration(s.random.IntN(5000)) * time.Millisecond)
		}
		targets = append(targets, target)
	}
	if err := s.store.Append(context.Background(), record, targets); err == nil {
		s.world.acknowledge(record.ID, lane, names...)
	}
}

// first makes a first attempt of what is not stored, as the mode spool does.
func (s *simulation) first(destination string) {
	record, lane := s.next()
	target := deliver.Target{Destination: destination, Lane: lane}
	var leave func()
	var pass *deliver.Pass
	may := !s.store.Paused(destination)
	if may && lane != "" {
		leave, _ = s.store.Enter(context.Background(), destination, lane)
		may = leave != nil
	}
	if may {
		pass, may = s.gates[destination].First()
	}
	if !may {
		if leave != nil {
			leave()
		}
		if s.store.Append(context.Background(), record, []deliver.Target{target}) == nil {
			s.world.acknowledge(record.ID, lane, destination)
		}
		return
	}
	store, runner, epoch := s.store, s.runner, s.world.epoch
	decided := make(chan deliver.Outcome, 1)
	exchange, cut := context.WithCancel(context.Background())
	go func() {
		defer cut()
		outcome := s.world.attempt(exchange, epoch, destination, lane, &deliver.Delivery{Record: record}, false)
		pass.End(outcome)
		decided <- outcome
	}()
	go func() {
		if leave != nil {
			defer leave()
		}
		target.Attempts = 1
		put := func() {
			target.Due = store.Now().Add(time.Second)
			if store.Append(context.Background(), record, []deliver.Target{target}) == nil {
				s.world.acknowledge(record.ID, lane, destination)
			}
		}
		var outcome deliver.Outcome
		select {
		case outcome = <-decided:
			if outcome.Verdict != deliver.Failed {
				return
			}
			put()
		case <-time.After(time.Second): // it is late
			var going *deliver.Delivery
			target.Lease = func(d *deliver.Delivery) { going = d }
			put()
			runner.Finish(destination, going, func(ctx context.Context) deliver.Outcome {
				select {
				case outcome := <-decided:
					return outcome
				case <-ctx.Done():
					cut()
					return <-decided
				}
			})
		}
	}()
}

func (s *simulation) pause(destination string, paused bool) {
	s.say("%s is paused: %t", destination, paused)
	if !paused {
		s.world.mu.Lock()
		delete(s.world.paused, destination)
		s.world.mu.Unlock()
	}
	if err := s.store.SetPaused(context.Background(), destination, paused); err == nil && paused {
		s.world.mu.Lock()
		s.world.paused[destination] = time.Now()
		s.world.mu.Unlock()
	}
}

// operate does what operators do.
func (s *simulation) operate(destination string) {
	filter := deliver.Filter{Destination: destination}
	switch s.random.IntN(4) {
	case 0:
		n, err := s.store.RetryNow(context.Background(), filter)
		s.say("%d due now at %s, %v", n, destination, err)
	case 1, 2:
		// What is requeued may be attempted before Requeue returns.
		s.world.mu.Lock()
		for _, d := range s.world.known {
			if strings.HasPrefix(d.name, destination+" ") {
				d.final = false
			}
		}
		s.world.mu.Unlock()
		n, err := s.store.Requeue(context.Background(), filter)
		s.say("%d requeued at %s, %v", n, destination, err)
		s.reconcile()
	default:
		filter.State = deliver.Waiting
		entries, err := s.store.List(context.Background(), filter, 100)
		if err != nil || len(entries) == 0 {
			return
		}
		victim := entries[s.random.IntN(len(entries))]
		s.world.mu.Lock()
		s.world.note("%s is removed at %s", victim.ID, destination)
		s.world.get(destination, victim.ID).removed = true
		s.world.mu.Unlock()
		_, _ = s.store.Remove(context.Background(), deliver.Filter{Ref: victim.Ref})
	}
}

// reconcile has the world know what is dead.
func (s *simulation) reconcile() {
	if entries, err := s.store.List(context.Background(), deliver.Filter{}, 10_000); err == nil {
		s.world.check(entries, false)
	}
}

// reload has a new runner take over while the old one ends.
func (s *simulation) reload() {
	s.say("reload")
	old := s.runner
	s.runner = s.newRunner()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		old.Stop(ctx)
	}()
}

// crash ends the process, and begins another one with what is on disk.
func (s *simulation) crash(image []byte) {
	s.world.die()
	s.fails.Store(false)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.runner.Stop(ended)
	_ = s.store.Close()
	s.failed.Store(nil)
	s.disk.restore(image)
	s.begin()
}

// settle lets all end well, and looks at what is left.
func (s *simulation) settle() {
	s.fails.Store(false)
	s.store.SetMaxSize(0)
	s.ahead.Store(0)
	for _, destination := range simDestinations {
		s.pause(destination, false)
		s.world.mu.Lock()
		s.world.modes[destination] = "well"
		s.world.mu.Unlock()
	}
	s.say("all is well")
	time.Sleep(time.Hour)
	synctest.Wait()
	entries, err := s.store.List(context.Background(), deliver.Filter{}, 10_000)
	if err != nil {
		s.Fatal(err)
	}
	s.world.check(entries, true)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.runner.Stop(ended)
	if err := errors.Join(s.store.Close()); err != nil {
		s.Fatal(err)
	}
}
