package nats_test

import (
	"context"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// removeConsumers takes away what hands out webhooks.
func (o *operator) removeConsumers(name string) {
	o.Helper()
	stream, err := o.js.Stream(o.Context(), name)
	if err != nil {
		o.Fatal(err)
	}
	removed := 0
	for consumer := range stream.ConsumerNames(o.Context()).Name() {
		if err := stream.DeleteConsumer(o.Context(), consumer); err != nil {
			o.Fatal(err)
		}
		removed++
	}
	if removed == 0 {
		o.Fatal("there are no consumers")
	}
}

// A consumer that an operator has removed is made anew. What was being attempted
// is settled all the same, and what waits is delivered.
func TestConsumerIsRemoved(t *testing.T) {
	server := serve(t)
	o := options(server)
	s, err := nats.Open(o, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	by := newOperator(t, server.ClientURL())
	stored := func(id string) {
		t.Helper()
		record := &deliver.Record{ID: id, Provider: "github", Body: []byte(id)}
		if err := s.Append(t.Context(), record, []deliver.Target{{Destination: "app"}}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	attempts := make(map[string]int)
	begun, removed := make(chan struct{}), make(chan struct{})
	runner := deliver.NewRunner(s, []deliver.Destination{{
		Name: "app",
		Attempt: func(_ context.Context, d *deliver.Delivery) deliver.Outcome {
			mu.Lock()
			attempts[d.Record.ID]++
			first := d.Record.ID == "first" && attempts["first"] == 1
			mu.Unlock()
			if first {
				close(begun)
				<-removed
			}
			return deliver.Outcome{Verdict: deliver.Delivered}
		},
	}}, 0, deliver.Events{
		Attempted: func(*deliver.Delivery, deliver.Outcome) {}, Expired: func(string, deliver.State, int) {},
		Died: func(*deliver.Delivery, deliver.Failure) {}, Trouble: func(string, error) {},
	})
	stored("first")
	<-begun
	by.removeConsumers(o.Name)
	close(removed)
	stored("second")
	reached(t, "both are delivered", func() bool {
		waiting, dead := counted(t, s)
		mu.Lock()
		defer mu.Unlock()
		return waiting+dead == 0 && attempts["second"] > 0
	})
	runner.Stop(t.Context())
	if attempts["first"] != 1 || attempts["second"] != 1 {
		t.Errorf("attempts: %v; want one of each", attempts)
	}
}
