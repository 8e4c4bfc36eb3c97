package replay

import "time"

// Phase is how far a delivery is.
type Phase int

// The phases. A Record without a phase is that of a key that nothing is known of.
const (
	Absent    Phase = iota
	Claimed         // the app is being asked
	Accepted        // the app has accepted it
	Abandoned       // the app has not, and the key is bound to a payload
)

// Record is what a store keeps for a key. The zero Record stands for none: a
// store deletes what becomes one.
type Record struct {
	Phase   Phase
	Owner   string    // whose claim it is or was
	Digest  Digest    // of the payload
	Bound   bool      // the key is good for that payload only
	Status  int       // of the app's answer, once accepted
	Leased  time.Time // when a claim lapses
	Expires time.Time // when the record is forgotten
}

// Reserve returns what becomes of a record when a claim is made, and the
// answer to it. The record is unchanged unless the answer is Reserved.
func (r Record) Reserve(c Claim, now time.Time) (Record, Outcome) {
	if r.Expired(now) {
		r = Record{}
	}
	switch {
	case r.Phase != Absent && r.Bound && c.Bound && r.Digest != c.Digest:
		return r, Outcome{State: Swapped}
	case r.Phase == Accepted:
		return r, Outcome{State: Done, Status: r.Status}
	case r.Phase == Claimed && now.Before(r.Leased):
		return r, Outcome{State: InFlight}
	}
	claimed := Record{Phase: Claimed, Owner: c.Owner, Digest: c.Digest, Bound: c.Bound, Leased: now.Add(c.Lease)}
	claimed.Expires = claimed.Leased
	if c.Bound {
		claimed.Expires = now.Add(max(c.Lease, c.TTL))
	}
	return claimed, Outcome{State: Reserved}
}

// Done returns what becomes of a record when its claim has been accepted.
func (r Record) Done(c Claim, status int, now time.Time) Record {
	if r.Phase != Absent && !r.Expired(now) && r.Owner != c.Owner {
		return r
	}
	return Record{
		Phase: Accepted, Owner: c.Owner, Digest: c.Digest, Bound: c.Bound,
		Status: status, Expires: now.Add(c.TTL),
	}
}

// Release returns what becomes of a record when its claim is given up.
func (r Record) Release(c Claim, now time.Time) Record {
	switch {
	case r.Phase != Claimed || r.Owner != c.Owner:
		return r
	case !c.Bound:
		return Record{}
	}
	return Record{Phase: Abandoned, Owner: c.Owner, Digest: c.Digest, Bound: true, Expires: now.Add(c.TTL)}
}

// Expired reports whether a record is to be forgotten.
func (r Record) Expired(now time.Time) bool { return !now.Before(r.Expires) }
