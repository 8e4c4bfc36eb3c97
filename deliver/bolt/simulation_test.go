package bolt

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
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
// that fails fails each time: -seed N -seeds 1 -v prints what has happened. Processors
// share the seeds: nothing of one is another's.
func TestSimulation(t *testing.T) {
	workers := uint64(runtime.GOMAXPROCS(0)) //nolint:gosec // at least 1
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			directory := simDirectory(t)
			for seed := *simFirst + worker; seed < *simFirst+*simSeeds && !t.Failed(); seed += workers {
				simulate(t, directory, seed)
			}
		})
	}
}

// What happens to a seed happens again.
func TestSimulationRepeats(t *testing.T) {
	directory := simDirectory(t)
	for seed := uint64(1); seed < 6; seed++ {
		if first, second := simulate(t, directory, seed), simulate(t, directory, seed); first != second {
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

// simulate runs one seed in a directory, and returns its history.
func simulate(t *testing.T, directory string, seed uint64) (history string) {
	t.Helper()
	path := filepath.Join(directory, "store.db")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{
			T: t, random: rand.New(rand.NewPCG(seed, 0)), world: newSimWorld(seed),
			disk: simDisk{t: t, path: path},
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
