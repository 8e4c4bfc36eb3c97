package deliver

import (
	"context"
	"errors"
	"time"
)

// Store keeps webhooks for destinations, each of which is named by the
// configuration and gets them on its own. One record with one destination is
// a delivery: waiting until it is done or dead. A Store is safe for concurrent
// use, and every method but Claim returns soon.
//
// Leases are not kept on disk: what was claimed and not settled when the
// process ended is due again as soon as the store is opened.
type Store interface {
	Controls

	// Append stores a record for all targets, or for none. When it returns nil
	// the record is on disk (or on a quorum of disks), and no crash or loss of
	// power can lose it. An error says that it must not be acknowledged; it may
	// be stored nevertheless, if ctx ended while it was being written.
	//
	// A record with a Key that is already waiting for the same target is not
	// stored again for it.
	Append(ctx context.Context, record *Record, targets []Target) error

	// Claim waits until something is due at a destination, and leases at most
	// limit deliveries to the caller, those due longest first. Nobody else gets
	// them until they are settled by Done, Retry, Dead or Release. The error is
	// that of ctx if it ends first.
	//
	// A record whose checksum is wrong is never handed out: it becomes a dead
	// letter with the reason ReasonCorrupt.
	Claim(ctx context.Context, destination string, limit int) ([]*Delivery, error)

	// Done removes a leased delivery, which its destination has taken, and the
	// record with the last of its deliveries.
	Done(ctx context.Context, d *Delivery) error

	// Retry ends a lease after a failed attempt. The delivery is due at a time,
	// with one attempt more behind it.
	Retry(ctx context.Context, d *Delivery, at time.Time, failure Failure) error

	// Dead ends a lease after an attempt that was the last. The delivery is
	// kept as a dead letter, which nobody claims.
	Dead(ctx context.Context, d *Delivery, failure Failure) error

	// Release ends a lease without an attempt: the delivery is due at once.
	Release(d *Delivery)

	// Stats returns what is kept for each destination, ordered by their names,
	// also for destinations that no configuration names any more. They may be
	// those of a moment ago.
	Stats(ctx context.Context) ([]Stats, error)

	// List returns deliveries, the oldest first and at most limit of them. A
	// list is continued with Filter.After.
	List(ctx context.Context, filter Filter, limit int) ([]Entry, error)

	// Read returns the record of a listed delivery, by its Ref. The error is
	// ErrNotFound if it is no longer there, and ErrChecksum if it is damaged.
	Read(ctx context.Context, ref string) (*Record, error)

	// Requeue makes dead letters due at once, with a schedule from its start, and
	// returns how many. Filter.State is ignored.
	Requeue(ctx context.Context, filter Filter) (int, error)

	// Remove deletes deliveries for good, and their records with the last of
	// them, and returns how many. One that is leased is removed, too; what its
	// attempt comes to is then ignored.
	Remove(ctx context.Context, filter Filter) (int, error)

	// Close waits for what is being written, and frees the store. Claims that
	// wait end with ErrClosed.
	Close() error
}

// Controls is the part of a Store that operators, and first attempts, need.
//
// A lane is what has the same Target.Lane at the same destination. Claim hands out
// the earliest of a lane only, and nothing while one of the lane is leased or
// entered. So deliveries of a lane are attempted one at a time, in the order in
// which they were stored, whatever fails in between: one that is put off holds its
// lane, one that is done, dead or removed lets the next go. A requeued dead letter
// goes before what was stored after it. What is not waiting costs a lane nothing.
type Controls interface {
	// Now is the time by which deliveries are due.
	Now() time.Time

	// Enter holds a lane for an attempt of what is not stored, until leave is
	// called. There is no leave if something of the lane waits or is under way:
	// then the record is to be appended. An engine that several processes share may
	// say so always.
	Enter(ctx context.Context, destination, lane string) (leave func(), err error)

	// SetPaused has nothing of a destination claimed any more, or again. It is kept
	// with the deliveries.
	SetPaused(ctx context.Context, destination string, paused bool) error

	// Paused reports whether a destination is paused. It is quick.
	Paused(destination string) bool

	// RetryNow makes waiting deliveries due at once, with the attempts they have
	// had, and returns how many. What is leased is left alone. Filter.State is
	// ignored.
	RetryNow(ctx context.Context, filter Filter) (int, error)

	// Move gives all that is kept for one destination to another, and returns how
	// many deliveries that were. What is leased stays. What is kept there already,
	// by its record or its key, is not kept twice.
	Move(ctx context.Context, from, to string) (int, error)

	// Postpone ends a lease after an attempt that failed and does not count: the
	// delivery is due at a time, with the attempts of its schedule that it had.
	Postpone(ctx context.Context, d *Delivery, at time.Time, failure Failure) error
}

// Errors of stores. Others may be returned, too: they all say that nothing was
// acknowledged.
var (
	// ErrFull says that the store's own limit, or the disk, leaves no room.
	ErrFull = errors.New("the store is full")

	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("the store is closed")

	// ErrUnavailable says that the servers that have the store do not answer, or
	// are choosing a leader. It passes.
	ErrUnavailable = errors.New("the servers of the store do not answer; try again in some seconds")

	// ErrNotFound says that there is no such delivery.
	ErrNotFound = errors.New("there is no such delivery")
)

