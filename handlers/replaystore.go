package handlers

import (
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/pool"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
)

// remembered are the open stores of deliveries by place. A reload hands them over.
var remembered = pool.New[replay.Store]()

// replayStore is the store of a configuration. It is opened when the configuration
// is taken into use: by Start, or by a request, since the HTTP app may start
// earlier.
type replayStore struct {
	engine replay.Engine
	open   func() (replay.Store, error) // once

	mu    sync.Mutex
	place string // that the pool knows it by; empty while it is not open
}

// provisionReplay loads the store of deliveries.
func (a *App) provisionReplay(ctx caddy.Context) error {
	if a.ReplayRaw == nil {
		a.ReplayRaw = caddyconfig.JSON(map[string]string{"store": "memory"}, nil)
	}
	module, err := ctx.LoadModule(a, "ReplayRaw")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	engine, ok := module.(replay.Engine)
	if !ok {
		return fmt.Errorf("replay: %T is not a store of deliveries", module)
	}
	s := &a.replay
	s.engine, s.open = engine, sync.OnceValues(s.acquire)
	a.endpoints = make(map[string]string)
	return nil
}

func (s *replayStore) acquire() (replay.Store, error) {
	place, err := s.engine.Place()
	if err != nil {
		return nil, err
	}
	options := replay.Options{
		Now:     func() time.Time { return webhook.Now() },
		Evicted: observe.Collectors().ReplayEvicted.WithLabelValues().Inc,
	}
	store, err := remembered.Acquire(place,
		func() (replay.Store, error) { return s.engine.Open(options) }, s.engine.Adopt)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place = place
	return store, nil
}

// release lets go of the store.
func (s *replayStore) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == "" {
		return nil
	}
	return remembered.Release(s.place)
}
