package handlers

import (
	"slices"
	"sync"
)

// running are the configurations that have started, by their watches, the latest
// last: while one replaces another, both run, and either may stay.
var running watches

type watches struct {
	mu   sync.Mutex
	list []*watch
}

func (ws *watches) add(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.list = append(ws.list, w)
	deliveries.Keep(w.keeps())
}

func (ws *watches) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.list = slices.DeleteFunc(ws.list, func(other *watch) bool { return other == w })
	if current := ws.last(); current != nil {
		deliveries.Keep(current.keeps())
	} else {
		deliveries.Keep(nil)
	}
}

// current returns that of the configuration that counts; it is nil if none does.
func (ws *watches) current() *watch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.last()
}

func (ws *watches) last() *watch {
	if len(ws.list) == 0 {
		return nil
	}
	return ws.list[len(ws.list)-1]
}

// forget removes what was measured of endpoints that no running configuration has.
func (w *watch) forget() {
	running.mu.Lock()
	defer running.mu.Unlock()
	there := make(map[endpoint]bool)
	for _, other := range running.list {
		for _, o := range other.observers {
			there[o.endpoint] = true
		}
	}
	for _, o := range w.observers {
		if !there[o.endpoint] {
			collectors().forget(o.endpoint)
		}
	}
}
