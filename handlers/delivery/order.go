package delivery

import (
	"context"
	"fmt"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// laneOf is what is in order with a webhook; empty if nothing is.
func (d *Deliver) laneOf(event *route.Event) (string, error) {
	if d.order == nil {
		return "", nil
	}
	key, err := d.order.Compute(event)
	if err != nil {
		return "", fmt.Errorf("order: %s", route.Failure(err))
	}
	if key == nil {
		return "", nil
	}
	text, err := route.Text(key)
	if err != nil {
		return "", fmt.Errorf("order: its key is neither text nor a number")
	}
	return text, nil
}

// entered is the leave to make first attempts at all destinations of a
// webhook_deliver. Each attempt ends its own pass. The lanes, of all destinations or none,
// are left when what has become of the webhook is stored, or need not be; if it cannot
// be, when the attempts have ended.
type entered struct {
	passes []*deliver.Pass
	leave  []func()
}

// enter asks for that leave. There is none if a destination is paused, down, at its
// limits or hangs, or if something with the same key waits or is under way there:
// then the webhook is stored, and its turn comes. Before the store is open nothing
// is known of that, and the apps are asked.
func (d *Deliver) enter(ctx context.Context, lane string) (e entered, may bool) {
	select {
	case <-d.delivery.started:
	default:
		return e, d.order == nil && !slices.ContainsFunc(d.To, (*Destination).hangs)
	}
	for _, to := range d.To {
		if !e.at(ctx, to, lane) {
			e.undo()
			return e, false
		}
	}
	return e, true
}

// at asks for the leave of one destination.
func (e *entered) at(ctx context.Context, to *Destination, lane string) bool {
	store := to.of.delivery.store
	if to.hangs() || store.Paused(to.fullName) {
		return false
	}
	if lane != "" {
		leave, err := store.Enter(ctx, to.fullName, lane)
		if err != nil || leave == nil {
			return false // a store that fails says so when it is to store
		}
		e.leave = append(e.leave, leave)
	}
	pass, may := to.gate.First()
	if may {
		e.passes = append(e.passes, pass)
	}
	return may
}

// undo gives back what was asked for in vain.
func (e *entered) undo() {
	for _, pass := range e.passes {
		pass.Cut()
	}
	e.left()
}

// left leaves the lanes.
func (e *entered) left() {
	for _, leave := range e.leave {
		leave()
	}
}

// leaveWith leaves each lane when the attempt in it has ended: what could not be stored
// comes again, and must not be under way twice.
func (e *entered) leaveWith(attempts []attempt) {
	for i, leave := range e.leave {
		attempts[i].leaveAtEnd(leave)
	}
	e.leave = nil
}

// pass is that of a destination; nil if nobody was asked.
func (e *entered) pass(destination int) *deliver.Pass {
	if e.passes == nil {
		return nil
	}
	return e.passes[destination]
}
