package observe

import "time"

// watchInterval is how often the endpoints are looked after.
const watchInterval = 5 * time.Second

// Watcher does for all endpoints of a configuration what no request sets off.
// It runs while the app does.
type Watcher struct {
	observers []*Observer
	refusals  []*Refusals   // of all endpoints, also of those that issue tokens
	every     []func()      // what else is to be looked after
	quit      chan struct{} // closed to end it
	done      chan struct{} // closed when it has ended
}

// Add takes an endpoint into care. It must not be called once the watch has
// started.
func (w *Watcher) Add(o *Observer) {
	w.observers = append(w.observers, o)
	w.AddRefusals(o.Refusals)
	w.AddRefusals(o.doubts)
	w.AddRefusals(o.Handshakes)
	w.AddRefusals(o.Duplicates)
	w.AddRefusals(o.observed)
}

// AddRefusals takes a log of refusals into care, under the same condition.
func (w *Watcher) AddRefusals(log *Refusals) { w.refusals = append(w.refusals, log) }

// Every has a function called every few seconds, under the same condition.
func (w *Watcher) Every(f func()) { w.every = append(w.every, f) }

// Start takes over from the configuration before this one.
func (w *Watcher) Start() {
	Running.Add(w)
	if len(w.refusals) == 0 && len(w.every) == 0 {
		return
	}
	w.begin(time.Now())
	w.quit, w.done = make(chan struct{}), make(chan struct{})
	go w.run()
}

// begin takes over from the configuration before this one.
func (w *Watcher) begin(at time.Time) {
	expected := make(map[*heartbeat]bool)
	for _, o := range w.observers {
		if o.expectEvery > 0 {
			expected[o.heartbeat] = true
			o.heartbeat.expect(at)
		}
		if o.observation != nil {
			o.observation.begin(at)
		}
	}
	forget(expected)
}

func (w *Watcher) run() {
	defer close(w.done)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case at := <-ticker.C:
			w.Look(at)
		case <-w.quit:
			return
		}
	}
}

// Look does what is due at a time.
func (w *Watcher) Look(at time.Time) {
	w.flush(at)
	for _, o := range w.observers {
		o.checkSilence(at)
		o.remind(at)
	}
	for _, look := range w.every {
		look()
	}
}

// Stop leaves the endpoints to the configuration that still runs.
func (w *Watcher) Stop() {
	Running.Remove(w)
	if w.quit == nil {
		return
	}
	close(w.quit)
	<-w.done
	w.quit = nil
	w.flush(time.Time{})
}

// flush has the refusals told of that were left out of the log up to a time.
func (w *Watcher) flush(at time.Time) {
	for _, log := range w.refusals {
		log.flush(at)
	}
}
