package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// What waits in a lane is not handed out by a consumer. A lane in which something
// waits has a turn instead: an empty message, of which there is one for a lane at
// most, and which the consumer of the destination hands out as it does webhooks that
// are in no lane. Who has the turn has the lane: it attempts the first of it, and
// nobody else does until the turn is passed on, or its holder is not heard of any more.
//
// The servers keep the order: the first is what was stored first. What was stored
// again, since it was requeued or moved, has the place of its first message in its
// subject, and goes before what has a later one.
//
// These sequences keep a lane from being forgotten:
//
//   - Who appends stores the webhook, then a turn, which is refused if there is one.
//   - Who passes a turn on looks at the lane. If the first is not due, it writes down
//     until when the turn sleeps, looks again, and only then lets the servers wait.
//     If nothing is there it takes the turn away, and looks again.
//   - Who makes something due writes that down, then looks whether the turn sleeps.
//     One that sleeps is nobody's, so it is replaced.
//   - Whoever is killed in between leaves webhooks without a turn. They are looked for
//     when a store is opened, and each minute if some wait for longer than that.

// lane names a lane of a destination.
type lane struct {
	destination string
	token       string // of its key; empty: none
}

func laneOf(destination, key string) lane {
	if key == "" {
		return lane{}
	}
	return lane{destination, token(key)}
}

func (l lane) isNone() bool { return l.token == "" }

// newSubject is that of a webhook that is stored for the first time.
func (s *Store) newSubject(l lane, key string) string {
	return s.laneSubject(l) + ".new.0." + key
}

// againSubject is that of a webhook that is stored again.
func (s *Store) againSubject(l lane, place uint64, key string) string {
	return s.laneSubject(l) + fmt.Sprintf(".again.%016x.%s", place, key)
}

func (s *Store) laneSubject(l lane) string { return s.laneSubjects(l.destination) + "." + l.token }

// laneSubjects begins the subjects of all lanes of a destination.
func (s *Store) laneSubjects(destination string) string {
	return s.name + ".wait." + token(destination) + ".lane"
}

func (s *Store) turnSubject(l lane) string { return s.turnSubjects(l.destination) + "." + l.token }

// turnSubjects begins the subjects of the turns of a destination.
func (s *Store) turnSubjects(destination string) string {
	return s.name + ".turn." + token(destination)
}

// isTurn reports whether a message is a turn, and not a webhook.
func (s *Store) isTurn(m jetstream.Msg) bool { return strings.HasPrefix(m.Subject(), s.name+".turn.") }

// appendTo stores a webhook in its lane, at its place if that is not 0.
func (s *Store) appendTo(ctx context.Context, l lane, n note, key string, data []byte) (*jetstream.PubAck, error) {
	if err := s.countLanes(ctx, l.destination); err != nil {
		return nil, err
	}
	subject := s.newSubject(l, key)
	if n.Place > 0 {
		subject = s.againSubject(l, n.Place, key)
	}
	once := jetstream.WithExpectLastSequenceForSubject(0, s.laneSubject(l)+".*.*."+key)
	return s.publish(ctx, subject, n, data, once)
}

// offer gives a lane a turn, unless it has one.
func (s *Store) offer(ctx context.Context, l lane) error {
	_, err := s.publish(ctx, s.turnSubject(l), note{Destination: l.destination}, nil)
	return err
}

// waiting is a webhook that waits, and what is known of it.
type waiting struct {
	sequence uint64
	data     []byte
	note     note
}

func (w *waiting) place() uint64 { return cmp.Or(w.note.Place, w.sequence) }

// first returns what is to be attempted next in a lane; nil if nothing waits.
func (s *Store) first(ctx context.Context, l lane) (*waiting, error) {
	fresh, err := s.get(s.waiting.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(s.laneSubject(l)+".new.>")))
	if err != nil {
		return nil, err
	}
	again, err := s.firstAgain(ctx, l)
	if err != nil {
		return nil, err
	}
	first := fresh
	if again != nil && (fresh == nil || again.place() < fresh.place()) {
		first = again
	}
	if first == nil {
		return nil, nil
	}
	_, err = s.readState(ctx, first.sequence, &first.note)
	return first, err
}

