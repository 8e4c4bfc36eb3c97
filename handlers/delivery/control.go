package delivery

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// parametersOf returns the parameters of a query, which must be those that are named.
func parametersOf(query url.Values, names ...string) (values []string, err error) {
	for _, name := range names {
		if !query.Has(name) {
			return nil, fmt.Errorf("%w: %s is missing", errQuery, name)
		}
		if known := query[name]; len(known) != 1 || known[0] == "" {
			return nil, fmt.Errorf("%w: %s needs one value", errQuery, name)
		}
		values = append(values, query.Get(name))
	}
	if len(query) != len(names) {
		return nil, fmt.Errorf("%w: there is a parameter too many", errQuery)
	}
	return values, nil
}

// known is an error for a destination of which nothing is kept, and that the
// configuration has not: a typing mistake.
func (d *Manager) known(ctx context.Context, destination string) error {
	if d.serves(destination) {
		return nil
	}
	all, err := d.store.Stats(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Destination == destination {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no destination %.80q", errQuery, destination)
}

// setPaused pauses a destination, or resumes it.
func setPaused(paused bool) func(*Manager, *http.Request) (any, error) {
	return func(d *Manager, r *http.Request) (any, error) {
		values, err := parametersOf(r.URL.Query(), "destination")
		if err != nil {
			return nil, err
		}
		destination := values[0]
		if err := d.known(r.Context(), destination); err != nil {
			return nil, err
		}
		return QueueChange{1}, d.store.SetPaused(r.Context(), destination, paused)
	}
}

// retryNow makes waiting deliveries due. Who asks for that knows that the app is
// well, so what is due need not wait for a probe.
func retryNow(d *Manager, r *http.Request) (any, error) {
	filter, err := changeFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	if filter.State == deliver.Dead {
		return nil, fmt.Errorf("%w: dead letters are requeued, not retried", errQuery)
	}
	count, err := d.store.RetryNow(r.Context(), *filter)
	for _, to := range d.destinations() {
		if filter.Destination == "" || filter.Destination == to.Name {
			to.Gate.Reset()
		}
	}
	return QueueChange{count}, err
}

// moveQueue gives what is kept for one destination to another, which the
// configuration must have.
func moveQueue(d *Manager, r *http.Request) (any, error) {
	values, err := parametersOf(r.URL.Query(), "from", "to")
	if err != nil {
		return nil, err
	}
	from, to := values[0], values[1]
	if err := d.known(r.Context(), from); err != nil {
		return nil, err
	}
	if !d.serves(to) {
		return nil, fmt.Errorf("%w: the configuration has no destination %.80q", errQuery, to)
	}
	count, err := d.store.Move(r.Context(), from, to)
	return QueueChange{count}, err
}
