package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// startPatience is how long a cluster may take until it has a leader that
	// makes a stream.
	startPatience = 30 * time.Second

	// attemptTime is after how long the cluster is asked again, which may have had
	// no leader that heard it.
	attemptTime = 3 * time.Second
)

// streams makes streams, and changes those that are there.
type streams struct {
	js     jetstream.JetStream
	logger *zap.Logger
}

// plan is what a stream is to be.
type plan struct {
	initial jetstream.StreamConfig // what it is made with
	said    limits
}

// limits are settings that the configuration may say. What is zero is not said:
// what an operator has set it to stays.
type limits struct {
	replicas        int
	bytes, messages int64
}

// ensure makes the streams that are missing, and changes the others where they
// are not what the store works by, or what the configuration says.
func (s *streams) ensure(ctx context.Context, plans ...plan) ([]jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var all []jetstream.Stream
	var single []string
	for i := range plans {
		stream, err := s.insist(ctx, &plans[i])
		if err != nil {
			return nil, err
		}
		if stream.CachedInfo().Config.Replicas == 1 {
			single = append(single, plans[i].initial.Name)
		}
		all = append(all, stream)
	}
	if len(single) > 0 {
		// Whether the server does so is told to its system account only.
		s.logger.Warn("only one server has each message: unless it is run with sync_interval: always, "+
			"it loses what it has acknowledged when the power fails", zap.Strings("streams", single))
	}
	return all, nil
}

// insist ensures a stream, and asks again while the servers have no leader.
func (s *streams) insist(ctx context.Context, p *plan) (jetstream.Stream, error) {
	for {
		attempt, end := context.WithTimeout(ctx, attemptTime)
		stream, err := s.ensureOne(attempt, p)
		end()
		switch {
		case err == nil:
			return stream, nil
		case ctx.Err() == nil && (isUnanswered(err) || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse)): // by another instance
		default:
			return nil, fmt.Errorf("stream %s: %w", p.initial.Name, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(electionWait):
		}
	}
}

func (s *streams) ensureOne(ctx context.Context, p *plan) (jetstream.Stream, error) {
	name := p.initial.Name
	stream, err := s.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if stream, err = s.js.CreateStream(ctx, p.initial); err != nil {
			return nil, fmt.Errorf("making it with %d replicas: %w", p.initial.Replicas, err)
		}
		s.logger.Info("stream made", zap.String("stream", name), zap.Int("replicas", p.initial.Replicas))
		return stream, nil
	}
	if err != nil {
		return nil, err
	}
	config, changed := p.settle(stream.CachedInfo().Config)
	if len(changed) == 0 {
		return stream, nil
	}
	if stream, err = s.js.UpdateStream(ctx, config); err != nil {
		return nil, fmt.Errorf("changing its %s: %w", strings.Join(changed, ", "), err)
	}
	s.logger.Info("stream changed", zap.String("stream", name), zap.Strings("settings", changed))
	return stream, nil
}

// settle returns what a stream that is there is to be, and the names of the
// settings that differ.
func (p *plan) settle(config jetstream.StreamConfig) (jetstream.StreamConfig, []string) {
	var changed []string
	want := &p.initial
	if !slices.Equal(config.Subjects, want.Subjects) {
		config.Subjects, changed = want.Subjects, append(changed, "subjects")
	}
	// Without these, what was acknowledged could be lost, or stored twice.
	differs(&changed, "retention", &config.Retention, want.Retention)
	differs(&changed, "storage", &config.Storage, want.Storage)
	differs(&changed, "persist_mode", &config.PersistMode, want.PersistMode)
	differs(&changed, "compression", &config.Compression, want.Compression)
	differs(&changed, "discard", &config.Discard, want.Discard)
	differs(&changed, "discard_new_per_subject", &config.DiscardNewPerSubject, want.DiscardNewPerSubject)
	differs(&changed, "max_msgs_per_subject", &config.MaxMsgsPerSubject, cmp.Or(want.MaxMsgsPerSubject, config.MaxMsgsPerSubject))
	differs(&changed, "allow_rollup_hdrs", &config.AllowRollup, want.AllowRollup || config.AllowRollup)
	differs(&changed, "allow_direct", &config.AllowDirect, want.AllowDirect) // a server may answer that has not heard of the latest
	differs(&changed, "allow_msg_ttl", &config.AllowMsgTTL, want.AllowMsgTTL || config.AllowMsgTTL)
	differs(&changed, "num_replicas", &config.Replicas, cmp.Or(p.said.replicas, config.Replicas))
	differs(&changed, "max_bytes", &config.MaxBytes, cmp.Or(p.said.bytes, config.MaxBytes))
	differs(&changed, "max_msgs", &config.MaxMsgs, cmp.Or(p.said.messages, config.MaxMsgs))
	return config, changed
}

// differs sets a setting to what it is to be, and notes its name if it was
// something else.
func differs[T comparable](changed *[]string, name string, has *T, want T) {
	if *has != want {
		*has, *changed = want, append(*changed, name)
	}
}
