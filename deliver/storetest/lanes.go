package storetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// controls are what most of the tests below are about.
func (s *suite) controls() deliver.Controls {
	s.Helper()
	controls, ok := s.store.(deliver.Controls)
	if !ok {
		s.Skip("the engine has none")
	}
	return controls
}

// in is a target in a lane.
func in(lane string, destinations ...string) []deliver.Target {
	targets := to(destinations...)
	for i := range targets {
		targets[i].Lane = lane
	}
	return targets
}

var unwell = deliver.Failure{Status: 503, Reason: "503"}

// lane has one of a lane at a time, in order, over failures, dead letters and a
// restart, while another lane and what is in none goes on.
func (s *suite) lane() {
	controls := s.controls()
	for i := range 4 {
		s.append(record(i), in("order-1", "app")...)
	}
	s.append(record(10), in("order-2", "app")...)
	s.append(record(11), to("app")...)
	s.append(record(12), in("order-1", "other")...)
	first := s.claim("app", 10)
	if ids := idsOf(first); !slices.Equal(ids, []string{"id-0", "id-10", "id-11"}) {
		s.Fatalf("claimed %v; want the first of each lane, and what is in none", ids)
	}
	s.one("other", "id-12")
	s.nothing("app")

	s.must(s.store.Done(s.Context(), first[1]))
	s.must(s.store.Done(s.Context(), first[2]))
	at := controls.Now().Add(2 * soon)
	s.must(s.store.Retry(s.Context(), first[0], at, unwell))
	s.nothing("app") // what has failed holds its lane

	d := s.one("app", "id-0")
	if early := at.Sub(controls.Now()); early > 0 || d.Attempts != 1 {
		s.Errorf("claimed %v too early, with %d attempts", early, d.Attempts)
	}
	s.must(s.store.Dead(s.Context(), d, unwell))
	s.one("app", "id-1")
	s.reopen()
	d = s.one("app", "id-1") // it was leased
	s.nothing("app")
	s.must(s.store.Done(s.Context(), d))
	d = s.one("app", "id-2")
	s.store.Release(d)
	d = s.one("app", "id-2")
	s.must(s.store.Done(s.Context(), d))
	s.must(s.store.Done(s.Context(), s.one("app", "id-3")))
	s.nothing("app")
	s.count("app", 0, 1)
}

func idsOf(deliveries []*deliver.Delivery) []string {
	var ids []string
	for _, d := range deliveries {
		ids = append(ids, d.Record.ID)
	}
	slices.Sort(ids)
	return ids
}

// laneRequeued puts a dead letter back where it was in its lane.
func (s *suite) laneRequeued() {
	s.controls()
	for i := range 3 {
		s.append(record(i), in("k", "app")...)
	}
	s.must(s.store.Dead(s.Context(), s.one("app", "id-0"), unwell))
	under := s.one("app", "id-1")
	if n, err := s.store.Requeue(s.Context(), deliver.Filter{ID: "id-0"}); n != 1 || err != nil {
		s.Fatalf("%d were requeued, %v", n, err)
	}
	s.nothing("app") // one of the lane is under way
	s.must(s.store.Retry(s.Context(), under, time.Now(), unwell))
	s.must(s.store.Done(s.Context(), s.one("app", "id-0")))
	s.must(s.store.Done(s.Context(), s.one("app", "id-1")))

	// Before one that is put off, too.
	s.must(s.store.Dead(s.Context(), s.one("app", "id-2"), unwell))
	s.append(record(3), in("k", "app")...)
	s.must(s.store.Retry(s.Context(), s.one("app", "id-3"), time.Now().Add(time.Hour), unwell))
	if n, err := s.store.Requeue(s.Context(), deliver.Filter{}); n != 1 || err != nil {
		s.Fatalf("%d were requeued, %v", n, err)
	}
	s.must(s.store.Done(s.Context(), s.one("app", "id-2")))
	s.nothing("app")
}

// laneRemoved removes the first of a lane, and one in the middle.
func (s *suite) laneRemoved() {
	s.controls()
	for i := range 4 {
		s.append(record(i), in("k", "app")...)
	}
	leased := s.one("app", "id-0")
	for _, id := range []string{"id-0", "id-2"} {
		if n, err := s.store.Remove(s.Context(), deliver.Filter{ID: id}); n != 1 || err != nil {
			s.Fatalf("%d were removed, %v", n, err)
		}
	}
	s.nothing("app") // its attempt goes on
	s.must(s.store.Done(s.Context(), leased))
	s.must(s.store.Done(s.Context(), s.one("app", "id-1")))
	s.must(s.store.Done(s.Context(), s.one("app", "id-3")))
	s.count("app", 0, 0)
}

