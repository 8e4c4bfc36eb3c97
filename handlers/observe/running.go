package observe

import (
	"slices"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Running are the configurations that have started, by their watches, the latest
// last: while one replaces another, both run, and either may stay.
var Running watchers

type watchers struct {
	mu   sync.Mutex
	list []*Watcher
}

func (ws *watchers) add(w *Watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.list = append(ws.list, w)
	deliveries.Keep(w.keeps())
}

func (ws *watchers) remove(w *Watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.list = slices.DeleteFunc(ws.list, func(other *Watcher) bool { return other == w })
	if current := ws.last(); current != nil {
		deliveries.Keep(current.keeps())
	} else {
		deliveries.Keep(nil)
	}
}

// Current returns that of the configuration that counts; it is nil if none does.
func (ws *watchers) Current() *Watcher {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.last()
}

func (ws *watchers) last() *Watcher {
	if len(ws.list) == 0 {
		return nil
	}
	return ws.list[len(ws.list)-1]
}

// Forget removes what was measured of endpoints that no running configuration has.
func (w *Watcher) Forget() {
	Running.mu.Lock()
	defer Running.mu.Unlock()
	there := make(map[webhook.Endpoint]bool)
	for _, other := range Running.list {
		for _, o := range other.observers {
			there[o.Endpoint] = true
		}
	}
	for _, o := range w.observers {
		if !there[o.Endpoint] {
			Collectors().forget(o.Endpoint)
		}
	}
}
