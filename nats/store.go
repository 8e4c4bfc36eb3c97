package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Options are the settings of a Store.
type Options struct {
	// Cluster is where the servers are.
	Cluster Cluster

	// Name begins the names of the streams.
	Name string

	// Replicas is on how many servers each webhook is. 0 leaves it as it is, and
	// is 3 where there is nothing yet.
	Replicas int

	// MaxSize is how many bytes may wait, and how many of dead letters may be
	// kept beside them. 0 leaves it as it is, and is 1 GiB where there is
	// nothing yet.
	MaxSize int64

	// Logger is told what becomes of the streams. Optional.
	Logger *zap.Logger
}

// Store keeps webhooks in three streams: those that wait, from which each takes
// what is acknowledged to it; dead letters; and how often what waits was
// attempted, and which destinations are paused. It is a deliver.Store, and may be
// shared by several processes.
type Store struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	observer deliver.Observer
	name     string
	logger   *zap.Logger
	buryWait time.Duration

	waiting, dead, state jetstream.Stream
	pauses               *pauses

	life context.Context // ends when the store is closed
	end  context.CancelFunc

	mu        sync.Mutex
	consumers map[string]jetstream.Consumer // by name
	leases    map[*lease]bool
	noBurying time.Time // until when no dead letter is tried; zero if the last one could be stored
	beating   sync.WaitGroup
}

const (
	// leaseTime is after how long the servers hand out once more what an
	// instance has that is not heard of any more. One that is started at once
	// after it was killed has it within 5 seconds, also on a busy machine.
	leaseTime = 4 * time.Second

	// patience is how long the servers may take to answer.
	patience = 10 * time.Second

	// While a leader is chosen nobody answers, which is asked about so often.
	electionWait  = 250 * time.Millisecond
	electionTries = int(patience / electionWait)

	// minPayload is what the servers must take in one message: the largest body
	// by default, and what is kept beside it.
	minPayload = 1<<20 + 64<<10
)

// Open connects to the servers and makes the streams where they are missing.
func Open(options Options, observer deliver.Observer) (*Store, error) {
	conn, err := options.Cluster.connect()
	if err != nil {
		return nil, err
	}
	s := &Store{
		conn: conn, observer: observer, name: options.Name, logger: cmp.Or(options.Logger, zap.NewNop()), buryWait: buryWait,
		consumers: make(map[string]jetstream.Consumer), leases: make(map[*lease]bool), pauses: newPauses(),
	}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.open(options); err != nil {
		s.end()
		conn.Close()
		return nil, err
	}
	s.beating.Go(s.beat)
	s.beating.Go(s.sweepAll)
	return s, nil
}

func (s *Store) open(options Options) error {
	if largest := s.conn.MaxPayload(); largest < minPayload {
		return fmt.Errorf("the servers take messages of up to %d bytes, and a webhook needs %d: "+
			"write max_payload: 2MB into their configuration, or more for a larger max_size", largest, minPayload)
	}
	js, err := jetstream.New(s.conn)
	if err != nil {
		return err
	}
	s.js = js
	all, err := s.configure(options)
	if err != nil {
		return err
	}
	s.waiting, s.dead, s.state = all[0], all[1], all[2]
	return s.watchPauses()
}

// configure makes the streams, or changes them to what the options say. It leaves
// the store as it is, which may be in use.
func (s *Store) configure(options Options) ([]jetstream.Stream, error) {
	// They are not compressed: a server (2.15.3) that was killed while it wrote
	// could not read its compressed blocks again, and never caught up.
	common := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew,
		Replicas: cmp.Or(options.Replicas, defaultReplicas), MaxBytes: cmp.Or(options.MaxSize, defaultMaxSize),
	}
	waiting, dead, state := common, common, common
	waiting.Name, waiting.Subjects = s.name, []string{s.name + ".wait.>", s.name + ".turn.*.*"}
	waiting.Description = "webhooks that wait for their destinations"
	waiting.Retention = jetstream.WorkQueuePolicy
	// One that waits already is not stored again, whenever it comes.
	waiting.MaxMsgsPerSubject, waiting.DiscardNewPerSubject = 1, true
	waiting.AllowRollup = true // for what takes another one's place
	dead.Name, dead.Subjects = s.name+"_DEAD", []string{s.name + ".dead.*"}
	dead.Description = "webhooks that are not delivered any more"
	state.Name, state.Subjects = s.name+"_STATE", []string{s.name + ".state.*", s.name + ".paused.*"}
	state.Description = "failed attempts of webhooks that wait, and paused destinations"
	state.Discard, state.MaxMsgsPerSubject, state.MaxBytes = jetstream.DiscardOld, 1, -1
	all := streams{s.js, cmp.Or(options.Logger, s.logger)}
	said := limits{replicas: options.Replicas, bytes: options.MaxSize}
	return all.ensure(s.life, plan{waiting, said}, plan{dead, said}, plan{state, limits{replicas: options.Replicas}})
}

