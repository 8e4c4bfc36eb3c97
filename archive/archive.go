package archive

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Archive keeps records, bounded by age and size. It is safe for concurrent use.
//
// Records of refused requests (Summary.Refused) are kept apart from the others, with a
// bound of their own: anybody can send what is refused, and must not push out history.
type Archive interface {
	// Append hands a record over. It never waits for a disk or a network: what there
	// is no room for is lost, which Observer.Lost is told of. The record's Head and
	// Body are not read any more once it has returned.
	Append(record *Record)

	// Note hands over what became of a record later, likewise.
	Note(note *Note)

	// Query returns at most Filter.Limit records that a filter selects, those handed
	// over last first, with what became of them. It finds all that was handed over
	// before it was called. Records have a Head and a Body only if Filter.Requests asks
	// for them, or Filter.Examine looks at them.
	Query(ctx context.Context, filter *Filter) (*Page, error)

	// Get returns a record with its request. The error is ErrNotFound if there is none
	// of that ref, or not any more.
	Get(ctx context.Context, ref string) (*Record, error)

	// Purge removes all records that a filter selects, whatever its Limit and Before
	// are, and returns how many. When it returns without an error, nothing of them is
	// in what the archive has written: its files, or its tables.
	Purge(ctx context.Context, filter *Filter) (int, error)

	// Close writes what was handed over, and frees the archive.
	Close() error
}

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("there is no such event in the archive, or not any more")

// ErrClosed says that the archive has been closed.
var ErrClosed = errors.New("the archive is closed")

// ErrCursor says that Filter.Before is no Page.Next.
var ErrCursor = errors.New("before is not the next of a list")

// Filter selects records. Fields that are zero select all.
type Filter struct {
	ID       string    // the delivery's id
	Provider string    // the provider's name
	Endpoint string    // the endpoint's name
	Tenant   string    // the tenant's id
	Outcome  string    // what became of it, at once or later
	Since    time.Time // received at this time or later
	Until    time.Time // received before this time

	// Match selects by what else is in a summary, if it is not nil.
	Match func(*Summary) bool

	// Examine selects by the request, if it is not nil. It is asked last.
	Examine func(*Record) bool

	// Requests says that the records are wanted with their requests.
	Requests bool

	// Limit is how many records a page has at most. It is not 0.
	Limit int

	// Before continues a list: it is the Page.Next of the page before.
	Before string
}

// Page is a part of what a filter selects.
type Page struct {
	Records []*Record
	Next    string // continues the list, see Filter.Before; empty if that was all
}

// Selects reports whether a filter selects a record by all but Examine.
func (f *Filter) Selects(s *Summary) bool {
	return (f.ID == "" || f.ID == s.ID) &&
		(f.Provider == "" || f.Provider == s.Provider) &&
		(f.Endpoint == "" || f.Endpoint == s.Endpoint) &&
		(f.Tenant == "" || f.Tenant == s.Tenant) &&
		(f.Outcome == "" || f.Outcome == s.Outcome || slices.ContainsFunc(s.Later, func(n Note) bool { return n.Outcome == f.Outcome })) &&
		(f.Since.IsZero() || !s.Received.Before(f.Since)) &&
		(f.Until.IsZero() || s.Received.Before(f.Until)) &&
		(f.Match == nil || f.Match(s))
}

// Observer is told what an engine does. Functions that are nil are not called.
type Observer struct {
	// Lost is called when records or notes were lost: there was no room (err is nil),
	// or they could not be written.
	Lost func(count int, err error)

	// Damaged is called when something in the archive is not as it was written. The
	// place is for operators.
	Damaged func(place string)
}

// Engine is the configuration of an archive: what to open. In Caddy the engines are the
// modules of the namespace webhooks.archives.
type Engine interface {
	// Place names where the archive is, without secrets. Two configurations with the
	// same place, such as before and after a reload, mean the same archive, which is
	// opened once.
	Place() (string, error)

	// Open opens the archive. The settings of an Engine that shares an archive which is
	// already open are not looked at, save by Adopt.
	Open(observer Observer) (Archive, error)

	// Adopt makes the settings of this Engine those of an archive that an Engine with
	// the same Place has opened.
	Adopt(open Archive) error
}
