package handlers

import "time"

// watchInterval is how often the endpoints are looked after.
const watchInterval = 5 * time.Second

// watch does for all endpoints of a configuration what no request sets off.
// It runs while the app does.
type watch struct {
	observers []*observer
	refusals  []*refusals   // of all endpoints, also of those that issue tokens
	quit      chan struct{} // closed to end it
	done      chan struct{} // closed when it has ended
}

// add takes an endpoint into care. It must not be called once the watch has
// started.
func (w *watch) add(o *observer) {
	w.observers = append(w.observers, o)
	w.addRefusals(o.refusals)
	w.addRefusals(o.doubts)
	w.addRefusals(o.handshakes)
	w.addRefusals(o.duplicates)
}

// addRefusals takes a log of refusals into care, under the same condition.
func (w *watch) addRefusals(log *refusals) { w.refusals = append(w.refusals, log) }

// start takes over from the configuration before this one.
func (w *watch) start() {
	running.add(w)
	if len(w.refusals) == 0 {
		return
	}
	w.begin(time.Now())
	w.quit, w.done = make(chan struct{}), make(chan struct{})
	go w.run()
}

// begin takes over from the configuration before this one.
func (w *watch) begin(at time.Time) {
	expected := make(map[*source]bool)
	for _, o := range w.observers {
		if o.expectEvery > 0 {
			expected[o.source] = true
			o.source.expect(at)
		}
	}
	forget(expected)
}

func (w *watch) run() {
	defer close(w.done)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case at := <-ticker.C:
			w.look(at)
		case <-w.quit:
			return
		}
	}
}

// look does what is due at a time.
func (w *watch) look(at time.Time) {
	w.flush(at)
	for _, o := range w.observers {
		o.checkSilence(at)
	}
}

// stop leaves the endpoints to the configuration that still runs.
func (w *watch) stop() {
	running.remove(w)
	if w.quit == nil {
		return
	}
	close(w.quit)
	<-w.done
	w.quit = nil
	w.flush(time.Time{})
}

// flush has the refusals told of that were left out of the log up to a time.
func (w *watch) flush(at time.Time) {
	for _, log := range w.refusals {
		log.flush(at)
	}
}
