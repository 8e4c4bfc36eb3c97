package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/pool"
	"github.com/caddy-webhooks/caddy-webhooks/internal/running"
)

// Manager is the part of App that webhook_deliver needs: the store, and what
// delivers from it.
type Manager struct {
	ctx        caddy.Context
	engine     deliver.Engine
	asked      bool                // the configuration names the store
	budget     int64               // bytes that the bodies of all requests may hold
	deliverers map[string]*Deliver // by name
	identities map[string]string   // their configurations
	all        []*Deliver          // with those that stand in several servers

	started  chan struct{} // closed when store is set
	store    *pooledStore
	place    string // that the pool knows the store by; empty if it is not open
	runner   *deliver.Runner
	stranded []strandedStore
	grace    time.Duration

	note    func(*archive.Note) // keeps what becomes of webhooks
	metrics *observe.Metrics
	events  *caddyevents.App
	logger  *zap.Logger
}

// stores are the open stores by place. A reload hands them over.
var stores = pool.New[*pooledStore]()

// pooledStore is a store that several configurations may use, and what spares its
// destinations.
type pooledStore struct {
	deliver.Store
	gates gates
}

// delivering are those of the configurations that have started.
var delivering running.List[*Manager]

// defaultGrace is how long attempts may go on after a stop, where the HTTP app
// has no grace period.
const defaultGrace = 10 * time.Second

// Provision sets up delivery from a store, which is opened where the configuration
// asks for it, or has a webhook_deliver. Whatever comes of a webhook is noted.
func (d *Manager) Provision(
	ctx caddy.Context, engine deliver.Engine, asked bool, budget int64, note func(*archive.Note),
) error {
	d.ctx, d.logger = ctx, ctx.Logger()
	d.engine, d.asked, d.budget, d.note = engine, asked, budget, note
	d.deliverers = make(map[string]*Deliver)
	d.identities = make(map[string]string)
	d.started = make(chan struct{})
	var err error
	if d.metrics, err = observe.RegisterMetrics(ctx); err != nil {
		return err
	}
	if err := observe.Register(ctx, queueMetrics{}); err != nil {
		return err
	}
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	d.events = events.(*caddyevents.App)
	return nil
}

// register announces a webhook_deliver. The same one may stand in several
// servers; different ones need different names.
func (d *Manager) register(deliverer *Deliver, identity string) error {
	name := deliverer.Name
	d.all = append(d.all, deliverer)
	if known, ok := d.identities[name]; ok {
		if known != identity {
			return fmt.Errorf("there are several webhook_deliver with the name %s; give each a name: webhook_deliver <name>", name)
		}
		return nil
	}
	if maxAge := d.engine.Retention(); maxAge > 0 && deliverer.schedule.Span() > maxAge {
		return fmt.Errorf("webhook_deliver %s: retry goes on for %v, but the store keeps webhooks for %v (max_age)",
			name, deliverer.schedule.Span().Round(time.Second), maxAge)
	}
	d.deliverers[name], d.identities[name] = deliverer, identity
	return nil
}

// destinations returns where the configuration delivers.
func (d *Manager) destinations() []deliver.Destination {
	var all []deliver.Destination
	for _, deliverer := range d.deliverers {
		for _, to := range deliverer.To {
			all = append(all, deliver.Destination{
				Name: to.fullName, Schedule: deliverer.schedule, Gate: to.gate, Attempt: to.attemptStored,
			})
		}
	}
	return all
}

// serves reports whether the configuration has a destination.
func (d *Manager) serves(destination string) bool {
	return slices.ContainsFunc(d.destinations(), func(to deliver.Destination) bool { return to.Name == destination })
}

// Start opens the store, or takes it over from the configuration before, and
// delivers what is in it.
func (d *Manager) Start() error {
	if len(d.deliverers) == 0 && !d.asked {
		if d.findStranded(); len(d.stranded) > 0 {
			delivering.Add(d)
		}
		return nil
	}
	place, err := d.engine.Place()
	if err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	store, err := stores.Acquire(place, d.opener(d.engine),
		func(open *pooledStore) error { return d.engine.Adopt(open.Store) })
	if err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	d.place, d.store = place, store
	d.grace = defaultGrace
	if app, err := d.ctx.AppIfConfigured("http"); err == nil {
		if grace := time.Duration(app.(*caddyhttp.App).GracePeriod); grace > 0 {
			d.grace = grace
		}
	}
	d.control()
	d.runner = deliver.NewRunner(d.store.Store, d.destinations(), d.engine.Retention(), d.runnerEvents())
	close(d.started)
	d.findStranded()
	delivering.Add(d)
	d.reportOrphans()
	return nil
}

// control takes what spares the destinations over from the configuration before.
func (d *Manager) control() {
	for _, deliverer := range d.all {
		for _, to := range deliverer.To {
			to.gate = d.store.gates.of(to.fullName)
			to.gate.SetLimits(deliverer.limits(), func(down bool, failure deliver.Failure) { d.turned(to.fullName, down, failure) })
		}
	}
}

