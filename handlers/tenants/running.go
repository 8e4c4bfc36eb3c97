package tenants

import (
	"slices"
	"sync"
)

// running are the sets that have started, the latest last: while a configuration
// replaces another one, both run, and either may stay.
var running sets

type sets struct {
	mu   sync.Mutex
	list []*Set
}

func (s *sets) add(set *Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, set)
}

func (s *sets) remove(set *Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(other *Set) bool { return other == set })
}

// current returns the set whose configuration counts; an empty one if none does.
func (s *sets) current() *Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return new(Set)
	}
	return s.list[len(s.list)-1]
}
