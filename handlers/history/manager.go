package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/pool"
	"github.com/caddy-webhooks/caddy-webhooks/internal/running"
	"github.com/caddy-webhooks/caddy-webhooks/internal/sampler"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Archive says what is kept of the webhooks that come, for operators who look for one
// later: every one that was accepted, with what became of it. Static credentials are
// never kept: tokens, Basic credentials, cookies, and secrets in the query or the payload.
// Signatures are.
type Archive struct {
	// What keeps the webhooks. Default: segments, which are files.
	EngineRaw json.RawMessage `json:"engine,omitempty" caddy:"namespace=webhooks.archives inline_key=name"`

	// The paths of values in payloads that are replaced before anything is written,
	// such as items.*.phone. "personal" stands for the personal data that the provider's
	// description names. A payload in which they cannot be found is not kept.
	Redact []string `json:"redact,omitempty"`

	// Keep also what is refused for its signature, its token or its time, apart from
	// the rest and in a tenth of its room, so that it can be verified again when a wrong
	// secret is corrected. Bodies are then read although a request will be refused.
	// Default: false.
	Refused bool `json:"refused,omitempty"`
}

// Manager is the archive of a configuration. Its zero value keeps nothing.
type Manager struct {
	config  *Archive // nil: nothing is kept
	ctx     caddy.Context
	engine  archive.Engine
	paths   []payload.Path
	metrics *observe.Metrics
	logger  *zap.Logger

	open func() (archive.Archive, error) // once

	mu    sync.Mutex
	place string // that the pool knows the archive by; empty while it is not open
}

// archives are the open archives by place. A reload hands them over.
var archives = pool.New[archive.Archive]()

// keeping are those of the configurations that have started.
var keeping running.List[*Manager]

// lostLog has losses told of once a minute.
var lostLog = sampler.Sampler{Size: 1}

// Provision loads the engine. Without a config nothing is kept.
func (m *Manager) Provision(ctx caddy.Context, config *Archive) error {
	m.config, m.ctx, m.logger = config, ctx, ctx.Logger()
	if config == nil {
		return nil
	}
	var err error
	if m.metrics, err = observe.RegisterMetrics(ctx); err != nil {
		return err
	}
	for _, text := range config.Redact {
		if text == verify.PersonalData {
			continue
		}
		path, err := payload.ParsePath(text)
		if err != nil {
			return fmt.Errorf("archive: redact: %w", err)
		}
		m.paths = append(m.paths, path)
	}
	if config.EngineRaw == nil {
		config.EngineRaw = caddyconfig.JSONModuleObject(struct{}{}, "name", "segments", nil)
	}
	module, err := ctx.LoadModule(config, "EngineRaw")
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	engine, ok := module.(archive.Engine)
	if !ok {
		return fmt.Errorf("archive: %T is not an archive of webhooks", module)
	}
	m.engine, m.open = engine, sync.OnceValues(m.acquire)
	return nil
}

// Start opens the archive, or takes it over from the configuration before.
func (m *Manager) Start() error {
	if m.config == nil {
		return nil
	}
	if _, err := m.open(); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	keeping.Add(m)
	return nil
}

// Stop leaves it to the configuration that still runs. Requests may still come, and be
// kept, until Cleanup.
func (m *Manager) Stop() { keeping.Remove(m) }

// acquire opens the archive: for Start, or for a request, since the HTTP app may start
// earlier.
func (m *Manager) acquire() (archive.Archive, error) {
	place, err := m.engine.Place()
	if err != nil {
		return nil, err
	}
	open, err := archives.Acquire(place, func() (archive.Archive, error) { return m.engine.Open(m.observer()) }, m.engine.Adopt)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.place = place
	return open, nil
}

// observer tells operators what the engine does. The archive may outlive the
// configuration that has opened it.
func (m *Manager) observer() archive.Observer {
	logger := caddy.Log().Named(webhook.AppName)
	return archive.Observer{
		Lost: func(count int, err error) {
			m.metrics.ArchiveLost.Add(float64(count))
			if more, tell := lostLog.Take("lost", time.Now()); tell {
				logger.Error("the archive could not keep webhooks; they were handled as ever",
					zap.Int("lost", count), zap.Int("not_logged", more), zap.Error(err))
			}
		},
		Damaged: func(place string) {
			logger.Error("the archive is damaged; what follows in this part of it is left out", zap.String("place", place))
		},
	}
}

// Cleanup lets go of the archive.
func (m *Manager) Cleanup() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.place == "" {
		return nil
	}
	return archives.Release(m.place)
}

// Note keeps what became of a webhook later. It is nothing if the webhook is not kept.
func (m *Manager) Note(note *archive.Note) {
	if m.config == nil || note.Ref == "" {
		return
	}
	if open, err := m.open(); err == nil {
		open.Note(note)
	}
}

// redactsPersonal reports whether personal data are left out that a provider's
// description names.
func (m *Manager) redactsPersonal() bool {
	return slices.Contains(m.config.Redact, verify.PersonalData)
}

// errNoArchive is the answer where nothing is kept.
var errNoArchive = errors.New("this configuration keeps no history; write archive into the global option webhooks")
