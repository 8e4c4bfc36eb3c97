package storetest

import (
	"errors"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

func (s *suite) lists() {
	for i := range 7 {
		r := record(i)
		if i%2 == 1 {
			r.Provider, r.Event = "stripe", "charge"
		}
		s.append(r, to("a", "b")...)
	}
	all := s.list(deliver.Filter{})
	if len(all) != 14 {
		s.Fatalf("%d deliveries; want 14", len(all))
	}
	var paged []deliver.Entry
	for filter := (deliver.Filter{}); ; {
		page, err := s.store.List(s.Context(), filter, 3)
		s.must(err)
		if len(page) == 0 {
			break
		}
		if paged = append(paged, page...); len(paged) > len(all) {
			break
		}
		filter.After = page[len(page)-1].Ref
	}
	if len(paged) != len(all) {
		s.Fatalf("%d deliveries by pages; want %d", len(paged), len(all))
	}
	for i := range all {
		if paged[i].Ref != all[i].Ref {
			s.Errorf("page entry %d is %s; the whole list has %s", i, paged[i].Ref, all[i].Ref)
		}
	}
	for name, test := range map[string]struct {
		filter deliver.Filter
		want   int
	}{
		"destination": {deliver.Filter{Destination: "a"}, 7},
		"provider":    {deliver.Filter{Provider: "stripe"}, 6},
		"event":       {deliver.Filter{Event: "push", Destination: "b"}, 4},
		"id":          {deliver.Filter{ID: "id-3"}, 2},
		"ref":         {deliver.Filter{Ref: all[4].Ref}, 1},
		"waiting":     {deliver.Filter{State: deliver.Waiting}, 14},
		"dead":        {deliver.Filter{State: deliver.Dead}, 0},
		"since":       {deliver.Filter{Since: time.Now().Add(time.Hour)}, 0},
		"until":       {deliver.Filter{Until: time.Now().Add(time.Hour)}, 14},
		"none":        {deliver.Filter{Destination: "c"}, 0},
	} {
		if got := s.list(test.filter); len(got) != test.want {
			s.Errorf("%s: %d deliveries; want %d", name, len(got), test.want)
		}
	}
}

// listsHeld says of what waits whether its turn has come.
func (s *suite) listsHeld() {
	for i := range 3 {
		s.append(record(i), in("k", "app")...)
	}
	for i, e := range s.list(deliver.Filter{}) {
		if e.Held != (i > 0) {
			s.Errorf("%s is held: %t", e.ID, e.Held)
		}
	}
}

func (s *suite) removes() {
	for i := range 4 {
		s.append(record(i), to("a", "b")...)
	}
	s.must(s.store.Dead(s.Context(), s.one("a", "id-0"), deliver.Failure{Status: 400}))
	remove := func(filter deliver.Filter, want int) {
		s.Helper()
		n, err := s.store.Remove(s.Context(), filter)
		s.must(err)
		if n != want {
			s.Errorf("%d were removed by %+v; want %d", n, filter, want)
		}
	}
	ref := s.list(deliver.Filter{ID: "id-3", Destination: "b"})[0].Ref
	remove(deliver.Filter{State: deliver.Dead, Until: time.Now().Add(-time.Hour)}, 0)
	remove(deliver.Filter{State: deliver.Dead}, 1)
	remove(deliver.Filter{ID: "id-1"}, 2)
	remove(deliver.Filter{Ref: ref}, 1)
	s.count("a", 2, 0)
	s.count("b", 2, 0)
	if _, err := s.store.Read(s.Context(), ref); !errors.Is(err, deliver.ErrNotFound) {
		s.Errorf("reading what was removed: %v; want ErrNotFound", err)
	}
	s.must(s.store.Done(s.Context(), s.one("a", "id-2")))
	s.must(s.store.Done(s.Context(), s.one("b", "id-0")))
}

func (s *suite) removesLeased() {
	s.append(record(1), to("app")...)
	d := s.one("app", "id-1")
	if n, err := s.store.Remove(s.Context(), deliver.Filter{ID: "id-1"}); n != 1 || err != nil {
		s.Fatalf("%d were removed, %v", n, err)
	}
	s.must(s.store.Retry(s.Context(), d, time.Now(), deliver.Failure{}))
	s.nothing("app")
	s.count("app", 0, 0)
}
