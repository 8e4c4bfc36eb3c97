package observe

import (
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/running"
)

// Running are the configurations that have started, by their watchers. The inspector
// keeps what the one that counts wants.
var Running = running.List[*Watcher]{Changed: func(current *Watcher) {
	if current == nil {
		deliveries.Keep(nil)
		return
	}
	deliveries.Keep(current.keeps())
}}

// Forget removes what was measured and observed of endpoints that no running
// configuration has.
func (w *Watcher) Forget() {
	Running.View(func(all []*Watcher) {
		there, seen := make(map[webhook.Endpoint]bool), make(map[*observation]bool)
		for _, other := range all {
			for _, o := range other.observers {
				there[o.Endpoint], seen[o.observation] = true, true
			}
		}
		gone := make(map[webhook.Endpoint]bool)
		for _, o := range w.observers {
			if !there[o.Endpoint] {
				gone[o.Endpoint] = true
			}
		}
		Collectors().forget(gone)
		forgetObservations(seen)
	})
}
