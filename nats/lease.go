package nats

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// lease is a webhook that this process is dealing with.
type lease struct {
	message  jetstream.Msg // the webhook, or the turn of its lane; nil if it was stored here and is being attempted since
	sequence uint64        // in the stream of what waits
	lane     lane
	note     note
	stated   bool // there may be a state of it
}

// beat tells the servers that what is leased is being dealt with.
func (s *Store) beat() {
	ticker := time.NewTicker(leaseTime / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.life.Done():
			return
		}
		s.mu.Lock()
		for l := range s.leases {
			if l.message != nil {
				_ = l.message.InProgress() // else another instance tries it, too
			}
		}
		s.mu.Unlock()
	}
}

// held returns the lease of a delivery; it is nil if it was settled or removed.
func (s *Store) held(d *deliver.Delivery) *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, _ := d.Lease.(*lease)
	if l == nil || !s.leases[l] {
		return nil
	}
	return l
}

func (s *Store) drop(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, l)
}

// dropRemoved forgets the lease of a message that is no longer there. In a lane the
// attempt of it holds up the others.
func (s *Store) dropRemoved(sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.leases {
		if l.sequence == sequence && l.lane.isNone() {
			delete(s.leases, l)
		}
	}
}

// isLeased reports whether this process is dealing with a message.
func (s *Store) isLeased(sequence uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.leases {
		if l.sequence == sequence {
			return true
		}
	}
	return false
}

// Done implements deliver.Store.
func (s *Store) Done(ctx context.Context, d *deliver.Delivery) error {
	l := s.held(d)
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.finish(ctx, l)
}

// finish takes a message out of the stream of what waits.
func (s *Store) finish(ctx context.Context, l *lease) error {
	var err error
	own := l.message != nil && l.lane.isNone()
	if own {
		err = l.message.DoubleAck(ctx)
	}
	if !own || isGone(err) {
		err = remove(ctx, s.waiting, l.sequence)
	}
	if err == nil && !l.lane.isNone() {
		err = s.pass(ctx, l)
	}
	if err != nil {
		return err
	}
	s.drop(l)
	if l.stated {
		s.forgetState(ctx, l.sequence)
	}
	return nil
}

// remove takes a message out of a stream, if it is there.
func remove(ctx context.Context, stream jetstream.Stream, sequence uint64) error {
	err := stream.DeleteMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) { // it does not say why
		if _, missing := stream.GetMsg(ctx, sequence); errors.Is(missing, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	return err
}

// Retry implements deliver.Store.
func (s *Store) Retry(ctx context.Context, d *deliver.Delivery, at time.Time, failure deliver.Failure) error {
	return s.again(ctx, d, at, 1, failure)
}

// Postpone implements deliver.Controls.
func (s *Store) Postpone(ctx context.Context, d *deliver.Delivery, at time.Time, failure deliver.Failure) error {
	return s.again(ctx, d, at, 0, failure)
}

// again puts a delivery off, after an attempt that counts or does not.
func (s *Store) again(ctx context.Context, d *deliver.Delivery, at time.Time, counts int, failure deliver.Failure) error {
	l := s.held(d)
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := l.note.tried(counts, failure)
	n.Due = at
	return s.putOff(ctx, l, n)
}

// Release implements deliver.Store.
func (s *Store) Release(d *deliver.Delivery) {
	if l := s.held(d); l != nil {
		s.drop(l)
		l.release()
	}
}

// release tells the servers that the message is due; they would wait for the end
// of the lease.
func (l *lease) release() {
	if l.message != nil {
		_ = l.message.Nak()
	}
}

// The state of a message that was attempted is in a stream of its own, since a
// message does not change.
func (s *Store) stateSubject(sequence uint64) string {
	return s.name + ".state." + strconv.FormatUint(sequence, 10)
}

func (s *Store) readState(ctx context.Context, sequence uint64, n *note) (bool, error) {
	m, err := s.state.GetLastMsgForSubject(ctx, s.stateSubject(sequence))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	stated, err := readNote(m.Header)
	if err != nil {
		return false, err
	}
	n.Attempts, n.Made, n.Due, n.Failure = stated.Attempts, stated.Made, stated.Due, stated.Failure
	n.Going, n.GivenUp = stated.Going, stated.GivenUp
	return true, nil
}

// forgetState removes the state of a message that is gone. What stays of it does
// no harm: sequences are not used again.
func (s *Store) forgetState(ctx context.Context, sequence uint64) {
	_ = s.state.Purge(ctx, jetstream.WithPurgeSubject(s.stateSubject(sequence)))
}
