package nats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// pollTime is how long one question to the servers waits.
const pollTime = 30 * time.Second

// Claim implements deliver.Store.
func (s *Store) Claim(ctx context.Context, destination string, limit int) ([]*deliver.Delivery, error) {
	for {
		if err := s.over(ctx); err != nil {
			return nil, err
		}
		claimed, err := s.claimOnce(ctx, destination, limit)
		if len(claimed) > 0 {
			return claimed, nil
		}
		if over := s.over(ctx); over != nil {
			return nil, over
		}
		// An invalid option is a deadline that has just passed.
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, jetstream.ErrInvalidOption) {
			return nil, err
		}
	}
}

// claimOnce asks the servers once, unless the destination is paused. It ends when that
// is changed.
func (s *Store) claimOnce(ctx context.Context, destination string, limit int) (claimed []*deliver.Delivery, err error) {
	asking, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	paused, changed := s.pauses.look(destination)
	if paused {
		select {
		case <-changed:
		case <-asking.Done():
		}
		return nil, nil
	}
	go func() {
		select {
		case <-changed:
			cancel()
		case <-asking.Done():
		}
	}()
	messages, err := s.fetch(asking, destination, limit)
	for _, m := range messages {
		d, err := s.lease(ctx, destination, m)
		if err != nil {
			_ = m.Nak()
		} else if d != nil {
			claimed = append(claimed, d)
		}
	}
	if asking.Err() != nil {
		return claimed, nil
	}
	return claimed, err
}

func (s *Store) over(ctx context.Context) error {
	if s.life.Err() != nil {
		return deliver.ErrClosed
	}
	return ctx.Err()
}

// fetch returns what is due now, or waits for one message.
func (s *Store) fetch(ctx context.Context, destination string, limit int) ([]jetstream.Msg, error) {
	consumer, err := s.consumer(ctx, destination)
	if err != nil {
		return nil, err
	}
	messages, err := fetchFrom(ctx, consumer, limit)
	if isGone(err) {
		s.forgetConsumer(destination)
	}
	return messages, err
}

func fetchFrom(ctx context.Context, consumer jetstream.Consumer, limit int) ([]jetstream.Msg, error) {
	batch, err := consumer.FetchNoWait(limit)
	if err != nil {
		return nil, err
	}
	messages, err := collect(batch)
	if len(messages) > 0 || err != nil && !errors.Is(err, jetstream.ErrNoMessages) {
		return messages, err
	}
	if batch, err = consumer.Fetch(1, jetstream.FetchContext(ctx)); err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return collect(batch)
}

func collect(batch jetstream.MessageBatch) ([]jetstream.Msg, error) {
	var messages []jetstream.Msg
	for m := range batch.Messages() {
		messages = append(messages, m)
	}
	return messages, batch.Error()
}

// lease makes a delivery of a message. There is none if it is not due, which
// is so if the servers have started anew, or damaged.
func (s *Store) lease(ctx context.Context, destination string, m jetstream.Msg) (*deliver.Delivery, error) {
	if s.Paused(destination) {
		return nil, m.Nak()
	}
	if s.isTurn(m) {
		return s.leaseFirst(ctx, destination, m)
	}
	about, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	l := &lease{message: m, sequence: about.Sequence.Stream}
	if l.note, err = readNote(m.Headers()); err != nil {
		l.note = note{Destination: destination, Stored: about.Timestamp}
	}
	if about.NumDelivered > 1 {
		if l.stated, err = s.readState(ctx, l.sequence, &l.note); err != nil {
			return nil, err
		}
	}
	if early := time.Until(l.note.Due); early > 0 {
		return nil, m.NakWithDelay(early)
	}
	return s.deliverable(ctx, l, m.Data())
}

// deliverable makes a delivery of what is due. There is none if it is to be a dead
// letter.
func (s *Store) deliverable(ctx context.Context, l *lease, data []byte) (*deliver.Delivery, error) {
	if l.note.GivenUp {
		return nil, s.bury(ctx, l, l.note)
	}
	record, err := deliver.DecodeRecord(data)
	if err != nil {
		l.note.Failure = deliver.Failure{Reason: deliver.ReasonCorrupt}
		err := s.bury(ctx, l, l.note)
		if err == nil && s.observer.Corrupt != nil {
			s.observer.Corrupt(l.note.Destination)
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases[l] = true
	due := l.note.Due
	if due.IsZero() {
		due = l.note.Stored
	}
	return &deliver.Delivery{
		Record: record, Destination: l.note.Destination, Attempts: l.note.Attempts, Made: l.note.made(),
		Stored: l.note.Stored, Due: due, Lease: l,
	}, nil
}
