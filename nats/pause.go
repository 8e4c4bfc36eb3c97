package nats

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// pauses are the destinations that are paused, as far as this process has heard. What
// it hears comes from two sides, its own SetPaused and the servers, so the sequence of
// a message decides which is the later one.
type pauses struct {
	mu    sync.Mutex
	known map[string]*pause // by destination
}

type pause struct {
	sequence uint64
	paused   bool
	changed  chan struct{} // closed when it is paused or resumed
}

func newPauses() *pauses { return &pauses{known: make(map[string]*pause)} }

// of returns what is known of a destination. The pauses are locked.
func (p *pauses) of(destination string) *pause {
	if p.known[destination] == nil {
		p.known[destination] = &pause{changed: make(chan struct{})}
	}
	return p.known[destination]
}

// look returns whether a destination is paused, and a channel that is closed when that
// changes.
func (p *pauses) look(destination string) (paused bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.of(destination)
	return at.paused, at.changed
}

// hear notes what a message says.
func (p *pauses) hear(header nats.Header, sequence uint64) {
	n, err := readNote(header)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.of(n.Destination)
	if sequence <= at.sequence {
		return
	}
	if at.sequence = sequence; at.paused != n.Paused {
		at.paused = n.Paused
		close(at.changed)
		at.changed = make(chan struct{})
	}
}

// all are those that are paused.
func (p *pauses) all() map[string]deliver.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]deliver.Stats)
	for destination, at := range p.known {
		if at.paused {
			all[destination] = deliver.Stats{Paused: true}
		}
	}
	return all
}

func (s *Store) pauseSubjects() string { return s.name + ".paused.*" }

// watchPauses reads which destinations are paused, and hears of changes until the
// store is closed.
func (s *Store) watchPauses() error {
	about, err := s.state.Info(s.life, jetstream.WithSubjectFilter(s.pauseSubjects()))
	if err != nil {
		return err
	}
	for subject := range about.State.Subjects {
		m, err := s.state.GetLastMsgForSubject(s.life, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return err
		default:
			s.pauses.hear(m.Header, m.Sequence)
		}
	}
	changes, err := s.state.OrderedConsumer(s.life, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.pauseSubjects()}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return err
	}
	hearing, err := changes.Consume(func(m jetstream.Msg) {
		if about, err := m.Metadata(); err == nil {
			s.pauses.hear(m.Headers(), about.Sequence.Stream)
		}
	})
	if err != nil {
		return err
	}
	context.AfterFunc(s.life, hearing.Stop)
	return nil
}

// SetPaused implements deliver.Controls. Other instances hear of it as soon as the
// servers tell them.
func (s *Store) SetPaused(ctx context.Context, destination string, paused bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := note{Destination: destination, Paused: paused}
	ack, err := s.publish(ctx, s.name+".paused."+token(destination), n, nil)
	if err != nil {
		return err
	}
	s.pauses.hear(n.header(), ack.Sequence)
	return nil
}

// Paused implements deliver.Controls.
func (s *Store) Paused(destination string) bool {
	paused, _ := s.pauses.look(destination)
	return paused
}
