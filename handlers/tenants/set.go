package tenants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// Set are the sources of a configuration, by their names.
type Set struct {
	sources map[string]*Source
	quit    chan struct{} // closed to end the refreshing
	done    chan struct{} // closed when it has ended
}

// Source is one that a configuration names, with what is remembered of its answers.
type Source struct {
	*tenant.Cache
	Name string // in the configuration

	module tenant.Source
	gates  []*Gate      // of the endpoints that take tenants from here; complete once the app starts
	start  func() error // opens the module, once
	key    string       // that the pool knows its memory by; empty if it has none
	logger *zap.Logger
	count  func(tenant.Result)
	broken string // what Refresh has said last; used by the refreshing goroutine alone
}

// memories hold what is known of sources, by what the configuration says of them. A
// reload hands them over: the last good answers would be lost otherwise, perhaps
// while the source fails.
var memories = caddy.NewUsagePool()

// pooled is a memory in the pool, which has nothing to be closed.
type pooled struct{ *tenant.Memory }

func (pooled) Destruct() error { return nil }

// Provision makes sources of loaded modules. Configured is what the configuration says
// of each; count is told of each look-up.
func (s *Set) Provision(
	ctx caddy.Context, modules map[string]any, configured map[string]string, count func(source string, result tenant.Result),
) error {
	s.sources = make(map[string]*Source, len(modules))
	for name, module := range modules {
		found, ok := module.(tenant.Source)
		if !ok {
			return fmt.Errorf("tenants %s: %T is not a source of tenants", name, module)
		}
		source := &Source{
			Name: name, module: found, start: func() error { return nil }, key: name + " " + configured[name],
			logger: ctx.Logger().With(zap.String("source", name)),
			count:  func(result tenant.Result) { count(name, result) },
		}
		if starter, ok := module.(Starter); ok {
			source.start = sync.OnceValue(starter.Start)
		}
		memory, _, err := memories.LoadOrNew(source.key, func() (caddy.Destructor, error) {
			return pooled{tenant.NewMemory(tenant.DefaultKnown, tenant.DefaultUnknown)}, nil
		})
		if err != nil {
			return err
		}
		options := defaultOptions
		if cached, ok := module.(Cached); ok {
			options = cached.Options()
		}
		options.Memory, options.Observe = memory.(pooled).Memory, source.observe
		source.Cache = tenant.NewCache(found, options)
		s.sources[name] = source
	}
	return nil
}

// Find returns the source of a name; an empty one is that of the only one.
func (s *Set) Find(name string) (*Source, error) {
	if source := s.sources[name]; source != nil {
		return source, nil
	}
	names := strings.Join(s.Names(), ", ")
	switch {
	case len(s.sources) == 0:
		return nil, errors.New("no source of tenants is defined; write in the global option webhooks: tenants <name> file <path>")
	case name != "":
		return nil, fmt.Errorf("no source of tenants is called %s; there is %s", name, names)
	case len(s.sources) > 1:
		return nil, fmt.Errorf("there are several sources of tenants; write which one: from %s", names)
	}
	for _, only := range s.sources {
		return only, nil
	}
	return nil, nil
}

// Names returns the names of all sources, in order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.sources)) }

// Start opens the sources and begins to look for changes.
func (s *Set) Start() error {
	for _, name := range s.Names() {
		if err := s.sources[name].start(); err != nil {
			return fmt.Errorf("tenants %s: %w", name, err)
		}
	}
	s.quit, s.done = make(chan struct{}), make(chan struct{})
	go s.run()
	started.Add(s)
	return nil
}

// refreshEvery is how often changes are looked for. With the time that answers are
// kept, it is less than the second within which a change is to be seen.
const refreshEvery = 250 * time.Millisecond

func (s *Set) run() {
	defer close(s.done)
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, source := range s.sources {
				source.refresh()
			}
		case <-s.quit:
			return
		}
	}
}

// Stop ends that. Requests may still ask, until Cleanup.
func (s *Set) Stop() {
	started.Remove(s)
	if s.quit != nil {
		close(s.quit)
		<-s.done
		s.quit = nil
	}
}

// Cleanup gives the memories up. The modules are closed by Caddy.
func (s *Set) Cleanup() error {
	var all error
	for _, source := range s.sources {
		_, err := memories.Delete(source.key)
		all = errors.Join(all, err)
	}
	return all
}

// Tenant implements tenant.Source. Requests may come before Start, from servers that
// have been started first.
func (s *Source) Tenant(ctx context.Context, id string) (*tenant.Tenant, error) {
	if err := s.start(); err != nil {
		return nil, &tenant.UnavailableError{Err: err}
	}
	return s.Cache.Tenant(ctx, id)
}

// refresh has the source look for changes, and tells of an error once.
func (s *Source) refresh() {
	refresher, ok := s.module.(Refresher)
	if !ok {
		return
	}
	changed, err := refresher.Refresh()
	switch {
	case err != nil && err.Error() != s.broken:
		s.broken = err.Error()
		s.logger.Warn("tenants cannot be read anew, and stay as they were", zap.Error(err))
	case changed:
		s.broken = ""
		s.logger.Info("tenants were read anew")
	}
}

// observe counts a look-up, and tells of what an operator has to know, once.
func (s *Source) observe(look tenant.Lookup) {
	s.count(look.Result)
	switch {
	case look.First && look.Result == tenant.Failed:
		s.logger.Warn("tenants cannot be looked up; those that are known stay as they were for a while", zap.Error(look.Err))
	case look.First && look.Result == tenant.Unreadable:
		s.logger.Warn("a tenant cannot be read", zap.String("tenant", look.ID), zap.Bool("stays_as_it_was", look.Served), zap.Error(look.Err))
	case look.Mended:
		s.logger.Info("tenants can be looked up again")
	}
}

// Store returns what can write the tenants of the source; false if nothing can.
func (s *Source) Store() (tenant.Store, bool) {
	store, ok := s.inner().(tenant.Store)
	return store, ok
}

// Lister returns what can name the tenants of the source; false if nothing can.
func (s *Source) Lister() (tenant.Lister, bool) {
	lister, ok := s.inner().(tenant.Lister)
	return lister, ok
}

// inner is the source that does the work of a module.
func (s *Source) inner() tenant.Source {
	if wrapped, ok := s.module.(interface{ Unwrap() tenant.Source }); ok {
		return wrapped.Unwrap()
	}
	return s.module
}

// Interface guard
var _ tenant.Source = (*Source)(nil)