// Append implements deliver.Store. A record for several targets is several
// messages: if one of them fails, those before it are taken back.
func (s *Store) Append(ctx context.Context, record *deliver.Record, targets []deliver.Target) error {
	if s.life.Err() != nil {
		return deliver.ErrClosed
	}
	encoded, err := record.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	var leases []func()
	undo := make([]func(), 0, len(targets))
	key := keyToken(record.Key)
	for i := range targets {
		ack, stream, err := s.put(ctx, encoded, key, &targets[i])
		if err != nil {
			for _, takeBack := range undo {
				takeBack()
			}
			return err
		}
		if ack != nil && targets[i].Lease != nil && targets[i].Dead == nil {
			leases = append(leases, func() { s.leaseGoing(&targets[i], record, ack.Sequence) })
		}
		if ack != nil {
			undo = append(undo, func() { _ = remove(s.life, stream, ack.Sequence) })
		}
	}
	if s.observer.Synced != nil {
		s.observer.Synced(time.Since(began), len(targets))
	}
	for _, lease := range leases {
		lease()
	}
	return nil
}

// put stores a record for one target. There is no acknowledgement if it waits
// there already.
func (s *Store) put(ctx context.Context, encoded []byte, key string, target *deliver.Target) (*jetstream.PubAck, jetstream.Stream, error) {
	if _, err := s.consumer(ctx, target.Destination); err != nil {
		return nil, nil, err
	}
	in := laneOf(target.Destination, target.Lane)
	n := note{
		Destination: target.Destination, Lane: in.token, Attempts: target.Attempts, Made: target.Attempts,
		Stored: time.Now(), Due: target.Due, Failure: target.Failure,
	}
	if target.Dead != nil {
		ack, err := s.putDead(ctx, n, *target.Dead, encoded)
		return ack, s.dead, err
	}
	if target.Lease != nil {
		n.Going = true
		if target.LeaseEnd.After(n.Due) {
			n.Due = target.LeaseEnd // the servers hand it out to any instance
		}
	}
	if in.isNone() {
		ack, err := s.publish(ctx, s.waitSubject(target.Destination, key), n, encoded)
		return ack, s.waiting, err
	}
	ack, err := s.appendTo(ctx, in, n, key, encoded)
	if err == nil {
		if err = s.offer(ctx, in); err != nil && ack != nil {
			_ = remove(s.life, s.waiting, ack.Sequence)
		}
	}
	return ack, s.waiting, err
}

// putDead stores a dead letter that has never waited. In a lane its place is behind
// what has been stored by now.
func (s *Store) putDead(ctx context.Context, n note, failure deliver.Failure, encoded []byte) (*jetstream.PubAck, error) {
	n.Failure = failure
	if n.Lane != "" {
		about, err := s.waiting.Info(ctx)
		if err != nil {
			return nil, err
		}
		n.Place = about.State.LastSeq
	}
	return s.publish(ctx, s.deadSubject(n.Destination), n, encoded)
}

// leaseGoing leases a message that was stored while an attempt of it is still
// being made. It does not come from a consumer, so nothing is to be told to one.
func (s *Store) leaseGoing(target *deliver.Target, record *deliver.Record, sequence uint64) {
	d := target.Going(record, time.Now())
	in := laneOf(target.Destination, target.Lane)
	l := &lease{sequence: sequence, lane: in, note: note{
		Destination: target.Destination, Lane: in.token, Attempts: d.Attempts, Made: d.Made, Stored: d.Stored, Due: target.Due,
	}}
	d.Lease = l
	s.mu.Lock()
	s.leases[l] = true
	s.mu.Unlock()
	target.Lease(d)
}

// publish stores a message, and returns when a quorum has it. There is neither
// an acknowledgement nor an error for one that waits already.
func (s *Store) publish(
	ctx context.Context, subject string, n note, data []byte, options ...jetstream.PublishOpt,
) (*jetstream.PubAck, error) {
	return s.publishMessage(ctx, &nats.Msg{Subject: subject, Header: n.header(), Data: data}, options...)
}

func (s *Store) publishMessage(ctx context.Context, m *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ack, err := s.js.PublishMsg(ctx, m, append(options, jetstream.WithRetryAttempts(electionTries), jetstream.WithRetryWait(electionWait))...)
	if err == nil {
		return ack, nil
	}
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch said := refused.Description; {
		case strings.Contains(said, "per subject exceeded"), isOutrun(refused):
			return nil, nil
		case strings.Contains(said, "exceeded"), strings.Contains(said, "insufficient"): // limits, the servers' disks
			return nil, fmt.Errorf("%w: %s", deliver.ErrFull, said)
		}
	}
	return nil, explain(err)
}

// isOutrun reports whether a message was to be stored under a condition that does not
// hold any more.
func isOutrun(refused *jetstream.APIError) bool {
	return refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

// Close implements deliver.Store. What was leased here is due at once.
func (s *Store) Close() error {
	s.end()
	s.beating.Wait()
	s.mu.Lock()
	for l := range s.leases {
		l.release()
	}
	clear(s.leases)
	s.mu.Unlock()
	err := s.conn.FlushTimeout(patience)
	s.conn.Close()
	if errors.Is(err, nats.ErrConnectionClosed) {
		return nil
	}
	return err
}

// Interface guard
var _ deliver.Store = (*Store)(nil)
