package delivery

import (
	"context"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// What waits in a store that the configuration has no more is told of when the
// configuration loads, by the metrics and by the queue: of the store of the
// configuration before, and of the default one, which is where it was in an earlier
// process. The file is looked into and let go of, since another process may be about
// to deliver what is in it.

// strandedStore is what was in such a store when it was looked into.
type strandedStore struct {
	place string
	kept  []deliver.Stats
}

// locatable is an engine that can say whether there is a store already.
type locatable interface{ Exists() bool }

// defaultStore is the module that keeps webhooks where nothing is said.
const defaultStore = "webhooks.stores.bolt"

// findStranded looks into the stores that are not the configuration's.
func (d *Manager) findStranded() {
	if before := delivering.Current(); before != nil && before.store != nil && before.place != d.place {
		d.strand(before.place, before.store.Store)
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
	if where, ok := engine.(locatable); err != nil || !ok || place == d.place || !where.Exists() ||
		slices.ContainsFunc(d.stranded, func(known strandedStore) bool { return known.place == place }) {
		return
	}
	store, err := stores.Acquire(place, d.opener(engine), asIs)
	if err != nil { // mostly because another process delivers from it
		d.logger.Debug("the default store cannot be looked into", zap.String("store", place), zap.Error(err))
		return
	}
	defer d.release(place)
	d.strand(place, store.Store)
}

// strand notes what is in a store, and tells of it.
func (d *Manager) strand(place string, store deliver.Store) {
	all, err := store.Stats(d.ctx)
	if err != nil {
		d.logger.Error("a store that is not in the configuration cannot be read", zap.String("store", place), zap.Error(err))
		return
	}
	all = slices.DeleteFunc(all, func(stats deliver.Stats) bool { return stats.Waiting+stats.Dead == 0 })
	if len(all) == 0 {
		return
	}
	d.stranded = append(d.stranded, strandedStore{place, all})
	for i := range all {
		if all[i].Waiting > 0 {
			d.logger.Warn("webhooks wait for a destination in a store that is not in the configuration; "+
				"name the store and the destination again to have them delivered", zap.String("store", place),
				zap.String("destination", all[i].Destination), zap.Int("waiting", all[i].Waiting))
		}
	}
}

// strandedQueues is what was left in those stores.
func (d *Manager) strandedQueues() (queues []Queue) {
	for _, other := range d.stranded {
		for i := range other.kept {
			q := queueOf(other.kept[i])
			q.Store = other.place
			queues = append(queues, q)
		}
	}
	return queues
}

// opener makes what the pool opens a store by.
func (d *Manager) opener(engine deliver.Engine) func() (*pooledStore, error) {
	return func() (*pooledStore, error) {
		store, err := engine.Open(d.observer())
		if err != nil {
			return nil, err
		}
		return &pooledStore{Store: store}, nil
	}
}

// asIs leaves a store that is open as whoever has opened it wants it.
func asIs(*pooledStore) error { return nil }

// queues returns what is kept for each destination: those of the configuration, also
// if nothing is, those that it has no more, and what was left in stores that it has
// no more.
func (d *Manager) queues(ctx context.Context) ([]Queue, error) {
	if d.store == nil {
		return d.strandedQueues(), nil
	}
	all, err := d.store.Stats(ctx)
	if err != nil {
		return nil, err
	}
	destinations := d.destinations()
	var queues []Queue
	for i := range all {
		queues = append(queues, queueOf(all[i]))
	}
	for _, to := range destinations {
		i := slices.IndexFunc(queues, func(q Queue) bool { return q.Destination == to.Name })
		if i < 0 {
			i = len(queues)
			queues = append(queues, queueOf(deliver.Stats{Destination: to.Name}))
		}
		queues[i].Configured, queues[i].Down = true, to.Gate.Down()
	}
	slices.SortFunc(queues, func(a, b Queue) int { return strings.Compare(a.Destination, b.Destination) })
	return append(queues, d.strandedQueues()...), nil
}
