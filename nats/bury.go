package nats

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// buryWait is after how long it is tried again to make dead letters, once that
// has failed.
const buryWait = time.Minute

// Dead implements deliver.Store.
func (s *Store) Dead(ctx context.Context, d *deliver.Delivery, failure deliver.Failure) error {
	l := s.held(d)
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.bury(ctx, l, l.note.tried(1, failure))
}

// bury makes a dead letter of a message, once, whatever is done twice. If that
// cannot be done now, such as when there is no room for dead letters, the message
// stays where it is, given up, and is looked at again later: nobody attempts it,
// and it keeps nobody from attempting others.
func (s *Store) bury(ctx context.Context, l *lease, n note) error {
	n.Due, n.GivenUp, n.Going = time.Time{}, false, false
	if n.Lane != "" {
		n.Place = cmp.Or(n.Place, l.sequence)
	}
	if s.mayBury() {
		err := s.publishDead(ctx, l, n)
		if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) { // somebody has removed it
			s.canBury()
			return s.finish(ctx, l)
		}
		if ctx.Err() != nil || errors.Is(err, deliver.ErrClosed) {
			return err
		}
		s.cannotBury(err)
	}
	n.Due, n.GivenUp = time.Now().Add(s.buryWait), true
	return s.putOff(ctx, l, n)
}

// publishDead leaves some of the time for what is to be done if it fails.
func (s *Store) publishDead(ctx context.Context, l *lease, n note) error {
	ctx, cancel := context.WithTimeout(ctx, patience/2)
	defer cancel()
	data, err := s.data(ctx, l)
	if err != nil {
		return err
	}
	once := jetstream.WithMsgID("dead-" + strconv.FormatUint(l.sequence, 10))
	_, err = s.publish(ctx, s.deadSubject(n.Destination), n, data, once)
	return err
}

// data returns what a leased message holds.
func (s *Store) data(ctx context.Context, l *lease) ([]byte, error) {
	if l.message != nil && l.lane.isNone() {
		return l.message.Data(), nil
	}
	stored, err := s.waiting.GetMsg(ctx, l.sequence)
	if err != nil {
		return nil, err
	}
	return stored.Data, nil
}

// mayBury reports whether it is worth trying to make a dead letter. After one
// has failed a single one is tried in a while, since that may take long.
func (s *Store) mayBury() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Before(s.noBurying) {
		return false
	}
	if !s.noBurying.IsZero() {
		s.noBurying = now.Add(s.buryWait)
	}
	return true
}

func (s *Store) canBury() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noBurying = time.Time{}
}

// cannotBury tells the operator, unless that was done already.
func (s *Store) cannotBury(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noBurying.IsZero() {
		s.logger.Error("dead letters cannot be stored; webhooks that are given up stay among those that wait, "+
			"and nobody attempts them, until there is room: remove dead letters, or raise max_size",
			zap.String("stream", s.name+"_DEAD"), zap.Error(err))
	}
	s.noBurying = time.Now().Add(s.buryWait)
}

// putOff ends a lease; the message is handed out again when it is due. If there
// is no room for what is to be known of it then, it is as if the attempt had not
// been made.
func (s *Store) putOff(ctx context.Context, l *lease, n note) error {
	if _, err := s.publish(ctx, s.stateSubject(l.sequence), n, nil); err != nil && !errors.Is(err, deliver.ErrFull) {
		return err
	}
	l.stated = true
	if !l.lane.isNone() {
		err := s.pass(ctx, l)
		if err == nil {
			s.drop(l)
		}
		return err
	}
	s.drop(l)
	if l.message == nil {
		return nil // the servers hand it out when the attempt would have been over
	}
	if delay := time.Until(n.Due); delay > 0 {
		return l.message.NakWithDelay(delay)
	}
	return l.message.Nak()
}
