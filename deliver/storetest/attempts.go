package storetest

import (
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func (s *suite) retries() {
	s.append(record(1), to("app")...)
	at := time.Now().Add(2 * soon)
	s.must(s.store.Retry(s.Context(), s.one("app", "id-1"), at, deliver.Failure{Status: 502, Reason: "502"}))
	d := s.one("app", "id-1")
	if early := time.Until(at); early > 0 {
		s.Errorf("claimed %v too early", early)
	}
	if d.Attempts != 1 {
		s.Errorf("it has %d attempts; want 1", d.Attempts)
	}
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{Reason: "no answer"}))
	if d = s.one("app", "id-1"); d.Attempts != 2 {
		s.Errorf("it has %d attempts; want 2", d.Attempts)
	}
}

func (s *suite) later() {
	at := time.Now().Add(2 * soon)
	s.append(record(1), deliver.Target{Destination: "app", Attempts: 1, Due: at})
	s.append(record(2), to("app")...)
	s.one("app", "id-2")
	d := s.one("app", "id-1")
	if early := time.Until(at); early > 0 || d.Attempts != 1 {
		s.Errorf("claimed %v too early, with %d attempts", early, d.Attempts)
	}
}

// going appends records whose first attempts go on, which settle them.
func (s *suite) going() {
	begin := func(number int) *deliver.Delivery {
		s.Helper()
		var leased []*deliver.Delivery
		s.append(record(number), deliver.Target{
			Destination: "app", Attempts: 1, Due: time.Now(), LeaseEnd: time.Now().Add(2 * soon),
			Lease: func(d *deliver.Delivery) { leased = append(leased, d) },
		})
		if len(leased) != 1 || leased[0].Attempts != 0 || leased[0].Destination != "app" ||
			leased[0].Record.ID != record(number).ID || leased[0].Record.Body != nil {
			s.Fatalf("the leases are %+v", leased)
		}
		return leased[0]
	}
	taken, failed, refused := begin(1), begin(2), begin(3)
	s.nothing("app")
	s.must(s.store.Done(s.Context(), taken))
	s.must(s.store.Dead(s.Context(), refused, deliver.Failure{Status: 422}))
	s.must(s.store.Retry(s.Context(), failed, time.Now(), deliver.Failure{Status: 500}))
	s.count("app", 1, 1)
	d := s.one("app", "id-2")
	if d.Attempts != 1 {
		s.Errorf("it has %d attempts; want 1", d.Attempts)
	}
	s.must(s.store.Done(s.Context(), d))
	s.store.Release(begin(4))
	s.must(s.store.Done(s.Context(), s.one("app", "id-4")))
	s.count("app", 0, 1)
}

// goingTwice appends what waits already, and of which nobody makes an attempt.
func (s *suite) goingTwice() {
	r := record(1)
	r.Key = "6b6579"
	s.append(r, deliver.Target{Destination: "app", Due: time.Now().Add(time.Hour)})
	leases := 0
	again := deliver.Target{Destination: "app", Attempts: 1, Lease: func(*deliver.Delivery) { leases++ }}
	s.append(r, again)
	s.append(r, again)
	if leases > 1 {
		s.Errorf("%d leases of one delivery", leases)
	}
	s.count("app", 1, 0)
}

// counts tells attempts of the schedule from all that were made.
func (s *suite) counts() {
	s.append(record(1), deliver.Target{Destination: "app", Attempts: 1, Due: time.Now()})
	check := func(attempts, made int) *deliver.Delivery {
		s.Helper()
		d := s.one("app", "id-1")
		if d.Attempts != attempts || d.Made != made {
			s.Errorf("%d attempts of %d; want %d of %d", d.Attempts, d.Made, attempts, made)
		}
		return d
	}
	s.must(s.store.Postpone(s.Context(), check(1, 1), time.Now(), unwell))
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
