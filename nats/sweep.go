package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sweepEvery is how often lanes without a turn are looked for.
const sweepEvery = time.Minute

// sweepAll looks for lanes without a turn, until the store is closed.
func (s *Store) sweepAll() {
	for older := time.Duration(0); ; older = sweepEvery {
		if err := s.sweep(s.life, older); err != nil && s.life.Err() == nil && s.observer.Trouble != nil {
			s.observer.Trouble(fmt.Errorf("looking for what waits without a turn: %w", explain(err)))
		}
		select {
		case <-time.After(sweepEvery):
		case <-s.life.Done():
			return
		}
	}
}

// sweep gives lanes a turn that have none, where webhooks wait for so long.
func (s *Store) sweep(ctx context.Context, older time.Duration) error {
	consumers, err := s.listConsumers(ctx)
	if err != nil {
		return err
	}
	for _, about := range consumers {
		if !countsLanes(about) || about.NumPending == 0 {
			continue
		}
		destination := about.Config.Metadata[destinationOf]
		oldest, err := s.waiting.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(s.laneSubjects(destination)+".>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && time.Since(oldest.Time) < older {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.sweepOf(ctx, destination); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepOf(ctx context.Context, destination string) error {
	stored, err := s.waiting.Info(ctx, jetstream.WithSubjectFilter(s.laneSubjects(destination)+".>"))
	if err != nil {
		return err
	}
	turns, err := s.waiting.Info(ctx, jetstream.WithSubjectFilter(s.turnSubjects(destination)+".*"))
	if err != nil {
		return err
	}
	without := make(map[lane]bool)
	for subject := range stored.State.Subjects {
		rest := strings.TrimPrefix(subject, s.laneSubjects(destination)+".")
		of, _, _ := strings.Cut(rest, ".")
		if l := (lane{destination, of}); turns.State.Subjects[s.turnSubject(l)] == 0 {
			without[l] = true
		}
	}
	for l := range without {
		if err := s.offer(ctx, l); err != nil {
			return err
		}
	}
	return nil
}
