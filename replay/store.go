package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Key stands for one delivery. It is a hash: it holds nothing of the payload,
// and no sender can choose it.
type Key [sha256.Size]byte

// String returns the key in lower-case hex, for stores whose keys are text.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Digest is the SHA-256 of a payload.
type Digest [sha256.Size]byte

// Claim is what a request says of its delivery.
type Claim struct {
	Key    Key
	Digest Digest        // of the payload
	Bound  bool          // the key is good for this payload only, even after a release
	Owner  string        // differs from that of every other claim
	Lease  time.Duration // how long the claim holds if it is neither done nor released
	TTL    time.Duration // how long the delivery is remembered
}

// State is what a store says to a claim.
type State int

// The states.
const (
	Reserved State = iota // the claim holds: ask the app, then call Done or Release
	InFlight              // another claim holds
	Done                  // the app has accepted this delivery
	Swapped               // the key is bound to another payload
)

// Outcome is a store's answer to a claim.
type Outcome struct {
	State  State
	Status int // of the app's answer, if State is Done
}

// Store remembers deliveries. It is used by many goroutines at a time, and may
// be shared by several processes. Its methods return when their context ends,
// with its error. An error means that nothing is known of the delivery, which
// is then not accepted.
type Store interface {
	// Reserve claims a key, and remembers nothing if it cannot.
	Reserve(ctx context.Context, claim Claim) (Outcome, error)

	// Done remembers that the app has accepted a claimed delivery with a
	// status. It does nothing if somebody else has claimed the key since.
	Done(ctx context.Context, claim Claim, status int) error

	// Release gives up a claim. It does nothing if somebody else has claimed
	// the key since.
	Release(ctx context.Context, claim Claim) error

	// Wait returns when the claim that holds a key may have been done or
	// released. It may return early, but not busily; then Reserve says more.
	Wait(ctx context.Context, key Key) error

	// Close frees the store, of which nothing is asked any more.
	Close() error
}

// ErrFull is returned by Reserve if a store has no room that could be freed,
// because all it holds are claims.
var ErrFull = errors.New("the replay store is full of deliveries that are being handled")
