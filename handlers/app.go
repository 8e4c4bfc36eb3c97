package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// App holds what all webhook handlers share: the providers that operators
// define beside the built-in ones, and the store of deliveries.
type App struct {
	// Providers by their names. A provider is described by the same fields as
	// the built-in ones, whose names cannot be used again.
	Providers map[string]*verify.Spec `json:"providers,omitempty"`

	// How many bytes of bodies, and of what is decoded of them, all requests
	// together may hold in memory. What comes on top is answered with 503 and `Retry-After`. Default: a quarter of
	// the memory limit, which Caddy takes from the machine or its container;
	// 1 GiB without one.
	MaxBuffered int64 `json:"max_buffered,omitempty"`

	// What is kept of requests for the inspector, for all endpoints that say
	// nothing of their own. Default: nothing.
	Inspect *verify.Inspect `json:"inspect,omitempty"`

	// Where deliveries are remembered by endpoints that have `replay`. Default:
	// the store "memory".
	ReplayRaw json.RawMessage `json:"replay,omitempty" caddy:"namespace=webhooks.replay inline_key=store"`

	// Diagnose refused signatures at all endpoints: see the field of the same
	// name of webhook_auth. Default: false.
	Diagnose bool `json:"diagnose,omitempty"`

	// What keeps webhooks that `webhook_deliver` has to deliver later. It is
	// opened if the configuration names it or has a `webhook_deliver`. Default:
	// a file in Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=webhooks.stores inline_key=engine"`

	// Sources of tenants by their names: whose webhooks arrive at endpoints that
	// many customers share, see the field `tenant` of webhook_auth.
	TenantsRaw map[string]json.RawMessage `json:"tenants,omitempty" caddy:"namespace=webhooks.tenants inline_key=source"`

	// Run the test cases beside the configuration before it is loaded, and refuse it if
	// one fails; the one before goes on. Default: they are not run.
	TestOnLoad *TestOnLoad `json:"test_on_load,omitempty"`

	// What is kept of the webhooks that come, for those who look for one later.
	// Default: nothing.
	Archive *history.Archive `json:"archive,omitempty"`

	// Tell of each webhook that was accepted in the log, at the level INFO, for all
	// endpoints. Default: false.
	LogAccepted bool `json:"log_accepted,omitempty"`

	watch          observe.Watcher
	history        history.Manager
	tenants        tenants.Set
	issuers        issuers
	secrets        []diagnose.Secrets // of all endpoints, as far as they are provisioned
	delivery       delivery.Manager
	replay         replayStore
	surveyed       map[*caddyhttp.Server]bool
	unseen         map[*caddyhttp.Server]func() bool
	endpoints      map[string]string // configurations by the names that deliveries are remembered under
	credentialLogs credentialLogs
	names          map[string][]namedEndpoint
	resolved       map[string]*verify.Spec   // the providers, as they are
	synchronous    map[webhook.Endpoint]bool // endpoints whose senders ask
	observed       map[webhook.Endpoint]bool // endpoints with tenants that only observe
}

// CaddyModule returns the Caddy module information. Its receiver is a pointer
// because Caddy asks for it with each event, perhaps while the app stops: a value
// would be a copy of all fields.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  webhook.AppName,
		New: func() caddy.Module { return new(App) },
	}
}

// Provision checks the providers, loads the store of deliveries and sets up
// delivery.
func (a *App) Provision(ctx caddy.Context) error {
	if a.Inspect != nil {
		if err := a.Inspect.Check(); err != nil {
			return err
		}
	}
	a.issuers.provision(ctx)
	if a.MaxBuffered < 0 {
		return errors.New("max_buffered cannot be negative")
	}
	if err := a.resolve(); err != nil {
		return err
	}
	if err := webhook.LoadSchemes(ctx, slices.Collect(maps.Values(a.resolved))...); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.resolved)) {
		if _, exists := verify.Builtin(name); exists {
			return fmt.Errorf("provider %s is built in; choose another name", name)
		}
		provider, err := verify.Compile(a.resolved[name])
		if err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
		if _, err := route.NewIdentity(provider); err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
	}
	if err := a.history.Provision(ctx, a.Archive); err != nil {
		return err
	}
	if err := a.provisionReplay(ctx); err != nil {
		return err
	}
	if err := a.provisionTenants(ctx); err != nil {
		return err
	}
	if a.TestOnLoad != nil {
		if err := a.TestOnLoad.run(ctx); err != nil {
			return err
		}
	}
	return a.provisionStore(ctx)
}