// firstAgain returns the first of what was stored again.
func (s *Store) firstAgain(ctx context.Context, l lane) (*waiting, error) {
	subjects := s.laneSubject(l) + ".again.>"
	for {
		some, err := s.get(s.waiting.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subjects)))
		if some == nil || err != nil {
			return nil, err
		}
		about, err := s.waiting.Info(ctx, jetstream.WithSubjectFilter(subjects))
		if err != nil {
			return nil, err
		}
		var first string // places are as long as each other
		for subject := range about.State.Subjects {
			if first == "" || subject < first {
				first = subject
			}
		}
		if first == "" {
			continue // it was delivered meanwhile
		}
		if found, err := s.get(s.waiting.GetLastMsgForSubject(ctx, first)); found != nil || err != nil {
			return found, err
		}
	}
}

// get makes something of what the servers have of a webhook; nil if it is not there.
func (*Store) get(m *jetstream.RawStreamMsg, err error) (*waiting, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &waiting{m.Sequence, m.Data, noteOf(m)}, nil
}

// leaseFirst leases the first of a lane to who has its turn. There is none if it is
// not due.
func (s *Store) leaseFirst(ctx context.Context, destination string, m jetstream.Msg) (*deliver.Delivery, error) {
	l := &lease{message: m, lane: lane{destination, lastToken(m.Subject())}}
	first, err := s.first(ctx, l.lane)
	if err != nil {
		return nil, err
	}
	if first == nil || first.note.Due.After(time.Now()) {
		return nil, s.pass(ctx, l)
	}
	l.sequence, l.note, l.stated = first.sequence, first.note, true
	return s.deliverable(ctx, l, first.data)
}

// pass passes the turn of a lane on, as the sequences above say.
func (s *Store) pass(ctx context.Context, l *lease) error {
	if l.message == nil { // its attempt was being made when it was stored: that had no turn
		return s.wake(ctx, l.lane)
	}
	about, err := l.message.Metadata()
	if err != nil {
		return err
	}
	var sleeps time.Time
	for {
		first, err := s.first(ctx, l.lane)
		switch {
		case err != nil:
			return err
		case first == nil:
			return s.leave(ctx, l, about.Sequence.Stream)
		case !first.note.Due.After(time.Now()):
			return alreadyPassed(l.message.Nak())
		case first.note.Due.Equal(sleeps):
			return alreadyPassed(l.message.NakWithDelay(time.Until(sleeps)))
		}
		sleeps = first.note.Due
		until := note{Destination: l.lane.destination, Due: sleeps}
		if _, err := s.publish(ctx, s.stateSubject(about.Sequence.Stream), until, nil); err != nil {
			return err
		}
	}
}

// alreadyPassed takes it for a success that a turn was passed on before.
func alreadyPassed(err error) error {
	if errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return nil
	}
	return err
}

// leave takes the turn of an empty lane away.
func (s *Store) leave(ctx context.Context, l *lease, turn uint64) error {
	err := alreadyPassed(l.message.DoubleAck(ctx))
	if isGone(err) {
		err = remove(ctx, s.waiting, turn)
	}
	if err != nil {
		return err
	}
	if about, err := l.message.Metadata(); err == nil && about.NumDelivered > 1 {
		s.forgetState(ctx, turn)
	}
	if first, err := s.first(ctx, l.lane); first == nil || err != nil {
		return err
	}
	return s.offer(ctx, l.lane)
}

// wakeAhead is how long before a turn wakes it is left alone: by the clocks of other
// instances it may be awake.
const wakeAhead = 5 * time.Second

// wake has somebody look at a lane, after something of it has become due.
func (s *Store) wake(ctx context.Context, l lane) error {
	turn, err := s.get(s.waiting.GetLastMsgForSubject(ctx, s.turnSubject(l)))
	switch {
	case err != nil:
		return err
	case turn == nil:
		return s.offer(ctx, l)
	}
	if _, err := s.readState(ctx, turn.sequence, &turn.note); err != nil || time.Until(turn.note.Due) < wakeAhead {
		return err
	}
	err = s.replace(ctx, s.turnSubject(l), turn.sequence, note{Destination: l.destination}, nil)
	if err == nil {
		s.forgetState(ctx, turn.sequence)
	}
	return err
}

// replace stores a message in place of another one, unless that is there no more.
func (s *Store) replace(ctx context.Context, subject string, sequence uint64, n note, data []byte) error {
	header := n.header()
	header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	m := &nats.Msg{Subject: subject, Header: header, Data: data}
	_, err := s.publishMessage(ctx, m, jetstream.WithExpectLastSequencePerSubject(sequence))
	return err
}
