package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// lease is a message that this process is dealing with.
type lease struct {
	message  jetstream.Msg // nil if it was stored here and is being attempted since
	sequence uint64        // in the stream of what waits
	note     note
	stated   bool // there is a state of it
}

// consumer returns what hands out the webhooks of a destination, to all
// instances together.
func (s *Store) consumer(ctx context.Context, destination string) (jetstream.Consumer, error) {
	s.mu.Lock()
	known := s.consumers[destination]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := s.waiting.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       token(destination),
		Metadata:      map[string]string{"destination": destination},
		FilterSubject: s.waitSubjects(destination),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       leaseTime,
		MaxDeliver:    -1,
		MaxAckPending: -1, // what waits for its time counts, too
	})
	if err != nil {
		return nil, fmt.Errorf("the consumer of %s: %w", destination, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumers[destination] = made
	return made, nil
}

// isGone reports whether an error says that nobody answers for a consumer, as
// when an operator has removed it.
func isGone(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, nats.ErrNoResponders)
}

// forgetConsumer has the consumer of a destination made anew when it is needed.
func (s *Store) forgetConsumer(destination string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.consumers, destination)
}

// pollTime is how long one question to the servers waits.
const pollTime = 30 * time.Second

// Claim implements deliver.Store.
func (s *Store) Claim(ctx context.Context, destination string, limit int) ([]*deliver.Delivery, error) {
	for {
		if err := s.over(ctx); err != nil {
			return nil, err
		}
		asking, cancel := context.WithTimeout(ctx, pollTime)
		stop := context.AfterFunc(s.life, cancel)
		messages, err := s.fetch(asking, destination, limit)
		var claimed []*deliver.Delivery
		for _, m := range messages {
			d, err := s.lease(asking, destination, m)
			if err != nil {
				_ = m.Nak()
			} else if d != nil {
				claimed = append(claimed, d)
			}
		}
		stop()
		cancel()
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
	if l.note.GivenUp {
		return nil, s.bury(ctx, l, l.note.Failure, l.note.Attempts)
	}
	record, err := deliver.DecodeRecord(m.Data())
	if err != nil {
		err := s.bury(ctx, l, deliver.Failure{Reason: deliver.ReasonCorrupt}, l.note.Attempts)
		if err == nil && s.observer.Corrupt != nil {
			s.observer.Corrupt(destination)
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
		Record: record, Destination: destination, Attempts: l.note.Attempts, Made: l.note.Attempts, Stored: l.note.Stored, Due: due, Lease: l,
	}, nil
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

// dropRemoved forgets the lease of a message that is no longer there.
func (s *Store) dropRemoved(sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.leases {
		if l.sequence == sequence {
			delete(s.leases, l)
		}
	}
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
	if l.message != nil {
		err = l.message.DoubleAck(ctx)
	}
	if l.message == nil || isGone(err) {
		err = s.waiting.DeleteMsg(ctx, l.sequence)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	s.drop(l)
	if l.stated {
		s.forgetState(ctx, l.sequence)
	}
	return nil
}

// Retry implements deliver.Store.
func (s *Store) Retry(ctx context.Context, d *deliver.Delivery, at time.Time, failure deliver.Failure) error {
	l := s.held(d)
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := l.note
	n.Attempts, n.Due, n.Failure = n.Attempts+1, at, failure
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
	n.Attempts, n.Due, n.Failure, n.GivenUp = stated.Attempts, stated.Due, stated.Failure, stated.GivenUp
	return true, nil
}

// forgetState removes the state of a message that is gone. What stays of it does
// no harm: sequences are not used again.
func (s *Store) forgetState(ctx context.Context, sequence uint64) {
	_ = s.state.Purge(ctx, jetstream.WithPurgeSubject(s.stateSubject(sequence)))
}
