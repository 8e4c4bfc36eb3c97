package handlers

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// nearEvery is how often a refused signature is diagnosed at an endpoint.
const nearEvery = 10 * time.Second

// nearMiss looks for what would have made refused requests of an endpoint
// verify.
type nearMiss struct {
	app    *App
	own    int // the index of the endpoint's own secrets in those of the app; -1 if tenants have them
	spec   *verify.Spec
	config atomic.Pointer[verify.Config] // with its credentials; those of nobody if tenants have them
	next   atomic.Int64                  // when the next one may be, in nanoseconds since 1970
}

// newNearMiss returns what diagnoses the refusals of the endpoint; it is nil if that
// is switched off. The endpoint's own secrets are remembered for the others, those of
// tenants are not: one tenant's is never tried for another.
func (a *Auth) newNearMiss(app *App, spec *verify.Spec, config *verify.Config) *nearMiss {
	own := -1
	if a.gate == nil {
		own = len(app.secrets)
		app.secrets = append(app.secrets, diagnose.Secrets{Provider: spec.Name, Values: config.Secrets})
	}
	if !a.Diagnose && !app.Diagnose || len(config.Secrets) == 0 {
		return nil
	}
	n := &nearMiss{app: app, own: own, spec: spec}
	n.config.Store(config)
	return n
}

// due reports whether a refusal is to be diagnosed now, and takes the turn.
func (n *nearMiss) due(refused *verify.Error) bool {
	if n == nil {
		return false
	}
	switch refused.Reason {
	case verify.BadSignature, verify.MissingSignature, verify.Stale, verify.Malformed:
	default:
		return false
	}
	at := webhook.Now().UnixNano()
	next := n.next.Load()
	return at >= next && n.next.CompareAndSwap(next, at+int64(nearEvery))
}

// others are the secrets of the other endpoints: first of the same provider.
func (n *nearMiss) others() []diagnose.Secrets {
	var same, rest []diagnose.Secrets
	for i, secrets := range n.app.secrets {
		switch {
		case i == n.own || len(secrets.Values) == 0:
		case secrets.Provider == n.spec.Name:
			same = append(same, secrets)
		default:
			rest = append(rest, secrets)
		}
	}
	return append(same, rest...)[:min(len(same)+len(rest), maxOthers)]
}

// diagnosing is held while a refusal is diagnosed: many endpoints together cost
// no more than one.
var diagnosing sync.Mutex

// maxOthers bounds how many endpoints' secrets are tried.
const maxOthers = 50

// diagnose logs what would have made a refused request verify, where the operator
// wants to know. A body that has not been read is read into the buffer. A request of a
// tenant that is not known is looked at as any other, and nothing is said of it: the
// time that its answer takes does not tell who is known.
func (a *Auth) diagnose(w http.ResponseWriter, r *http.Request, request *verify.Request, body *webhook.Buffer, from *tenants.Visitor, err error) {
	refused, ok := errors.AsType[*verify.Error](err)
	if !ok || !a.near.due(refused) {
		return
	}
	if request.Body == nil && webhook.ReadBody(w, r, body, diagnose.MaxNear, time.Duration(a.ReadBody), nil) != nil || len(body.Data) > diagnose.MaxNear {
		return
	}
	config := a.near.config.Load()
	if from.Tenant != nil {
		own, err := a.gate.ConfigFor(from.Tenant)
		if err != nil {
			return
		}
		config = &own
	}
	if !diagnosing.TryLock() {
		return
	}
	defer diagnosing.Unlock()
	captured := &diagnose.Request{Method: request.Method, URL: request.URL, Header: request.Header, Body: body.Data, Received: request.Received}
	near := diagnose.Near(captured, &diagnose.Endpoint{Spec: a.near.spec, Config: config, Others: a.near.others()}, refused)
	if from.Refusal != nil {
		return
	}
	if s := a.observer.ArrivalOf(r); s != nil {
		s.Near = near
	}
	if len(near) == 0 {
		return
	}
	fields := []zap.Field{
		a.observer.Endpoint.Field(),
		zap.String("reason", string(refused.Reason)),
		zap.Strings("near", near),
		zap.String("path", r.URL.Path),
	}
	if from.Tenant != nil {
		fields = append(fields, zap.String("tenant", from.Tenant.ID))
	}
	a.logger.Warn("webhook diagnosed", fields...)
}