// laneEntered holds a lane for what is not stored.
func (s *suite) laneEntered() {
	controls := s.controls()
	enter := func() func() {
		s.Helper()
		leave, err := controls.Enter(s.Context(), "app", "k")
		s.must(err)
		return leave
	}
	leave := enter()
	if leave == nil {
		s.Skip("the engine stores first what is in a lane")
	}
	if enter() != nil {
		s.Error("a lane is entered twice")
	}
	if other, err := controls.Enter(s.Context(), "other", "k"); other == nil || err != nil {
		s.Errorf("the lane of another destination cannot be entered: %v", err)
	}
	s.append(record(1), in("k", "app")...)
	s.nothing("app")

	// The first attempt is late: it is stored, and goes on.
	var going *deliver.Delivery
	s.append(record(2), deliver.Target{
		Destination: "app", Lane: "k", Attempts: 1, Due: time.Now(), LeaseEnd: time.Now().Add(time.Minute),
		Lease: func(d *deliver.Delivery) { going = d },
	})
	leave()
	s.nothing("app")
	s.must(s.store.Retry(s.Context(), going, time.Now(), unwell))
	d := s.one("app", "id-1")
	if enter() != nil {
		s.Error("a lane is entered of which one is leased")
	}
	s.must(s.store.Done(s.Context(), d))
	d = s.one("app", "id-2")
	if d.Attempts != 1 || d.Made != 1 {
		s.Errorf("it has %d attempts of %d; want 1", d.Attempts, d.Made)
	}
	s.must(s.store.Done(s.Context(), d))
	if leave = enter(); leave == nil {
		s.Fatal("an empty lane cannot be entered")
	}
	leave()
	s.append(record(3), in("k", "app")...)
	if enter() != nil {
		s.Error("a lane is entered in which one waits")
	}
}

// laneLong has many in one lane, in order, although they come in from several sides.
func (s *suite) laneLong() {
	s.controls()
	const events = 60
	var stored []string
	for i := range events {
		s.append(record(i), in("k", "app")...)
		stored = append(stored, record(i).ID)
	}
	var done []string
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same choices each time
	for len(done) < events {
		d := s.claim("app", 5)
		if len(d) != 1 {
			s.Fatalf("claimed %v of one lane", idsOf(d))
		}
		if random.IntN(3) == 0 {
			s.must(s.store.Retry(s.Context(), d[0], time.Now(), unwell))
			continue
		}
		done = append(done, d[0].Record.ID)
		s.must(s.store.Done(s.Context(), d[0]))
	}
	if !slices.Equal(done, stored) {
		s.Errorf("delivered in the order %v", done)
	}
}

// pauses has nothing claimed, also after a restart, and what waits go on afterwards.
func (s *suite) pauses() {
	s.controls()
	s.append(record(1), to("app", "other")...)
	s.must(s.controls().SetPaused(s.Context(), "app", true))
	s.nothing("app")
	s.one("other", "id-1")
	s.reopen()
	if !s.controls().Paused("app") || s.controls().Paused("other") {
		s.Error("a pause ends with a restart")
	}
	s.nothing("app")
	if !s.stats("app").Paused {
		s.Error("the pause is not shown")
	}
	claimed := make(chan error, 1)
	go func() {
		_, err := s.store.Claim(s.Context(), "app", 1)
		claimed <- err
	}()
	s.must(s.controls().SetPaused(s.Context(), "app", false))
	s.must(<-claimed)
	s.must(s.controls().SetPaused(s.Context(), "new", true))
	s.append(record(2), to("new")...)
	s.nothing("new")
}

