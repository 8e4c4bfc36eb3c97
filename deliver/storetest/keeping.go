package storetest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func (s *suite) destinations() {
	s.append(record(1), to("orders/billing", "orders/audit")...)
	s.append(record(2), to("orders/audit")...)
	s.must(s.store.Done(s.Context(), s.one("orders/billing", "id-1")))
	s.nothing("orders/billing")
	s.count("orders/billing", 0, 0)
	s.count("orders/audit", 2, 0)
	s.must(s.store.Done(s.Context(), s.one("orders/audit", "id-1")))
	s.must(s.store.Done(s.Context(), s.one("orders/audit", "id-2")))
	s.count("orders/audit", 0, 0)
}

func (s *suite) restart() {
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	want := record(1)
	s.append(want, to("a", "b")...)
	s.append(record(2), deliver.Target{Destination: "a", Attempts: 3, Due: later})
	s.append(record(3), deliver.Target{Destination: "a", Attempts: 1, Dead: &deliver.Failure{Status: 400, Reason: "400"}})
	s.must(s.store.Done(s.Context(), s.one("b", "id-1")))
	before := s.list(deliver.Filter{})
	s.reopen()
	after := s.list(deliver.Filter{})
	if len(after) != 3 || len(before) != 3 {
		s.Fatalf("%d deliveries before, %d after a restart; want 3", len(before), len(after))
	}
	for i := range after {
		b, a := before[i], after[i]
		if a.Ref != b.Ref || a.State != b.State || a.ID != b.ID || !a.Stored.Equal(b.Stored) ||
			a.State == deliver.Dead && (a.Attempts != b.Attempts || a.Failure != b.Failure) {
			s.Errorf("before a restart %+v, after it %+v", b, a)
		}
	}
	s.count("a", 2, 1)
	s.count("b", 0, 0)
	if d := s.one("a", "id-1"); !same(d.Record, want) {
		s.Errorf("after a restart %+v; want %+v", d.Record, want)
	}
	s.nothing("a")
}

func (s *suite) restartLeased() {
	s.append(record(1), to("app")...)
	s.one("app", "id-1")
	s.reopen()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	deliveries, err := s.store.Claim(ctx, "app", 1)
	if err != nil || len(deliveries) != 1 {
		s.Fatalf("within 5 s of a restart %d are due, %v", len(deliveries), err)
	}
}

func (s *suite) keys() {
	first, again := record(1), record(1)
	first.Key, again.Key = "c0ffee", "c0ffee"
	s.append(first, to("a")...)
	s.append(again, to("a")...)
	s.count("a", 1, 0)
	s.append(again, to("b")...)
	s.count("a", 1, 0)
	s.count("b", 1, 0)
	s.one("a", "id-1")
	s.nothing("a")

	s.append(record(2), to("c")...)
	s.append(record(2), to("c")...)
	s.count("c", 2, 0) // without a key two are never the same
}

func (s *suite) bodies() {
	for i, body := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff, 0}, 300<<10)} {
		r := record(i)
		r.Body = body
		s.append(r, to("app")...)
		d := s.one("app", r.ID)
		if !bytes.Equal(d.Record.Body, body) {
			s.Errorf("a body of %d bytes came back with %d", len(body), len(d.Record.Body))
		}
		s.must(s.store.Done(s.Context(), d))
	}
}

func (s *suite) names() {
	r := record(1)
	r.ID, r.Event = "a b/ü.*>\r\n", strings.Repeat("e", 1000)
	destination := "orders/" + strings.Repeat("b", 100)
	s.append(r, to(destination)...)
	if d := s.one(destination, r.ID); !same(d.Record, r) {
		s.Errorf("claimed %+v; want %+v", d.Record, r)
	}
	if entries := s.list(deliver.Filter{ID: r.ID, Event: r.Event}); len(entries) != 1 {
		s.Errorf("%d entries by id and event; want 1", len(entries))
	}
}
