package delivery

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// What waits in a store that the configuration has no more is forgotten by nobody:
// it is told of when the configuration loads, by the metrics and by the queue. That
// is the store of the configuration before, and the default one, which is where it
// was in the process before.

// strandedStore is such a store, which is kept open.
type strandedStore struct {
	place string
	store *pooledStore
}

// locatable is an engine that can say whether there is a store already.
type locatable interface{ Exists() bool }

// defaultStore is the module that keeps webhooks where nothing is said.
const defaultStore = "webhooks.stores.bolt"

// holdsDefault reports whether the store where nothing is said is there although
// nothing asks for it any more, and holds something.
func (d *Manager) holdsDefault() bool {
	engine, ok := d.engine.(locatable)
	if !ok || !engine.Exists() {
		return false
	}
	place, err := d.engine.Place()
	if err != nil {
		return false
	}
	opened, _, err := stores.LoadOrNew(place, d.opener(d.engine))
	if err != nil {
		d.logger.Error("there is a store of webhooks that the configuration has no more, and it cannot be read",
			zap.String("store", place), zap.Error(err))
		return false
	}
	defer d.release(place)
	return d.holds(opened.(*pooledStore))
}

func (d *Manager) holds(store *pooledStore) bool {
	all, err := store.Stats(d.ctx)
	for i := range all {
		if all[i].Waiting+all[i].Dead > 0 {
			return true
		}
	}
	return err != nil
}

// opener makes what the pool opens a store by.
func (d *Manager) opener(engine deliver.Engine) caddy.Constructor {
	return func() (caddy.Destructor, error) {
		store, err := engine.Open(d.observer())
		if err != nil {
			return nil, err
		}
		return &pooledStore{Store: store}, nil
	}
}

// findStranded keeps the stores open that hold something and are not the
// configuration's.
func (d *Manager) findStranded() {
	if before := delivering.current(); before != nil && before.place != d.place {
		d.strand(before.place, nil)
	}
	module, err := caddy.GetModule(defaultStore)
	if err != nil {
		return
	}
	engine, ok := module.New().(deliver.Engine)
	if !ok {
		return
	}
	place, err := engine.Place()
	if where, ok := engine.(locatable); err == nil && ok && place != d.place && where.Exists() {
		d.strand(place, engine)
	}
}

// strand keeps one of them open, which is open if there is no engine.
func (d *Manager) strand(place string, engine deliver.Engine) {
	for _, known := range d.stranded {
		if known.place == place {
			return
		}
	}
	open := func() (caddy.Destructor, error) { return nil, errors.New("it is not open any more") }
	if engine != nil {
		open = d.opener(engine)
	}
	opened, _, err := stores.LoadOrNew(place, open)
	if err != nil {
		d.logger.Error("there is a store of webhooks that the configuration has no more, and it cannot be read",
			zap.String("store", place), zap.Error(err))
		return
	}
	other := strandedStore{place, opened.(*pooledStore)}
	if !d.holds(other.store) {
		d.release(place)
		return
	}
	d.stranded = append(d.stranded, other)
	all, _ := other.store.Stats(d.ctx)
	for i := range all {
		if all[i].Waiting > 0 {
			d.logger.Warn("webhooks wait for a destination in a store that is not in the configuration; "+
				"name the store again to have them delivered", zap.String("store", place),
				zap.String("destination", all[i].Destination), zap.Int("waiting", all[i].Waiting))
		}
	}
}
