package nats_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// operator is somebody who looks after the streams.
type operator struct {
	*testing.T
	js jetstream.JetStream
}

func newOperator(t *testing.T, url string) *operator {
	t.Helper()
	conn, err := client.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return &operator{t, js}
}

func (o *operator) config(name string) jetstream.StreamConfig {
	o.Helper()
	stream, err := o.js.Stream(o.Context(), name)
	if err != nil {
		o.Fatal(err)
	}
	return stream.CachedInfo().Config
}

func (o *operator) change(name string, change func(*jetstream.StreamConfig)) {
	o.Helper()
	config := o.config(name)
	change(&config)
	if _, err := o.js.UpdateStream(o.Context(), config); err != nil {
		o.Fatal(err)
	}
}

// ackWait returns after how long what a consumer has is handed out once more.
func (o *operator) ackWait(name string) (wait time.Duration) {
	o.Helper()
	stream, err := o.js.Stream(o.Context(), name)
	if err != nil {
		o.Fatal(err)
	}
	consumers := stream.ListConsumers(o.Context())
	for about := range consumers.Info() {
		wait = max(wait, about.Config.AckWait)
	}
	if consumers.Err() != nil || wait == 0 {
		o.Fatalf("the servers wait for %v, %v", wait, consumers.Err())
	}
	return wait
}

// opened opens a store and closes it, and returns what was logged of streams.
func opened(t *testing.T, o nats.Options) []string {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	o.Logger = zap.New(core)
	store, err := nats.Open(o, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	var lines []string
	for _, entry := range logs.FilterLevelExact(zapcore.InfoLevel).All() {
		fields := entry.ContextMap()
		lines = append(lines, fmt.Sprint(entry.Message, " ", fields["stream"], " ", fields["settings"]))
	}
	return lines
}

// What an operator has set stays, unless the configuration says something else
// or the store could not keep its promises.
func TestOperatorsSettings(t *testing.T) {
	s := serve(t)
	by := newOperator(t, s.ClientURL())
	o := options(s)
	if got := opened(t, o); len(got) != 3 || !strings.HasPrefix(got[0], "stream made "+o.Name) {
		t.Errorf("at first: %q", got)
	}
	by.change(o.Name, func(c *jetstream.StreamConfig) {
		c.MaxBytes, c.MaxMsgs, c.Description, c.Metadata = 5<<20, 7, "ours", map[string]string{"team": "ours"}
	})
	o.Replicas = 0 // 3 for a new stream, and there is one server
	if got := opened(t, o); got != nil {
		t.Errorf("nothing is to be done, and the log says %q", got)
	}
	kept := func(maxBytes int64) {
		t.Helper()
		c := by.config(o.Name)
		if c.MaxBytes != maxBytes || c.MaxMsgs != 7 || c.Description != "ours" || c.Metadata["team"] != "ours" || c.Replicas != 1 {
			t.Errorf("the stream is %+v", c)
		}
		if c.Discard != jetstream.DiscardNew || !c.DiscardNewPerSubject {
			t.Errorf("what waits may be lost: %+v", c)
		}
	}
	kept(5 << 20)

	by.change(o.Name, func(c *jetstream.StreamConfig) { c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false })
	if got, want := opened(t, o), []string{"stream changed " + o.Name + " [discard discard_new_per_subject]"}; !slices.Equal(got, want) {
		t.Errorf("the log says %q; want %q", got, want)
	}
	kept(5 << 20)

	o.MaxSize = 6 << 20
	want := []string{"stream changed " + o.Name + " [max_bytes]", "stream changed " + o.Name + "_DEAD [max_bytes]"}
	if got := opened(t, o); !slices.Equal(got, want) {
		t.Errorf("the log says %q; want %q", got, want)
	}
	kept(6 << 20)
}

// A stream that may acknowledge what is not written is not used.
func TestUnfitStream(t *testing.T) {
	s := serve(t)
	by := newOperator(t, s.ClientURL())
	for setting, config := range map[string]jetstream.StreamConfig{
		"persist_mode": {PersistMode: jetstream.AsyncPersistMode},
		"storage":      {Storage: jetstream.MemoryStorage},
	} {
		o := options(s)
		config.Name, config.Subjects, config.Retention = o.Name, []string{o.Name + ".wait.*.*"}, jetstream.WorkQueuePolicy
		if _, err := by.js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if _, err := nats.Open(o, deliver.Observer{}); err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// Of how many deliveries an operator has them remember, too.
func TestOperatorsReplaySettings(t *testing.T) {
	s := serve(t)
	by := newOperator(t, s.ClientURL())
	open := func(entries int64) {
		t.Helper()
		store, err := nats.OpenReplay(nats.ReplayOptions{
			Cluster: nats.Cluster{URLs: []string{s.ClientURL()}}, Name: "KEPT", Replicas: 1, MaxEntries: entries,
		})
		if err != nil {
			t.Fatal(err)
		}
		store.Close()
	}
	messages := func(want int64) {
		t.Helper()
		if got := by.config("KEPT_REPLAY").MaxMsgs; got != want {
			t.Errorf("%d are remembered; want %d", got, want)
		}
	}
	open(0)
	messages(1_000_000)
	by.change("KEPT_REPLAY", func(c *jetstream.StreamConfig) { c.MaxMsgs = 7 })
	open(0)
	messages(7)
	open(8)
	messages(8)
}
