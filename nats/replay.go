package nats

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// ReplayStore remembers deliveries for several instances, in a stream with one
// message for each key. It is a replay.Store. The clocks of the instances
// should differ by less than a second.
type ReplayStore struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	name   string
	now    func() time.Time
}

// ReplayOptions are the settings of a ReplayStore.
type ReplayOptions struct {
	// Cluster is where the servers are.
	Cluster Cluster

	// Name begins the name of the stream.
	Name string

	// Replicas is on how many servers each key is. 0 leaves it as it is, and is 3
	// where there is nothing yet.
	Replicas int

	// MaxEntries is how many keys are remembered. When there are more, the
	// oldest is forgotten. 0 leaves it as it is, and is 1,000,000 where there is
	// nothing yet.
	MaxEntries int64

	// Logger is told what becomes of the stream. Optional.
	Logger *zap.Logger
}

// OpenReplay connects to the servers and makes the stream where it is missing.
func OpenReplay(options ReplayOptions) (*ReplayStore, error) {
	conn, err := options.Cluster.connect()
	if err != nil {
		return nil, err
	}
	s := &ReplayStore{conn: conn, name: options.Name, now: time.Now}
	if s.js, err = jetstream.New(conn); err == nil {
		s.stream, err = s.configure(options)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// configure makes the stream, or changes it to what the options say. It leaves
// the store as it is, which may be in use.
func (s *ReplayStore) configure(options ReplayOptions) (jetstream.Stream, error) {
	config := jetstream.StreamConfig{
		Name: s.name + "_REPLAY", Subjects: []string{s.name + ".replay.*"}, Description: "deliveries that are remembered",
		Storage: jetstream.FileStorage, Replicas: cmp.Or(options.Replicas, defaultReplicas),
		MaxMsgsPerSubject: 1, MaxMsgs: cmp.Or(options.MaxEntries, defaultMaxEntries), Discard: jetstream.DiscardOld, AllowMsgTTL: true,
	}
	all := streams{s.js, cmp.Or(options.Logger, zap.NewNop())}
	made, err := all.ensure(context.Background(), plan{config, limits{replicas: options.Replicas, messages: options.MaxEntries}})
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

func (s *ReplayStore) subject(key replay.Key) string { return s.name + ".replay." + key.String() }

// Reserve implements replay.Store.
func (s *ReplayStore) Reserve(ctx context.Context, claim replay.Claim) (replay.Outcome, error) {
	var outcome replay.Outcome
	err := s.change(ctx, claim.Key, func(r replay.Record, now time.Time) (replay.Record, bool) {
		r, outcome = r.Reserve(claim, now)
		return r, outcome.State == replay.Reserved
	})
	return outcome, err
}

// Done implements replay.Store.
func (s *ReplayStore) Done(ctx context.Context, claim replay.Claim, status int) error {
	return s.change(ctx, claim.Key, func(r replay.Record, now time.Time) (replay.Record, bool) {
		return r.Done(claim, status, now), true
	})
}

// Release implements replay.Store.
func (s *ReplayStore) Release(ctx context.Context, claim replay.Claim) error {
	return s.change(ctx, claim.Key, func(r replay.Record, now time.Time) (replay.Record, bool) {
		return r.Release(claim, now), true
	})
}

// change replaces the record of a key, and begins anew if somebody else has
// meanwhile.
func (s *ReplayStore) change(
	ctx context.Context, key replay.Key, next func(replay.Record, time.Time) (replay.Record, bool),
) error {
	for {
		record, sequence, err := s.read(ctx, key)
		if err != nil {
			return err
		}
		now := s.now()
		changed, write := next(record, now)
		if !write || changed == record {
			return nil
		}
		err = s.write(ctx, key, changed, sequence, now)
		if refused, ok := errors.AsType[*jetstream.APIError](err); ok && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		return err
	}
}

// read returns the record of a key, and the sequence of its message; both are
// zero if there is none.
func (s *ReplayStore) read(ctx context.Context, key replay.Key) (record replay.Record, sequence uint64, err error) {
	m, err := s.stream.GetLastMsgForSubject(ctx, s.subject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return record, 0, nil
	}
	if err != nil {
		return record, 0, err
	}
	if err := json.Unmarshal(m.Data, &record); err != nil {
		return record, 0, fmt.Errorf("what is remembered cannot be read: %w", err)
	}
	return record, m.Sequence, nil
}

// leastTTL is the shortest time that the servers keep a message.
const leastTTL = time.Second

// write replaces a message that still has the sequence. A record of nothing is
// written, too, since a removal could not be told from one by another.
func (s *ReplayStore) write(ctx context.Context, key replay.Key, record replay.Record, sequence uint64, now time.Time) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	ttl := leastTTL
	if record.Phase != replay.Absent {
		ttl = max(ttl, record.Expires.Sub(now).Truncate(time.Second)+time.Second)
	}
	_, err = s.js.PublishMsg(ctx, &nats.Msg{Subject: s.subject(key), Data: data},
		jetstream.WithExpectLastSequencePerSubject(sequence), jetstream.WithMsgTTL(ttl),
		jetstream.WithRetryAttempts(electionTries), jetstream.WithRetryWait(electionWait))
	return err
}

// waitTime is after how long Wait looks again, in case that it was not told.
const waitTime = time.Second

// Wait implements replay.Store. Whoever ends a claim writes its message, which
// is heard by all that listen to its subject.
func (s *ReplayStore) Wait(ctx context.Context, key replay.Key) error {
	changes, err := s.conn.SubscribeSync(s.subject(key))
	if err != nil {
		return err
	}
	defer func() { _ = changes.Unsubscribe() }()
	record, _, err := s.read(ctx, key)
	if err != nil || record.Phase != replay.Claimed || !s.now().Before(record.Leased) {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	if _, err := changes.NextMsgWithContext(limited); err != nil && limited.Err() == nil {
		return err
	}
	return ctx.Err()
}

// Close ends the connection.
func (s *ReplayStore) Close() error {
	s.conn.Close()
	return nil
}

var _ replay.Store = (*ReplayStore)(nil)