// provisionStore loads the store of webhooks that are delivered later.
func (a *App) provisionStore(ctx caddy.Context) error {
	asked := a.StoreRaw != nil
	if !asked {
		a.StoreRaw = caddyconfig.JSONModuleObject(struct{}{}, "engine", "bolt", nil)
	}
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	engine, ok := module.(deliver.Engine)
	if !ok {
		return fmt.Errorf("the store: %T is not a store of webhooks", module)
	}
	return a.delivery.Provision(ctx, engine, asked, a.budget(), a.history.Note)
}

// Delivery returns what delivers for the handlers webhook_deliver.
func (a *App) Delivery() *delivery.Manager { return &a.delivery }

// Start opens the stores, begins to look after the endpoints and to deliver what
// is stored, and warns of tokens that nobody seems to issue. Caddy does not stop an app
// that has not started, so what has begun ends with an error.
func (a *App) Start() (err error) {
	if err := a.issuers.checkFor(a); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			a.tenants.Stop()
			a.history.Stop()
		}
	}()
	if err := a.history.Start(); err != nil {
		return err
	}
	if _, err := a.replay.open(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := a.tenants.Start(); err != nil {
		return err
	}
	if err := a.delivery.Start(); err != nil {
		return err
	}
	a.watch.Start()
	a.issuers.warn()
	return nil
}

// Stop ends that. Requests may still come, and be stored, until Cleanup.
func (a *App) Stop() error {
	a.watch.Stop()
	a.tenants.Stop()
	a.delivery.Stop()
	a.history.Stop()
	return nil
}

// budget returns how many bytes all requests may hold.
func (a *App) budget() int64 {
	if a.MaxBuffered > 0 {
		return a.MaxBuffered
	}
	return webhook.DefaultBudget()
}

// inspection is what is kept of the requests of an endpoint that says this
// itself; it is nil if nothing is.
func (a *App) inspection(own *verify.Inspect) *verify.Inspect {
	if own == nil {
		own = a.Inspect
	}
	if own == nil || own.Off {
		return nil
	}
	return own
}

// Cleanup lets go of the store, and of what was measured of endpoints that are
// gone.
func (a *App) Cleanup() error {
	a.credentialLogs.show()
	a.watch.Forget()
	return errors.Join(a.replay.release(), a.delivery.Cleanup(), a.tenants.Cleanup(), a.history.Cleanup())
}

// resolve completes the providers by those that they are like.
func (a *App) resolve() (err error) {
	for name, spec := range a.Providers {
		if spec != nil {
			spec.Name = name
		}
	}
	a.resolved, err = verify.ResolveAll(a.Providers)
	return err
}

// spec returns the description of a provider.
func (a *App) spec(name string) (*verify.Spec, error) { return verify.Resolve(name, a.resolved) }

// hasProvider reports whether a provider has this name.
func (a *App) hasProvider(name string) bool {
	_, builtIn := verify.Builtin(name)
	return builtIn || a.resolved[name] != nil
}

// ParseApp sets up the app from the global option webhooks, which may be
// given several times. See caddyfile.ParseOptions for its syntax.
func ParseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	app, err := appFromOption(existing)
	if err != nil {
		return nil, err
	}
	options := fromcaddyfile.Options{
		Providers: app.Providers, Replay: app.ReplayRaw, Store: app.StoreRaw, Tenants: app.TenantsRaw,
		MaxBuffered: app.MaxBuffered, Inspect: app.Inspect, Diagnose: app.Diagnose, LogAccepted: app.LogAccepted,
		HasArchive: app.Archive != nil,
	}
	if app.TestOnLoad != nil {
		options.TestOnLoad = app.TestOnLoad.Config
	}
	if err := fromcaddyfile.ParseOptions(d, &options); err != nil {
		return nil, err
	}
	app.ReplayRaw, app.StoreRaw, app.TenantsRaw = options.Replay, options.Store, options.Tenants
	app.MaxBuffered, app.Inspect, app.Diagnose, app.LogAccepted = options.MaxBuffered, options.Inspect, options.Diagnose, options.LogAccepted
	if archive := options.Archive; archive != nil {
		app.Archive = &history.Archive{EngineRaw: archive.Engine, Redact: archive.Redact, Refused: archive.Refused}
	}
	if options.TestOnLoad != "" {
		app.TestOnLoad = &TestOnLoad{Config: options.TestOnLoad}
	}
	return httpcaddyfile.App{Name: webhook.AppName, Value: caddyconfig.JSON(app, nil)}, nil
}

// appFromOption returns the app that the global option has defined so far.
func appFromOption(option any) (*App, error) {
	app := new(App)
	if defined, ok := option.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(defined.Value, app); err != nil {
			return nil, err
		}
	}
	if app.Providers == nil {
		app.Providers = make(map[string]*verify.Spec)
	}
	if err := app.resolve(); err != nil {
		return nil, err
	}
	fromcaddyfile.AnnounceSchemes(slices.Collect(maps.Values(app.resolved))...)
	return app, nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
