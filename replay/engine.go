package replay

import "time"

// Engine is a kind of Store, with what a configuration says of it. Caddy's modules
// of the namespace webhooks.replay implement it.
//
// A store is opened when a configuration is taken into use, and not when it is only
// validated. It is open once for each place: where a reload comes to a place that is
// open, it adopts that store, and the store is closed when no configuration has it
// any more.
type Engine interface {
	// Place tells the store from others, such as the real path of a file.
	Place() (string, error)

	// Open opens the store.
	Open(options Options) (Store, error)

	// Adopt takes a store that is open at the place, and has it do what this
	// configuration says.
	Adopt(open Store) error
}

// Options are what a store is told by who opens it.
type Options struct {
	// Now is the clock.
	Now func() time.Time

	// Evicted is called whenever a delivery is forgotten before its time.
	Evicted func()
}
