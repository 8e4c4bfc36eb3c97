package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a consumer says of itself.
const (
	destinationOf = "destination" // the name of its destination
	purposeOf     = "purpose"     // why there is one from which nobody takes anything
	toCount       = "to count"
)

// consumer returns what hands out the webhooks of a destination that are in no lane,
// and the turns of its lanes, to all instances together.
func (s *Store) consumer(ctx context.Context, destination string) (jetstream.Consumer, error) {
	return s.ensureConsumer(ctx, token(destination), jetstream.ConsumerConfig{
		Metadata:       map[string]string{destinationOf: destination},
		FilterSubjects: []string{s.name + ".wait." + token(destination) + ".*", s.turnSubjects(destination) + ".*"},
		AckWait:        leaseTime,
		MaxDeliver:     -1,
		MaxAckPending:  -1, // what waits for its time counts, too
	})
}

// countLanes ensures the consumer of what waits in the lanes of a destination. Nobody
// takes anything from it: what it has not handed out is counted.
func (s *Store) countLanes(ctx context.Context, destination string) error {
	_, err := s.ensureConsumer(ctx, token(destination)+"-lanes", jetstream.ConsumerConfig{
		Metadata:      map[string]string{destinationOf: destination, purposeOf: toCount},
		FilterSubject: s.laneSubjects(destination) + ".>",
	})
	return err
}

func countsLanes(about *jetstream.ConsumerInfo) bool {
	return about.Config.Metadata[purposeOf] == toCount
}

func (s *Store) ensureConsumer(ctx context.Context, name string, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	s.mu.Lock()
	known := s.consumers[name]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	config.Durable, config.AckPolicy = name, jetstream.AckExplicitPolicy
	made, err := s.waiting.CreateOrUpdateConsumer(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("the consumer of %s: %w", config.Metadata[destinationOf], err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumers[name] = made
	return made, nil
}

// listConsumers returns all there are.
func (s *Store) listConsumers(ctx context.Context) (all []*jetstream.ConsumerInfo, err error) {
	consumers := s.waiting.ListConsumers(ctx)
	for about := range consumers.Info() { // to the end, else the lister waits for ever
		all = append(all, about)
	}
	return all, consumers.Err()
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
	delete(s.consumers, token(destination))
}