// retriesNow makes what waits for its time due.
func (s *suite) retriesNow() {
	controls := s.controls()
	later := time.Now().Add(time.Hour)
	for i := range 4 {
		s.append(record(i), deliver.Target{Destination: "app", Attempts: 2, Due: later})
	}
	s.append(record(4), deliver.Target{Destination: "app", Lane: "k", Due: later}, deliver.Target{Destination: "b", Due: later})
	s.append(record(5), deliver.Target{Destination: "app", Lane: "k", Due: later})
	s.append(record(6), deliver.Target{Destination: "app", Attempts: 1, Dead: &unwell})
	n, err := controls.RetryNow(s.Context(), deliver.Filter{ID: "id-2"})
	s.must(err)
	d := s.one("app", "id-2")
	if n != 1 || d.Attempts != 2 || d.Made != 2 {
		s.Errorf("%d are due now, with %d attempts; want 1 with 2", n, d.Attempts)
	}
	s.nothing("app")
	if n, err = controls.RetryNow(s.Context(), deliver.Filter{Destination: "app"}); n != 5 || err != nil {
		s.Errorf("%d are due now, %v; want 5", n, err) // without the one that is leased
	}
	if ids := s.drain("app"); !slices.Equal(ids, []string{"id-0", "id-1", "id-3", "id-4", "id-5"}) {
		s.Errorf("due are %v", ids)
	}
	s.nothing("b")
	s.count("app", 1, 1)
}

// drain takes all that is due, and returns the sorted ids.
func (s *suite) drain(destination string) (ids []string) {
	s.Helper()
	for s.stats(destination).Waiting > 0 {
		due := s.claimSome(destination)
		if len(due) == 0 {
			break
		}
		for _, d := range due {
			ids = append(ids, d.Record.ID)
			s.must(s.store.Done(s.Context(), d))
		}
	}
	slices.Sort(ids)
	return ids
}

// moves gives what is kept for one destination to another.
func (s *suite) moves() {
	controls := s.controls()
	for i := range 3 {
		s.append(record(i), in("k", "old")...)
	}
	s.append(record(3), in("k", "new")...)
	s.append(record(4), to("old", "new")...)
	s.append(record(5), deliver.Target{Destination: "old", Attempts: 1, Dead: &unwell})
	s.must(s.store.Retry(s.Context(), s.one("old", "id-0"), time.Now(), unwell))
	n, err := controls.Move(s.Context(), "old", "new")
	if n != 5 || err != nil {
		s.Fatalf("%d were moved, %v; want 5", n, err)
	}
	s.count("old", 0, 0)
	s.count("new", 5, 1)
	s.nothing("old")
	var order []string
	for len(order) < 5 {
		for _, d := range s.claim("new", 5) {
			if d.Record.ID == "id-0" && d.Attempts != 1 {
				s.Errorf("a moved one has %d attempts; want 1", d.Attempts)
			}
			order = append(order, d.Record.ID)
			s.must(s.store.Done(s.Context(), d))
		}
	}
	order = slices.DeleteFunc(order, func(id string) bool { return id == "id-4" })
	if !slices.Equal(order, []string{"id-0", "id-1", "id-2", "id-3"}) {
		s.Errorf("a lane that was moved has the order %v", order)
	}
	if n, err := s.store.Requeue(s.Context(), deliver.Filter{Destination: "new"}); n != 1 || err != nil {
		s.Errorf("%d were requeued, %v", n, err)
	}
	s.must(s.store.Done(s.Context(), s.one("new", "id-5")))
}

// counts tells attempts of the schedule from all that were made.
func (s *suite) counts() {
	controls := s.controls()
	s.append(record(1), deliver.Target{Destination: "app", Attempts: 1, Due: time.Now()})
	check := func(attempts, made int) *deliver.Delivery {
		s.Helper()
		d := s.one("app", "id-1")
		if d.Attempts != attempts || d.Made != made {
			s.Errorf("%d attempts of %d; want %d of %d", d.Attempts, d.Made, attempts, made)
		}
		return d
	}
	s.must(controls.Postpone(s.Context(), check(1, 1), time.Now(), unwell))
	s.must(s.store.Retry(s.Context(), check(1, 2), time.Now(), unwell))
	s.must(s.store.Dead(s.Context(), check(2, 3), unwell))
	if entries := s.list(deliver.Filter{State: deliver.Dead}); len(entries) != 1 || entries[0].Failure != unwell || entries[0].Attempts != 3 {
		s.Errorf("the dead letter is %+v", entries)
	}
	if n, err := s.store.Requeue(s.Context(), deliver.Filter{}); n != 1 || err != nil {
		s.Fatalf("%d were requeued, %v", n, err)
	}
	check(0, 4)
}

// listsHeld says of what waits whether its turn has come.
func (s *suite) listsHeld() {
	s.controls()
	for i := range 3 {
		s.append(record(i), in("k", "app")...)
	}
	for i, e := range s.list(deliver.Filter{}) {
		if e.Held != (i > 0) {
			s.Errorf("%s is held: %t", e.ID, e.Held)
		}
	}
}
