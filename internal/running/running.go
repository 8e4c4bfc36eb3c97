// Package running has what belongs to configurations that have started: while one
// replaces another, both run, and either may stay.
package running

import (
	"slices"
	"sync"
)

// List are the parts of one kind of the configurations that run, the latest last.
type List[T comparable] struct {
	// Changed is called, if it is not nil, with what Current returns whenever the list
	// has changed, before anybody else can change it.
	Changed func(current T)

	mu   sync.Mutex
	list []T
}

// Add puts what has started at the end.
func (l *List[T]) Add(part T) {
	l.change(func() { l.list = append(l.list, part) })
}

// Remove takes out what has stopped.
func (l *List[T]) Remove(part T) {
	l.change(func() { l.list = slices.DeleteFunc(l.list, func(other T) bool { return other == part }) })
}

func (l *List[T]) change(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	if l.Changed != nil {
		l.Changed(l.last())
	}
}

// Current returns that of the configuration that counts; the zero value if none does.
func (l *List[T]) Current() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last()
}

// View has a function look at all of them while none is added or removed.
func (l *List[T]) View(look func(all []T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look(l.list)
}

func (l *List[T]) last() (last T) {
	if len(l.list) > 0 {
		last = l.list[len(l.list)-1]
	}
	return last
}
