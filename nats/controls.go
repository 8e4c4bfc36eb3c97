package nats

import (
	"cmp"
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Now implements deliver.Controls.
func (s *Store) Now() time.Time { return time.Now() }

// Enter implements deliver.Controls. What is in a lane is always stored first: the
// servers have the only order that all instances agree on.
func (s *Store) Enter(context.Context, string, string) (leave func(), err error) {
	return nil, nil
}

// Requeue implements deliver.Store. If it is cut short between the two streams,
// a webhook is in both.
func (s *Store) Requeue(ctx context.Context, filter deliver.Filter) (n int, err error) {
	defer func() { err = explain(err) }()
	filter.State = deliver.Dead
	dead := s.shelves(&filter)[0]
	err = s.each(ctx, &dead, 1, &filter, func(e *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
		record, _, err := deliver.DecodeHead(m.Data)
		if err != nil {
			return true, nil // what is damaged stays where it is
		}
		was := noteOf(m)
		again := note{Destination: was.Destination, Lane: was.Lane, Place: was.Place, Made: was.made(), Stored: was.Stored}
		if err := s.store(ctx, again, keyToken(record.Key), m.Data); err != nil {
			return false, err
		}
		if err := remove(ctx, s.dead, m.Sequence); err != nil {
			return false, err
		}
		n++
		return true, nil
	})
	return n, err
}

// store stores what was stored before, and has its lane looked at.
func (s *Store) store(ctx context.Context, n note, key string, data []byte) error {
	if _, err := s.consumer(ctx, n.Destination); err != nil {
		return err
	}
	l := n.in()
	if l.isNone() {
		_, err := s.publish(ctx, s.waitSubject(n.Destination, key), n, data)
		return err
	}
	if _, err := s.appendTo(ctx, l, n, key, data); err != nil {
		return err
	}
	return s.wake(ctx, l)
}

// RetryNow implements deliver.Controls. What is due later than wakeAhead is being
// attempted by nobody, whatever other instances do.
func (s *Store) RetryNow(ctx context.Context, filter deliver.Filter) (n int, err error) {
	defer func() { err = explain(err) }()
	filter.State = deliver.Waiting
	shelf := s.shelves(&filter)[0]
	about, err := s.waiting.Info(ctx)
	if err != nil {
		return 0, err
	}
	last := about.State.LastSeq // what is stored anew comes after it
	err = s.each(ctx, &shelf, 1, &filter, func(_ *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
		if m.Sequence > last {
			return false, nil
		}
		due, err := s.retryNow(ctx, m)
		if due {
			n++
		}
		return true, err
	})
	return n, err
}

// retryNow makes one webhook due, and reports whether it is.
func (s *Store) retryNow(ctx context.Context, m *jetstream.RawStreamMsg) (bool, error) {
	n := noteOf(m)
	if _, err := s.readState(ctx, m.Sequence, &n); err != nil {
		return false, err
	}
	later := time.Until(n.Due) >= wakeAhead
	if s.isLeased(m.Sequence) || n.GivenUp || n.Going && later {
		return false, nil
	}
	if !later {
		return true, nil
	}
	n.Due = time.Now()
	if l := n.in(); !l.isNone() {
		if _, err := s.publish(ctx, s.stateSubject(m.Sequence), n, nil); err != nil {
			return false, err
		}
		return true, s.wake(ctx, l)
	}
	if err := s.replace(ctx, m.Subject, m.Sequence, n, m.Data); err != nil {
		return false, err
	}
	s.forgetState(ctx, m.Sequence)
	return true, nil
}

// Move implements deliver.Controls. What another instance is attempting is moved, too;
// then both destinations may get it.
func (s *Store) Move(ctx context.Context, from, to string) (n int, err error) {
	defer func() { err = explain(err) }()
	if from == to {
		return 0, nil
	}
	filter := deliver.Filter{Destination: from}
	shelves := s.shelves(&filter)
	for i := range shelves {
		sh := &shelves[i]
		err := s.each(ctx, sh, 1, &filter, func(_ *deliver.Entry, m *jetstream.RawStreamMsg) (bool, error) {
			if sh.state == deliver.Waiting && s.isLeased(m.Sequence) {
				return true, nil
			}
			err := s.move(ctx, sh, m, to)
			if err == nil {
				n++
			}
			return true, err
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// move gives one webhook to another destination. If it is cut short, both have it.
func (s *Store) move(ctx context.Context, from *shelf, m *jetstream.RawStreamMsg, to string) error {
	n := noteOf(m)
	n.Destination = to
	var err error
	if from.state == deliver.Dead {
		_, err = s.publish(ctx, s.deadSubject(to), n, m.Data)
	} else if _, err = s.readState(ctx, m.Sequence, &n); err == nil {
		if n.Lane != "" {
			n.Place = cmp.Or(n.Place, m.Sequence)
		}
		err = s.store(ctx, n, lastToken(m.Subject), m.Data)
	}
	if err != nil {
		return err
	}
	if err := remove(ctx, from.stream, m.Sequence); err != nil {
		return err
	}
	if from.state == deliver.Waiting {
		s.forgetState(ctx, m.Sequence)
	}
	return nil
}
