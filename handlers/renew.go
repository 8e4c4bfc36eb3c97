package handlers

import (
	"encoding/json"
	"reflect"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// renewal takes up the credentials of a handler that stand in files when the files
// change. It runs on the goroutine of the watch; what it makes is handed to requests by
// the handler's atomic pointers.
type renewal[T any] struct {
	handler string // for the metric
	whose   zap.Field
	logger  *zap.Logger
	current T      // as it was read last, and is in use
	failed  string // what was wrong last; empty if nothing was

	read func() (T, error)
	use  func(T) error
}

// renew begins to look after the credentials of a handler, if any stands in a file.
func renew[T any](watch *observe.Watcher, configured any, r *renewal[T]) {
	if namesFile(configured) {
		watch.Every(r.look)
	}
}

// namesFile reports whether a configuration has a placeholder for the content of a file.
func namesFile(configured any) bool {
	text, err := json.Marshal(configured)
	return err == nil && strings.Contains(string(text), "{file.")
}

// look reads the credentials, and uses them if they are others. What cannot be read or
// used leaves those that are in use, and is told of once.
func (r *renewal[T]) look() {
	fresh, err := r.read()
	if err == nil && reflect.DeepEqual(fresh, r.current) {
		r.failed = ""
		return
	}
	if err == nil {
		err = r.use(fresh)
	}
	switch {
	case err == nil:
		r.current, r.failed = fresh, ""
		observe.Collectors().Renewed.WithLabelValues(r.handler, "taken").Inc()
		r.logger.Info("credentials have changed in their files, and the new ones are in use", r.whose)
	case err.Error() != r.failed:
		r.failed = err.Error()
		observe.Collectors().Renewed.WithLabelValues(r.handler, "broken").Inc()
		r.logger.Warn("credentials have changed in their files and cannot be used; the old ones stay in use", r.whose, zap.Error(err))
	}
}

// renew takes up credentials that change in their files. The configuration is the one
// that is in use.
func (a *Auth) renew(app *App, spec *verify.Spec, current *verify.Config) {
	awaited := a.pending.Load()
	renew(&app.watch, a.Config, &renewal[verify.Config]{
		handler: "webhook_auth", whose: a.observer.Endpoint.Field(), logger: a.logger, current: *current,
		read: func() (verify.Config, error) {
			fresh, err := expandCredentials(a.Config, nil)
			awaited = awaitSecret(spec, &fresh, a.unknown)
			if a.Tenant != nil {
				fresh.Tenant, fresh.Secrets, fresh.Tokens, fresh.Basic = nil, current.Secrets, current.Tokens, current.Basic
			}
			return fresh, err
		},
		use: func(fresh verify.Config) error {
			use, err := a.renewed(&fresh)
			if err != nil {
				return err
			}
			if a.receiver != nil && a.receiver.given != nil {
				if err := a.receiver.given.parse(fresh.Issued.Keys, false); err != nil {
					return err
				}
			}
			a.pending.Store(awaited)
			use()
			return nil
		},
	})
}

// renewed makes what verifies with other credentials, which it does when use is called.
func (a *Auth) renewed(fresh *verify.Config) (use func(), err error) {
	if a.gate != nil { // tenants have the other ones
		return a.gate.Renew(*fresh)
	}
	verifier, err := a.verifier.With(fresh)
	if err != nil {
		return nil, err
	}
	return func() {
		a.current.Store(verifier)
		a.observer.ObserveAgain()
		if a.near != nil {
			a.near.config.Store(fresh)
		}
	}, nil
}
