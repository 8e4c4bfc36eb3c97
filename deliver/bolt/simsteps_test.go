package bolt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

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
		put := func() (stored bool) {
			target.Due = store.Now().Add(time.Second)
			if stored = store.Append(context.Background(), record, []deliver.Target{target}) == nil; stored {
				s.world.acknowledge(record.ID, lane, destination)
			}
			return stored
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
			if !put() {
				<-decided // the lane is left when nothing of it is under way
				return
			}
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
