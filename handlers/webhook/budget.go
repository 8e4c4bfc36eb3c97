package webhook

import (
	"math"
	"runtime/debug"
	"sync/atomic"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Buffered is how much all requests hold, in bytes. It is the process's, so that
// a reload neither frees nor forgets anything.
var Buffered atomic.Int64

// reserve counts bytes that a request holds more, whose body is, or becomes, of a
// size. It is refused where the budget has no room for bodies of this size. 0 is
// no budget.
func reserve(bytes, size, budget int64) error {
	if held := Buffered.Add(bytes); budget == 0 || held <= budget-keptFree(size, budget) {
		return nil
	}
	Buffered.Add(-bytes)
	return ErrNoRoom
}

var ErrNoRoom = &verify.Error{
	Reason: verify.Overloaded, Detail: "webhooks that are being handled fill the memory set aside for them (max_buffered)",
}

// keptFree is how much of a budget stays free for bodies that are smaller than
// size. So a flood of large bodies, from however many addresses, fills the share
// of large ones, and no smaller webhook is refused because of it. Sizes cannot be
// feigned: a buffer has the size of what has arrived.
func keptFree(size, budget int64) int64 {
	switch {
	case size > SmallBody:
		return budget / 4
	case size > firstRead:
		return budget / 8
	}
	return 0
}

// Largest is the largest body for which a budget has room.
func Largest(budget int64) int64 { return budget - keptFree(budget, budget) }

// DefaultBudget is how much all requests may hold where nothing is said: a
// quarter of the memory limit, which Caddy sets by what the machine or its
// container has; without a limit, 1 GiB.
func DefaultBudget() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit / 4
	}
	return 1 << 30
}
