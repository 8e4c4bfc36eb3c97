package handlers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/token"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// issuers are the issuers of tokens that a configuration names: in
// webhook_token, which issues them, and in issued, which takes them. They are
// collected while modules are provisioned, in any order, and only read when
// requests come.
type issuers struct {
	storage token.Storage
	logger  *zap.Logger
	byName  map[string]*issuer
}

// issuer is one of them.
type issuer struct {
	name      string
	keys      token.Keys         // given to webhook_token, or stored
	stored    *token.StoredKeys  // nil where keys are given
	endpoints int                // how many webhook_token there are
	keyTexts  []string           // of the first of them, to compare with others
	open      bool               // a client gets tokens without for
	clientFor []string           // the providers and endpoints for which clients get tokens
	providers []string           // whose endpoints take tokens
	taking    []webhook.Endpoint // these endpoints
	given     bool               // keys were given to one of them
}

func (i *issuers) provision(ctx caddy.Context) {
	i.logger = ctx.Logger()
	i.byName = make(map[string]*issuer)
	i.storage = ctx.Storage()
}

// named returns an issuer. Nothing is read from the storage, nor written to
// it, before a request needs its keys.
func (i *issuers) named(name string) *issuer {
	if name == "" {
		name = verify.DefaultIssuer
	}
	found := i.byName[name]
	if found == nil {
		stored := token.NewStoredKeys(i.storage, name, func(err error) {
			i.logger.Error("keys of tokens", zap.String("issuer", name), zap.Error(err))
		})
		found = &issuer{name: name, stored: stored, keys: stored}
		i.byName[name] = found
	}
	return found
}

// issuing adds a webhook_token, whose placeholders are expanded.
func (i *issuers) issuing(config *token.Config) (*issuer, error) {
	found := i.named(config.Issuer)
	if found.endpoints > 0 && !slices.Equal(config.Keys, found.keyTexts) {
		return nil, fmt.Errorf("another webhook_token of the issuer %s has other keys; give both the same ones, "+
			"or none, or another name", found.name)
	}
	found.endpoints++
	found.keyTexts = config.Keys
	if len(config.Keys) > 0 {
		given := new(givenKeys)
		if err := given.parse(config.Keys, true); err != nil {
			return nil, err
		}
		found.keys, found.stored = given, nil
	}
	for _, client := range config.Clients {
		found.open = found.open || len(client.For) == 0
		found.clientFor = append(found.clientFor, client.For...)
	}
	return found, found.check()
}

// receiving adds an endpoint that takes tokens, with the keys of issued
// expanded. It returns nil where the endpoint takes none.
func (i *issuers) receiving(at webhook.Endpoint, issued *verify.Issued) (*receiver, error) {
	if issued == nil {
		return nil, nil
	}
	if err := token.CheckIssuer(issued.Issuer); err != nil {
		return nil, err
	}
	found := i.named(issued.Issuer)
	if at.Name == found.name && at.Name != at.Provider {
		return nil, fmt.Errorf("the endpoint's name %s is that of the issuer of its tokens; write another one: name <endpoint>", at.Name)
	}
	r := &receiver{issuer: found, endpoint: at}
	if len(issued.Keys) > 0 {
		r.given = new(givenKeys)
		if err := r.given.parse(issued.Keys, false); err != nil {
			return nil, fmt.Errorf("issued: %w", err)
		}
		found.given = true
	}
	if !slices.Contains(found.providers, at.Provider) {
		found.providers = append(found.providers, at.Provider)
	}
	found.taking = append(found.taking, at)
	return r, found.check()
}

// givenKeys are keys that an operator gave, which change when their files do.
type givenKeys struct {
	current atomic.Pointer[token.GivenKeys]
}

// parse takes keys into use.
func (g *givenKeys) parse(texts []string, signing bool) error {
	keys, err := token.ParseKeys(texts)
	if err != nil {
		return err
	}
	if signing && !keys[0].CanSign() {
		return errors.New("key 1 is a public one, which signs nothing; the first key must be private or a shared secret")
	}
	g.current.Store(&keys)
	return nil
}

// Signing implements token.Keys.
func (g *givenKeys) Signing(ctx context.Context, now time.Time) (token.Key, error) {
	return g.current.Load().Signing(ctx, now)
}

// Find implements token.Keys.
func (g *givenKeys) Find(ctx context.Context, id string, now time.Time) (token.Key, bool, error) {
	return g.current.Load().Find(ctx, id, now)
}

// check finds what would make tokens good for more than they are meant for, or
// for nothing.
func (s *issuer) check() error {
	switch {
	case s.open && len(s.providers) > 1:
		return fmt.Errorf("tokens of the issuer %s are taken by %s, so each client of webhook_token needs the providers "+
			"or endpoints that its tokens are for: client <id> <secret> for <provider or endpoint...>", s.name, strings.Join(s.providers, " and "))
	case s.given && s.endpoints > 0:
		return fmt.Errorf("issued %s has keys, but a webhook_token of that issuer is in the same configuration and knows "+
			"them; remove key from issued", s.name)
	}
	return nil
}