// Target is a destination that a record is appended for.
type Target struct {
	Destination string
	Attempts    int       // attempts that were made before it was stored
	Due         time.Time // when the next one is due; the zero time: at once
	Failure     Failure   // of the last of those attempts, if Dead is nil
	Lane        string    // what is in the same lane is attempted in order; empty: in none. See Controls

	// Dead is not nil if the destination has refused the record for good: it is
	// stored as a dead letter.
	Dead *Failure

	// Lease is not nil if the last of the Attempts is still going on. Append calls
	// it before it returns, with the delivery leased to the caller, who settles it
	// as one that was claimed for that attempt. Its Record has no Body. Append does
	// not call it if the record waits already and somebody else has the lease.
	Lease func(*Delivery)

	// LeaseEnd is when that attempt is over at the latest. Only an engine whose
	// leases outlive the process needs it.
	LeaseEnd time.Time
}

// Failure says why an attempt failed.
type Failure struct {
	Status int    `json:"status,omitempty"` // the app's answer; 0 if there was none
	Reason string `json:"reason,omitempty"` // in words, without anything of the payload
}

// Reasons of failures that are not those of an app.
const (
	ReasonCorrupt = "the stored record is damaged"
)

// Going returns the delivery of a target whose last attempt is still going on.
func (t *Target) Going(record *Record, stored time.Time) *Delivery {
	head := *record
	head.Body = nil
	return &Delivery{
		Record: &head, Destination: t.Destination, Attempts: t.Attempts - 1, Made: t.Attempts - 1, Stored: stored, Due: t.Due,
	}
}

// Delivery is one leased delivery.
type Delivery struct {
	Record      *Record
	Destination string
	Attempts    int       // failed attempts before this one that count in the schedule
	Made        int       // all attempts before this one, also before it was a dead letter
	Stored      time.Time // when it was stored
	Due         time.Time // since when it was due

	// Lease is the engine's own note of the lease.
	Lease any
}

// State is what a delivery is in.
type State string

// The states.
const (
	Waiting State = "waiting" // due now or later, or being attempted
	Dead    State = "dead"    // given up
)

// Stats is what is kept for one destination.
type Stats struct {
	Destination string    `json:"destination"`
	Waiting     int       `json:"waiting"`
	Dead        int       `json:"dead"`
	Oldest      time.Time `json:"oldest,omitzero"` // when the oldest waiting one was stored; zero if none is
	Paused      bool      `json:"paused,omitempty"`
}

// Filter chooses deliveries. Fields that are zero choose all.
type Filter struct {
	State       State
	Ref         string    // one delivery, as listed
	ID          string    // the delivery id that the app sees
	Destination string    // its name
	Provider    string    // the provider's name
	Event       string    // the event's name
	Since       time.Time // stored at this time or later
	Until       time.Time // stored before this time
	After       string    // List only: those after the delivery with this Ref
}

// Entry describes a delivery without its payload. An engine may not know Due,
// Attempts and Failure of one that is waiting; of dead letters all is known.
type Entry struct {
	Ref         string    `json:"ref"` // names it within the store
	State       State     `json:"state"`
	Destination string    `json:"destination"`
	ID          string    `json:"id"`
	Provider    string    `json:"provider"`
	Event       string    `json:"event"`
	Stored      time.Time `json:"stored"`
	Due         time.Time `json:"due,omitzero"`   // when the next attempt is due; zero for dead letters
	Attempts    int       `json:"attempts"`       // that have failed
	Size        int       `json:"size"`           // of the payload in bytes
	Held        bool      `json:"held,omitempty"` // an earlier one of its lane has to be delivered first
	Failure               // of the last attempt
}

// Match reports whether an entry is one that the filter chooses. After is left
// to the engine, which knows the order.
func (f *Filter) Match(e *Entry) bool {
	return (f.State == "" || f.State == e.State) &&
		(f.Ref == "" || f.Ref == e.Ref) &&
		(f.ID == "" || f.ID == e.ID) &&
		(f.Destination == "" || f.Destination == e.Destination) &&
		(f.Provider == "" || f.Provider == e.Provider) &&
		(f.Event == "" || f.Event == e.Event) &&
		(f.Since.IsZero() || !e.Stored.Before(f.Since)) &&
		(f.Until.IsZero() || e.Stored.Before(f.Until))
}

// Observer is told what an engine does. Functions that are nil are not called.
type Observer struct {
	// Synced is called after each time data was forced to disk, with how long
	// that took and how many operations it made safe.
	Synced func(took time.Duration, operations int)

	// Corrupt is called when a record's checksum was wrong.
	Corrupt func(destination string)

	// Trouble is called when something has failed that nobody has asked for.
	Trouble func(err error)
}

// Engine is the configuration of a store: what to open. In Caddy the engines
// are the modules of the namespace webhooks.stores.
type Engine interface {
	// Place names where the store is, without secrets. Two configurations with
	// the same place, such as before and after a reload, mean the same store,
	// which is opened once.
	Place() (string, error)

	// Open opens the store. The settings of an Engine that shares a store which
	// is already open are not looked at, save by Adopt.
	Open(observer Observer) (Store, error)

	// Retention is how long dead letters are kept, and what waits for destinations
	// that no configuration names any more. 0 is for ever.
	Retention() time.Duration

	// Adopt makes the settings of this Engine those of a store that an Engine
	// with the same Place has opened, or says why that needs a restart.
	Adopt(open Store) error
}
