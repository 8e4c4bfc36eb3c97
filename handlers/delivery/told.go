package delivery

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/sampler"
)

// failures decides which failed attempts are logged: of each destination the first,
// then one a minute, which says how many there were meanwhile. A reload does not begin
// an outage anew.
var failures = sampler.Sampler{Size: 1}

// webhookFields say which webhook it is.
func webhookFields(record *deliver.Record) []zap.Field {
	return []zap.Field{
		webhook.Endpoint{Provider: record.Provider, Name: record.Endpoint}.Field(),
		zap.String("event", record.Event), zap.String("id", record.ID),
	}
}

// attempted tells of an attempt.
func (d *Manager) attempted(l *deliver.Delivery, outcome deliver.Outcome) {
	d.metrics.Attempts.WithLabelValues(l.Destination, verdictName(outcome.Verdict)).Inc()
	fields := append(webhookFields(l.Record), zap.String("destination", l.Destination), zap.Int("attempt", l.Made+1))
	if outcome.Verdict == deliver.Delivered {
		d.delivered(l, fields)
		return
	}
	if leftOut, tell := failures.Take(l.Destination, time.Now()); tell {
		d.logger.Warn("delivering a webhook failed", append(fields,
			zap.Int("status", outcome.Failure.Status), zap.String("failure", outcome.Failure.Reason), zap.Int("not_logged", leftOut))...)
	}
}

// delivered tells that a stored webhook has reached its destination at last.
func (d *Manager) delivered(l *deliver.Delivery, fields []zap.Field) {
	d.logger.Info("a stored webhook is delivered", append(fields, zap.Duration("after", d.now().Sub(l.Stored)))...)
	d.events.Emit(d.ctx, "webhook_delivered", map[string]any{
		"destination": l.Destination, "provider": l.Record.Provider, "endpoint": l.Record.Endpoint,
		"event": l.Record.Event, "id": l.Record.ID, "attempts": l.Made + 1,
	})
	d.note(&archive.Note{Ref: l.Record.Ref, At: d.now(), Outcome: archive.Delivered, Destination: l.Destination, Attempts: l.Made + 1})
}

// turned tells that a destination is down, or up again.
func (d *Manager) turned(destination string, down bool, failure deliver.Failure) {
	about := map[string]any{"destination": destination}
	if !down {
		d.logger.Info("a destination is up again", zap.String("destination", destination))
		d.events.Emit(d.ctx, "webhook_destination_up", about)
		return
	}
	d.logger.Error("a destination is down: what is for it waits, and only one in a while is attempted",
		zap.String("destination", destination), zap.Int("status", failure.Status), zap.String("failure", failure.Reason))
	about["status"], about["reason"] = failure.Status, failure.Reason
	d.events.Emit(d.ctx, "webhook_destination_down", about)
}

// gates are those of the destinations of a store, by name. A reload hands them over.
type gates struct {
	mu    sync.Mutex
	known map[string]*deliver.Gate
}

// of returns the gate of a destination.
func (g *gates) of(destination string) *deliver.Gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.known[destination]
	if gate == nil {
		if g.known == nil {
			g.known = make(map[string]*deliver.Gate)
		}
		gate = deliver.NewGate(deliver.Limits{})
		g.known[destination] = gate
	}
	return gate
}