// checkFor finds clients whose tokens would be good nowhere, or for endpoints
// that are not told apart. Where no endpoint takes tokens of the issuer, another
// instance has them.
func (i *issuers) checkFor(app *App) error {
	for _, name := range slices.Sorted(maps.Keys(i.byName)) {
		s := i.byName[name]
		for _, wanted := range s.clientFor {
			if app.hasProvider(wanted) || len(s.taking) == 0 {
				continue
			}
			names := slices.Clone(s.providers)
			for _, at := range s.taking {
				names = append(names, at.Name)
			}
			switch {
			case !slices.Contains(names, wanted):
				return fmt.Errorf("webhook_token: a client gets tokens for %s, which is neither a provider nor an endpoint that "+
					"takes tokens of the issuer %s%s", wanted, name, suggest.DidYouMean(wanted, names))
			case len(app.names[wanted]) > 1:
				return fmt.Errorf("webhook_token: a client gets tokens for %s, and several endpoints are called so; "+
					"give each a name of its own: name <endpoint>", wanted)
			}
		}
	}
	return nil
}

// receiver is an endpoint that takes tokens of an issuer.
type receiver struct {
	issuer   *issuer
	endpoint webhook.Endpoint
	given    *givenKeys // nil if the configuration has none
}

// expected returns what a token must say. It is asked for by requests only,
// when all of the configuration is known.
func (r *receiver) expected() *token.Expected {
	e := &token.Expected{Issuer: r.issuer.name, Audiences: []string{r.endpoint.Provider, r.endpoint.Name}, Keys: r.issuer.keys}
	if len(r.issuer.providers) == 1 {
		e.Audiences = append(e.Audiences, r.issuer.name)
	}
	if r.given != nil {
		e.Keys = r.given
	}
	return e
}

// decide returns an error of type *verify.Error if a token is not good.
func (r *receiver) decide(text string, now time.Time) error {
	_, err := r.claims(text, now)
	return err
}

// decideFor is decide for the tokens of one client.
func (r *receiver) decideFor(client string) func(text string, now time.Time) error {
	return func(text string, now time.Time) error {
		claims, err := r.claims(text, now)
		if err == nil && claims.Subject != client {
			err = &verify.Error{Reason: verify.BadToken, Detail: "the token was issued to another client than the tenant"}
		}
		return err
	}
}

func (r *receiver) claims(text string, now time.Time) (*token.Claims, error) {
	claims, err := r.expected().Verify(context.Background(), text, now)
	if refusal, ok := errors.AsType[token.RefusedError](err); ok {
		return nil, &verify.Error{Reason: verify.BadToken, Detail: string(refusal)}
	}
	return claims, err
}

// testClient is the client of tokens that are made for test webhooks.
const testClient = "test"

// sign puts a token into a request, as the provider would.
func (r *receiver) sign(issued *verify.Issued, request *verify.Request, client string) error {
	e := r.expected()
	key, err := e.Keys.Signing(context.Background(), request.Received)
	if err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	signed, err := token.Mint(key, &token.Claims{
		Issuer: e.Issuer, Audience: []string{r.endpoint.Provider}, Subject: client,
		Issued: request.Received, Expires: request.Received.Add(token.DefaultTTL),
	})
	if err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	issued.Put(request, signed)
	return nil
}

// warnTimeout bounds how long starting waits for the storage to say whether
// there are keys.
const warnTimeout = 5 * time.Second

// warn tells of tokens that nobody can have. They are no errors: another
// instance that shares the storage may issue them, and may start later.
func (i *issuers) warn() {
	ctx, cancel := context.WithTimeout(context.Background(), warnTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(i.byName))
	for _, name := range names {
		s := i.byName[name]
		switch {
		case len(s.providers) == 0 || s.given:
		case s.endpoints == 0:
			if exist, err := s.stored.Exist(ctx); exist {
				continue
			} else if err != nil {
				i.logger.Warn("the storage of keys cannot be read", zap.String("issuer", name), zap.Error(err))
				continue
			}
			others := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return i.byName[other].endpoints == 0 })
			i.logger.Warn("no webhook_token issues these tokens, neither here nor, so far, on an instance with the same storage"+
				suggest.DidYouMean(name, others), zap.String("issuer", name), zap.Strings("providers", s.providers))
		case !s.open:
			for _, at := range s.taking {
				if !slices.Contains(s.clientFor, at.Provider) && !slices.Contains(s.clientFor, at.Name) {
					i.logger.Warn("no client of this issuer gets tokens for an endpoint that takes them, nor for its provider; "+
						"name one of them after for", zap.String("issuer", name), at.Field())
				}
			}
		}
	}
}
