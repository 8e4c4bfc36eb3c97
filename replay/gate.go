package replay

import (
	"context"
	"sync/atomic"
	"time"
)

// Bounds of a Gate.
const (
	// Lease is how long the app may take until a copy of its delivery is handled,
	// too: the process may have died.
	Lease = 2 * time.Minute

	// inFlightWait is how long a copy waits for the answer to the first one.
	inFlightWait = 5 * time.Second

	// maxWaiting is how many requests may wait at a time. They hold their
	// bodies meanwhile.
	maxWaiting = 1000

	// patience is how long a store may take to answer.
	patience = 5 * time.Second
)

// waiting counts the requests that wait for the answer to another one.
var waiting atomic.Int64

// Gate lets one copy of a delivery through at a time, and none once the app has
// accepted it. This is the way of two copies that come at the same time, each on
// the goroutine of its request:
//
//	first copy                          second copy
//
//	Reserve: the claim holds
//	  the app is asked                  Reserve: another claim is in flight
//	  │                                   Wait, for up to 5 seconds
//	Settle(2xx): Done, remembered ────▶   asks again: Done, and gets that status
//	or Settle(0): Release, forgotten ──▶  asks again: its own claim holds, and the
//	                                      app is asked about this copy
//
// A first copy whose process dies settles nothing. Its claim lapses after Lease,
// and the next copy goes through. Nobody holds a lock meanwhile: all that two
// copies share is the record in the Store.
type Gate struct {
	// Store returns the store, which it may open.
	Store func() (Store, error)
}

// Reserve makes the claim. While a copy of the delivery is being handled it
// waits for the answer to that one, for a while.
func (g Gate) Reserve(ctx context.Context, claim *Claim) (Outcome, error) {
	store, err := g.Store()
	if err != nil {
		return Outcome{}, err
	}
	outcome, err := ask(ctx, store, claim)
	if err != nil || outcome.State != InFlight {
		return outcome, err
	}
	defer waiting.Add(-1)
	if waiting.Add(1) > maxWaiting {
		return outcome, nil
	}
	limited, cancel := context.WithTimeout(ctx, inFlightWait)
	defer cancel()
	for outcome.State == InFlight {
		if err := store.Wait(limited, claim.Key); limited.Err() != nil {
			return outcome, nil
		} else if err != nil {
			return outcome, err
		}
		if outcome, err = ask(ctx, store, claim); err != nil {
			return outcome, err
		}
	}
	return outcome, nil
}

func ask(ctx context.Context, store Store, claim *Claim) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return store.Reserve(ctx, *claim)
}

// Settle tells the store how the claim has ended: with a status by which the app
// has accepted the delivery, or 0 if it has not. The sender may be gone.
func (g Gate) Settle(ctx context.Context, claim *Claim, status int) error {
	store, err := g.Store()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if status == 0 {
		return store.Release(ctx, *claim)
	}
	return store.Done(ctx, *claim, status)
}
