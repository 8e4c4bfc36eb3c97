package nats_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// counted are what a store has, by state.
func counted(t *testing.T, s deliver.Store) (waiting, dead int) {
	t.Helper()
	all, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		waiting, dead = waiting+all[i].Waiting, dead+all[i].Dead
	}
	return waiting, dead
}

// What no dead letter can be made of neither keeps others from being delivered,
// nor is lost, nor sent again: it is a dead letter as soon as it can be one.
func TestNoRoomForDeadLetters(t *testing.T) {
	const refused = 2 * deliver.Concurrency
	for name, test := range map[string]struct {
		spoil, mend func(by *operator, stream string)
	}{
		"the stream is full": {
			func(by *operator, stream string) {
				by.change(stream, func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 })
			},
			func(by *operator, stream string) {
				by.change(stream, func(c *jetstream.StreamConfig) { c.MaxMsgs = -1 })
			},
		},
		"the stream takes nothing so large": {
			func(by *operator, stream string) {
				by.change(stream, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 10 })
			},
			func(by *operator, stream string) {
				by.change(stream, func(c *jetstream.StreamConfig) { c.MaxMsgSize = -1 })
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t)
			core, logs := observer.New(zapcore.ErrorLevel)
			o := options(server)
			o.Logger = zap.New(core)
			s, err := nats.Open(o, deliver.Observer{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.SetBuryWait(50 * time.Millisecond)
			by := newOperator(t, server.ClientURL())
			test.spoil(by, o.Name+"_DEAD")
			for i := range refused + 1 {
				record := &deliver.Record{ID: fmt.Sprint(i), Provider: "github", Body: make([]byte, 100)}
				if err := s.Append(t.Context(), record, []deliver.Target{{Destination: "app"}}); err != nil {
					t.Fatal(err)
				}
			}
			var mu sync.Mutex
			attempts, died, trouble, taken := 0, 0, 0, false
			runner := deliver.NewRunner(s, []deliver.Destination{{
				Name: "app",
				Attempt: func(_ context.Context, d *deliver.Delivery) deliver.Outcome {
					mu.Lock()
					defer mu.Unlock()
					attempts++
					if d.Record.ID == fmt.Sprint(refused) {
						taken = true
						return deliver.Outcome{Verdict: deliver.Delivered}
					}
					return deliver.Outcome{Verdict: deliver.Refused, Failure: deliver.Failure{Status: 422, Reason: "422"}}
				},
			}}, 0, deliver.Events{
				Attempted: func(*deliver.Delivery, deliver.Outcome) {}, Expired: func(string, deliver.State, int) {},
				Died: func(*deliver.Delivery, deliver.Failure) {
					mu.Lock()
					defer mu.Unlock()
					died++
				},
				Trouble: func(_ string, err error) {
					mu.Lock()
					defer mu.Unlock()
					trouble++
				},
			})
			reached(t, "what the app takes is delivered", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return taken
			})
			reached(t, "each is settled", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return died == refused
			})
			if waiting, dead := counted(t, s); waiting+dead < refused {
				t.Errorf("%d wait and %d are dead; there were %d", waiting, dead, refused)
			}
			if n := logs.Len(); n == 0 || n >= refused { // a success meanwhile makes the next failure news
				t.Errorf("the log says %d times that no dead letter can be made: %v", n, logs.All())
			}
			test.mend(by, o.Name+"_DEAD")
			reached(t, "all are dead letters", func() bool {
				waiting, dead := counted(t, s)
				return waiting == 0 && dead == refused
			})
			runner.Stop(t.Context())
			if attempts != refused+1 || died != refused || trouble != 0 {
				t.Errorf("%d attempts, %d died, %d errors; want %d, %d and none", attempts, died, trouble, refused+1, refused)
			}
			entries, err := s.List(t.Context(), deliver.Filter{State: deliver.Dead}, 1)
			if err != nil || len(entries) != 1 || entries[0].Attempts != 1 || entries[0].Status != 422 {
				t.Errorf("the first dead letter is %+v, %v", entries, err)
			}
		})
	}
}
