package tenants

import (
	"context"
	"errors"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Gate finds out whose webhooks arrive at an endpoint, and what verifies them.
type Gate struct {
	Source             *Source
	endpoint, provider string
	spec               *verify.Spec
	common             atomic.Pointer[common]
	options            func(id string) []verify.Option
	compiled           *lru.Cache[string, *compiled]
}

// common is what all tenants have in common, with the credentials of nobody.
type common struct {
	config verify.Config
	nobody *verify.Verifier
}

// compiled is what verifies the webhooks of a tenant, for as long as the tenant and
// what all have in common are the same.
type compiled struct {
	tenant   *tenant.Tenant
	common   *common
	verifier *verify.Verifier
	err      error
}

// NewGate returns the gate of the endpoint of a name. The configuration is the endpoint's with the
// credentials of nobody, and so is the verifier. Options, which may be nil, are those of
// a tenant's verifier.
func NewGate(
	source *Source, spec *verify.Spec, endpoint string, config verify.Config, nobody *verify.Verifier, options func(id string) []verify.Option,
) *Gate {
	g := &Gate{
		Source: source, spec: spec, options: options,
		endpoint: endpoint, provider: config.Provider,
	}
	g.common.Store(&common{config, nobody})
	g.compiled, _ = lru.New[string, *compiled](tenant.DefaultKnown) // fails for sizes below 1 only
	source.gates = append(source.gates, g)
	return g
}

// Renew makes what all tenants have in common of another configuration. It counts, for
// requests that come from then on, when use is called.
func (g *Gate) Renew(config verify.Config) (use func(), err error) {
	nobody, err := g.common.Load().nobody.With(&config)
	if err != nil {
		return nil, err
	}
	return func() { g.common.Store(&common{config, nobody}) }, nil
}

// Visitor is who a request says it comes from, and what it is held against. Refusal is
// not nil if it is to be refused, however right its credentials are: it is held
// against those of nobody all the same, so that the time an answer takes does not tell
// who is known.
type Visitor struct {
	Tenant   *tenant.Tenant // nil if it is not known, or not welcome
	Verifier *verify.Verifier
	Refusal  *verify.Error
}

// Find returns the visitor of an id. The error is that of a source that cannot tell.
func (g *Gate) Find(ctx context.Context, id string) (Visitor, error) {
	found, err := g.Source.Tenant(ctx, id)
	switch {
	case errors.Is(err, tenant.ErrUnknown), errors.Is(err, tenant.ErrID):
		return g.stranger(err.Error()), nil
	case err != nil:
		return Visitor{}, unavailable(err)
	case found.Disabled:
		return g.stranger("the tenant " + id + " is disabled"), nil
	}
	mine := g.of(found)
	switch {
	case mine.err != nil:
		return Visitor{}, unavailable(mine.err)
	case mine.verifier == nil:
		return g.stranger("the tenant " + id + " has no credentials for this endpoint"), nil
	}
	return Visitor{Tenant: found, Verifier: mine.verifier}, nil
}

func (g *Gate) stranger(why string) Visitor {
	return Visitor{Verifier: g.common.Load().nobody, Refusal: &verify.Error{Reason: verify.UnknownTenant, Detail: why}}
}

func unavailable(err error) error {
	return &verify.Error{Reason: verify.NoTenants, Detail: err.Error()}
}

// of returns what verifies the webhooks of a tenant. It is made once for each version
// of the tenant; two requests may make it at a time, and either is good.
func (g *Gate) of(t *tenant.Tenant) *compiled {
	current := g.common.Load()
	if known, ok := g.compiled.Get(t.ID); ok && known.tenant == t && known.common == current {
		return known
	}
	made := &compiled{tenant: t, common: current}
	if made.verifier, made.err = g.compile(current, t); made.err != nil {
		g.Source.logger.Warn("the credentials of a tenant cannot be used at an endpoint, so its webhooks are refused",
			zap.String("endpoint", g.endpoint), zap.String("tenant", t.ID), zap.Error(made.err))
	}
	g.compiled.Add(t.ID, made)
	return made
}

// Compile makes what verifies the webhooks of a tenant; nil if it has no credentials for
// this endpoint.
func (g *Gate) Compile(t *tenant.Tenant) (*verify.Verifier, error) {
	return g.compile(g.common.Load(), t)
}

func (g *Gate) compile(current *common, t *tenant.Tenant) (*verify.Verifier, error) {
	config, ok, err := g.configOf(current, t)
	if !ok || err != nil {
		return nil, err
	}
	var options []verify.Option
	if g.options != nil {
		options = g.options(t.ID)
	}
	return current.nobody.With(&config, options...)
}

// configOf returns the configuration of the endpoint with the credentials of a tenant;
// false if it has none for this endpoint.
func (g *Gate) configOf(current *common, t *tenant.Tenant) (config verify.Config, ok bool, err error) {
	credentials, ok := t.For(g.endpoint, g.provider)
	switch {
	case ok:
	case current.config.Issued != nil: // a token has the tenant's id in it
		credentials = new(tenant.Credentials)
	default:
		return config, false, nil
	}
	config = current.config
	return config, true, credentials.Apply(g.spec, &config)
}

// Config returns the configuration of the endpoint with the credentials of a tenant, for
// those who sign test webhooks; with those of nobody if no tenant has the id.
func (g *Gate) Config(ctx context.Context, id string) (verify.Config, error) {
	found, err := g.Source.Tenant(ctx, id)
	switch {
	case errors.Is(err, tenant.ErrUnknown), errors.Is(err, tenant.ErrID):
		return g.common.Load().config, nil
	case err != nil:
		return g.common.Load().config, err
	}
	return g.ConfigFor(found)
}

// ConfigFor returns the configuration of the endpoint with the credentials of a tenant;
// with those of nobody if it has none for this endpoint.
func (g *Gate) ConfigFor(t *tenant.Tenant) (verify.Config, error) {
	current := g.common.Load()
	config, ok, err := g.configOf(current, t)
	if !ok {
		return current.config, err
	}
	return config, err
}
