package storetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

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
	at := s.store.Now().Add(2 * soon)
	s.must(s.store.Retry(s.Context(), first[0], at, unwell))
	s.nothing("app") // what has failed holds its lane

	d := s.one("app", "id-0")
	if early := at.Sub(s.store.Now()); early > 0 || d.Attempts != 1 {
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

// laneEntered holds a lane for what is not stored, if the engine does that.
func (s *suite) laneEntered() {
	enter := func() func() {
		s.Helper()
		leave, err := s.store.Enter(s.Context(), "app", "k")
		s.must(err)
		return leave
	}
	leave := enter()
	if leave == nil {
		s.append(record(1), in("k", "app")...) // what is in a lane is stored first
		s.one("app", "id-1")
		return
	}
	if enter() != nil {
		s.Error("a lane is entered twice")
	}
	if other, err := s.store.Enter(s.Context(), "other", "k"); other == nil || err != nil {
		s.Errorf("the lane of another destination cannot be entered: %v", err)
	}
	s.append(record(1), in("k", "app")...)
	s.nothing("app")
	leave()
	d := s.one("app", "id-1")
	if enter() != nil {
		s.Error("a lane is entered of which one is leased")
	}
	s.must(s.store.Done(s.Context(), d))
	if leave = enter(); leave == nil {
		s.Fatal("an empty lane cannot be entered")
	}
	leave()
	s.append(record(2), in("k", "app")...)
	if enter() != nil {
		s.Error("a lane is entered in which one waits")
	}
}

// laneGoing appends what is being attempted, which holds its lane until it is settled.
func (s *suite) laneGoing() {
	var going *deliver.Delivery
	s.append(record(1), deliver.Target{
		Destination: "app", Lane: "k", Attempts: 1, Due: time.Now(), LeaseEnd: time.Now().Add(time.Minute),
		Lease: func(d *deliver.Delivery) { going = d },
	})
	s.append(record(2), in("k", "app")...)
	s.nothing("app")
	s.must(s.store.Retry(s.Context(), going, time.Now(), unwell))
	d := s.one("app", "id-1")
	if d.Attempts != 1 || d.Made != 1 {
		s.Errorf("it has %d attempts of %d; want 1", d.Attempts, d.Made)
	}
	s.must(s.store.Done(s.Context(), d))
	s.must(s.store.Done(s.Context(), s.one("app", "id-2")))
	s.nothing("app")
}

// laneLong has many in one lane, in order, although they come in from several sides.
func (s *suite) laneLong() {
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
