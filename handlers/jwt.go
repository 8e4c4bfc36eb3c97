package handlers

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// keySets are the key sets of OAuth servers, by their URLs. They outlast a
// reload, so that it neither asks the server again nor forgets the keys of one
// that is down, and endpoints of one server share its keys.
var keySets = caddy.NewUsagePool()

// sharedKeySet is a key set in the pool.
type sharedKeySet struct{ *verify.KeySet }

// Destruct does nothing: a key set is only memory.
func (sharedKeySet) Destruct() error { return nil }

// tokenOptions are what a Verifier needs for the subdirective jwt. Nothing is
// fetched before a token arrives, so that a configuration loads without a
// network.
func (a *Auth) tokenOptions(spec *verify.Spec, config *verify.Config) ([]verify.Option, error) {
	options := []verify.Option{verify.WithClaimsRules(route.CompileClaims)}
	target := config.KeySetURL(spec)
	if target == "" {
		return options, nil
	}
	shared, _, err := keySets.LoadOrNew(target, func() (caddy.Destructor, error) {
		set, err := verify.NewKeySet(target, verify.NewKeyFetcher(), time.Now)
		if err != nil {
			return nil, err
		}
		set.Report = func(err error) {
			caddy.Log().Named("http.handlers.webhook_auth").Warn("keys for tokens", zap.String("jwks_url", target), zap.Error(err))
		}
		return sharedKeySet{set}, nil
	})
	if err != nil {
		return nil, err
	}
	a.keySetURL = target
	return append(options, verify.WithKeySet(shared.(sharedKeySet).KeySet)), nil
}

// Cleanup gives back the key set.
func (a *Auth) Cleanup() error {
	if a.keySetURL == "" {
		return nil
	}
	_, err := keySets.Delete(a.keySetURL)
	return err
}