// now is the time by which deliveries are due.
func (d *Manager) now() time.Time {
	select {
	case <-d.started:
		return d.store.Now()
	default:
		return time.Now()
	}
}

// opened returns the store. Requests may come before the app has started, since
// the HTTP app may start earlier.
func (d *Manager) opened(ctx context.Context) (deliver.Store, error) {
	select {
	case <-d.started:
		return d.store, nil
	case <-ctx.Done():
		return nil, errors.New("the store is not open yet")
	}
}

// Stop ends delivering. Attempts that are being made may go on for the grace
// period: in a reload while the next configuration is serving already, at the
// end of the process while it waits.
func (d *Manager) Stop() {
	delivering.Remove(d)
	if d.runner == nil {
		return
	}
	// The store is let go of twice: by the runner now, by requests in cleanup.
	place := d.place
	stores.Retain(place)
	finish := func() {
		ctx, cancel := context.WithTimeout(context.Background(), d.grace)
		defer cancel()
		d.runner.Stop(ctx)
		d.release(place)
	}
	if caddy.Exiting() {
		finish()
	} else {
		go finish()
	}
}

// Cleanup lets go of the store.
func (d *Manager) Cleanup() error {
	if d.place != "" {
		d.release(d.place)
	}
	return nil
}

func (d *Manager) release(place string) {
	if err := stores.Release(place); err != nil {
		d.logger.Error("closing the store failed", zap.Error(err))
	}
}

// reportOrphans says what is kept for destinations that are not configured.
func (d *Manager) reportOrphans() {
	all, err := d.store.Stats(d.ctx)
	if err != nil {
		d.logger.Error("reading the store failed", zap.Error(err))
	}
	for i := range all {
		if all[i].Waiting > 0 && !d.serves(all[i].Destination) {
			d.logger.Warn("webhooks wait for a destination that is not in the configuration; "+
				"they are kept until it is there again, are too old (max_age) or are removed by caddy webhooks queue purge",
				zap.String("destination", all[i].Destination), zap.Int("waiting", all[i].Waiting))
		}
	}
}

// observer tells the metrics what the engine does.
func (d *Manager) observer() deliver.Observer {
	// The store may outlive the configuration that has opened it.
	m, logger := d.metrics, caddy.Log().Named(webhook.AppName)
	return deliver.Observer{
		Synced: func(took time.Duration, _ int) { m.StoreSync.Observe(took.Seconds()) },
		Corrupt: func(destination string) {
			m.StoreCorrupt.Inc()
			logger.Error("a stored webhook is damaged; it is a dead letter now", zap.String("destination", destination))
		},
		Trouble: func(err error) { logger.Error("the store failed", zap.Error(err)) },
	}
}

// events is what is done about what the runner tells.
func (d *Manager) runnerEvents() deliver.Events {
	return deliver.Events{
		Attempted: d.attempted,
		Died: func(l *deliver.Delivery, failure deliver.Failure) {
			d.died(&letter{
				destination: l.Destination, endpoint: webhook.Endpoint{Provider: l.Record.Provider, Name: l.Record.Endpoint},
				event: l.Record.Event, id: l.Record.ID, ref: l.Record.Ref,
				attempts: l.Made + 1, failure: failure,
			})
		},
		Expired: func(destination string, state deliver.State, count int) {
			d.logger.Error("stored webhooks were older than max_age and are removed",
				zap.String("destination", destination), zap.String("state", string(state)), zap.Int("count", count))
		},
		Trouble: func(destination string, err error) {
			d.logger.Error("the store failed", zap.String("destination", destination), zap.Error(err))
		},
	}
}

// letter describes a dead letter.
type letter struct {
	destination, event, id string

	ref      string // in the archive
	endpoint webhook.Endpoint
	attempts int
	failure  deliver.Failure
}

// died tells the operator of a dead letter.
func (d *Manager) died(l *letter) {
	d.note(&archive.Note{
		Ref: l.ref, At: d.now(), Outcome: archive.Dead, Destination: l.destination, Attempts: l.attempts, Status: l.failure.Status,
	})
	d.metrics.DeadLetters.WithLabelValues(l.destination).Inc()
	d.logger.Error("webhook is a dead letter: it is not delivered any more, and kept",
		zap.String("destination", l.destination), l.endpoint.Field(), zap.String("event", l.event),
		zap.String("id", l.id), zap.Int("attempts", l.attempts),
		zap.Int("status", l.failure.Status), zap.String("failure", l.failure.Reason))
	d.events.Emit(d.ctx, "webhook_dead_letter", map[string]any{
		"destination": l.destination, "provider": l.endpoint.Provider, "endpoint": l.endpoint.Name,
		"event": l.event, "id": l.id,
		"attempts": l.attempts, "status": l.failure.Status, "reason": l.failure.Reason,
	})
}
